"""What changes whether rules run, and runs that are under way."""

from django.db import transaction
from django.db.models import Q

from core import clock, jobs, outbox
from core.errors import Refused
from team import audit
from team.models import User
from workflows.domain import RunState
from workflows.models import Rule, Run, RunStep
from workflows.rules import checking, engine
from workflows.rules.definition import values_of
from workflows.rules.domain import StepOutcome
from workflows.services import reach


@transaction.atomic
def switch_rule(*, rule: Rule, is_active: bool, actor: User, confirmed_reach: int | None = None) -> Rule:
    """Switch a rule on or off. Runs that are under way finish; past events are not caught up on.

    A rule is only switched on without problems (`NotReady`). One that would have reached more than `CONFIRM_ABOVE` people
    in 30 days, as the last dry run of this version found, is switched on only by who confirms a number that is not below
    that; a version that was not tried yet is tried now. Who sees a part of the accounts switches nothing.
    """
    reach.refuse_narrowed(actor)
    rule = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    if rule.is_active == is_active:
        return rule
    if is_active:
        if problems := checking.check(values_of(rule)).problems:
            raise checking.NotReady(problems)
        confirmed = max(confirmed_reach or 0, rule.confirmed_reach or 0)
        reach.refuse_unconfirmed(rule, confirmed, actor)
        rule.confirmed_reach = confirmed_reach if confirmed_reach is not None else rule.confirmed_reach
    rule.is_active = is_active
    rule.save(update_fields=["is_active", "confirmed_reach"])
    audit.record(
        action="rule.switch", actor=actor, obj=rule, is_active=is_active, confirmed_reach=rule.confirmed_reach
    )
    return rule


@transaction.atomic
def stop_run(*, run: Run, actor: User) -> None:
    """Stop a run: steps not done yet will not be. Raises `Refused` where it has ended."""
    held = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if not engine.end(held, RunState.STOPPED, f"Stopped by {actor}."):
        raise Refused("This run has ended already.", code="ended")
    run.state, run.reason, run.finished_at = held.state, held.reason, held.finished_at
    audit.record(action="run.stop", actor=actor, obj=run)


@transaction.atomic
def retry_step(*, step: RunStep, actor: User) -> None:
    """Try a failed step again: its run goes on. Raises `Refused` where the step did not fail."""
    engine.retry_step(row=step)
    audit.record(action="run.retry", actor=actor, obj=step.run, path=step.path)


@transaction.atomic
def skip_step(*, step: RunStep, actor: User) -> None:
    """Leave a step out that failed, waits, or was not begun, and go on with the next one.

    Raises `Refused` where it is done, or being done this moment.
    """
    run: Run = (
        Run.objects.select_for_update(of=("self",))
        .select_related("rule", "account__owner")
        .get(pk=step.run_id)
    )
    note = f"Skipped by {actor}."
    open_rows = Q(
        state__in=[outbox.State.PENDING, outbox.State.FAILED, outbox.State.DEAD, outbox.State.IN_DOUBT]
    )
    if run.state not in (RunState.RUNNING, RunState.WAITING, RunState.FAILED):
        raise Refused("This run has ended; its steps are not done any more.", code="ended")
    skipped = RunStep.objects.filter(open_rows, pk=step.pk).update(
        state=outbox.State.CANCELLED,
        outcome=StepOutcome.SKIPPED,
        note=note,
        finished_at=clock.now(),
        lease_until=None,
    )
    if not skipped:
        raise Refused("This step is done, or being done this moment. Look again.", code="not_open")
    engine.reopen(run)
    engine.go_on_after(step)
    audit.record(action="run.skip", actor=actor, obj=run, path=step.path)


@transaction.atomic
def release_held(*, rule: Rule, actor: User, limit: int = 10_000) -> int:
    """Let runs go that were held because there were too many in a day, the oldest first; returns how many."""
    reach.refuse_narrowed(actor)
    held = Run.objects.select_for_update(of=("self",)).filter(rule=rule, state=RunState.HELD)
    found = list(held.order_by("started_at", "pk")[:limit])
    for run in found:
        run.rule = rule
        run.reason = ""
        Run.objects.filter(pk=run.pk).update(reason="")
        engine.begin(run)
    if found:
        jobs.wake(engine.STEP)
        audit.record(action="rule.release", actor=actor, obj=rule, runs=len(found))
    return len(found)
