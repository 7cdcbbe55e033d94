"""What changes rules and their runs: the switch, and a person's hand on a run."""

from django.db import transaction

from core import clock, outbox
from core.errors import Refused
from team import audit
from team.models import User
from workflows.domain import UNDER_WAY, RunState
from workflows.models import DryRun, Rule, Run, RunStep
from workflows.rules import engine
from workflows.rules.domain import CONFIRM_ABOVE, StepOutcome
from workflows.rules.verdicts import DryRunState


@transaction.atomic
def switch_rule(*, rule: Rule, is_active: bool, actor: User, confirmed_reach: int | None = None) -> Rule:
    """Switch a rule on or off. Runs that are under way finish; past events are not caught up on.

    One that would have reached many people by its newest dry run is switched on only by who repeats their number.
    """
    rule = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    if rule.is_active == is_active:
        return rule
    if is_active:
        reach = _reach(rule)
        if reach > CONFIRM_ABOVE and confirmed_reach != reach:
            raise Refused(
                f"This rule may reach about {reach:,} people in 30 days. Look at whom in its dry run, then confirm the"
                " number.",
                code="confirm_reach",
                field="confirm_reach",
            )
        rule.confirmed_reach = confirmed_reach
    rule.is_active = is_active
    rule.save(update_fields=["is_active", "confirmed_reach"])
    audit.record(action="rule.switch", actor=actor, obj=rule, is_active=is_active)
    return rule


def _reach(rule: Rule) -> int:
    """How many people the rule would have reached in 30 days, as far as anybody has looked."""
    found = DryRun.objects.filter(rule=rule, rule_version=rule.version, state=DryRunState.DONE)
    return found.order_by("-pk").values_list("reach", flat=True).first() or 0


@transaction.atomic
def stop_run(*, run: Run, actor: User) -> None:
    """Stop a run: steps not done yet will not be."""
    stopped = Run.objects.filter(pk=run.pk, state__in=UNDER_WAY).update(
        state=RunState.STOPPED, finished_at=clock.now(), subject_key=None, reason=f"Stopped by {actor}"[:300]
    )
    if not stopped:
        raise Refused("This run has ended already.", code="ended")
    audit.record(action="run.stop", actor=actor, obj=run)


@transaction.atomic
def retry_step(*, step: RunStep, actor: User) -> None:
    """Try a failed step again; the run goes on from it."""
    engine.retry_step(row=step)
    audit.record(action="run.retry", actor=actor, obj=step.run, path=step.path)


@transaction.atomic
def skip_step(*, step: RunStep, actor: User) -> None:
    """Leave a failed or waiting step out; the run goes on with the next one."""
    run = Run.objects.select_for_update(of=("self",)).select_related("rule").get(pk=step.run_id)
    waiting = RunStep.objects.filter(
        pk=step.pk,
        state__in=[outbox.State.PENDING, outbox.State.FAILED, outbox.State.DEAD, outbox.State.IN_DOUBT],
    )
    if run.state not in {*UNDER_WAY, RunState.FAILED} or not waiting.update(
        state=outbox.State.CANCELLED, outcome=StepOutcome.SKIPPED, note=f"Skipped by {actor}"[:300],
        finished_at=clock.now(), error="",
    ):  # fmt: skip
        raise Refused("This step is behind the run already, or is being done right now.", code="not_waiting")
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING, finished_at=None)
    engine.go_on(run=run, after=step.path)
    audit.record(action="run.skip", actor=actor, obj=run, path=step.path)
