"""From an event to effects: rules become runs, runs do their steps, each exactly once.

The engine hears of events by way of workflows/rules/leaving.py. It starts at most one run per rule and cause (a database
constraint), and does every step as an outbox row whose effect and outcome are one transaction. A step that waits is a row
whose time has not come.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import conditions as language
from accounts import timeline
from accounts.models import Account, Contact, Event
from core import clock, jobs, outbox
from core.errors import Refused
from team import queries as team_queries
from workflows.domain import UNDER_WAY, RunState
from workflows.models import Rule, Run, RunStep
from workflows.queries import worktime
from workflows.rules import active, catalogue, conditions, definition, judging, reports
from workflows.rules.checking import is_shown
from workflows.rules.definition import BRANCH, place_words
from workflows.rules.domain import MAX_CHAIN, OneRunPer, Reentry, StepOutcome
from workflows.rules.entering import cap_of, is_single, subject_of
from workflows.rules.journeys import WAIT, after, definition_of, first_in, step_at, wait_end, was_touched
from workflows.rules.judging import Answer

STEP = "workflow_step"
MAX_REASON = 300
HELD = "Held: more runs than the rule allows in a day. Let it go, or stop it."
ERASED = "The person was erased."


class _NotNow(Exception):
    """The run that was about to start gives way to what stands already."""


# --- Starting ------------------------------------------------------------------------------------------------
def on_event(event: Event) -> None:
    """Start a run for every active rule that the event triggers."""
    judges = active.current().by_kind.get(event.kind, ())
    if not judges:
        return
    now = clock.now()
    for judge in judges:
        if judging.is_actionable(judge.rule, event, now) and judge.judge(event).answer is Answer.FIRES:
            start_run(rule=judge.rule, event=event, cause_key=judge.cause_of(event))


def start_run(
    *, rule: Rule, event: Event, cause_key: str | None = None, led_by: Run | None = None, account: Account | None = None,
    contact: Contact | None = None,
) -> Run | None:  # fmt: skip
    """Start one run of `rule` because of `event`; None where the same cause has already run it, or where the rule's way
    of entering forbids it.

    A run above the cap of the day is held. One that would close a circle of rules, or a chain of more than `MAX_CHAIN`,
    fails at once and the leads are told. `led_by` is the run that led to it; unnamed it is the one that the event names.
    `account` and `contact` are whom it is about, where that is not the event's.
    """
    ancestry = _ancestry(event, led_by)
    subject = contact or account
    about: dict[str, Any] = (
        {"account_id": account.pk if account else None, "contact_id": contact.pk if contact else None}
        if subject is not None
        else {"account_id": event.account_id, "contact_id": event.contact_id}
    )
    chain = _chain_trouble(rule, ancestry)
    run = Run(
        rule=rule, rule_version=rule.version, cause_key=cause_key or judging.Judge(rule).cause_of(event), event=event,
        started_at=clock.now(), ancestry=ancestry, **about,
    )  # fmt: skip
    try:
        with transaction.atomic():
            if chain:
                run.state, run.reason, run.finished_at = RunState.FAILED, chain, run.started_at
                run.save(force_insert=True)
            else:
                _enter(rule, run)
    except (IntegrityError, _NotNow):
        return None
    if chain:
        reports.tell_of_circle(run)
    elif run.state == RunState.HELD:
        reports.tell_of_held(run)
    else:
        _queue(run, rule.steps, "0")
    return run


def enrol(*, rule: Rule, run: Run, path: str) -> Run | None:
    """Send the customer of a run through another rule; None where its way of entering forbids it."""
    if run.event is None:
        raise Refused("What started this run is no longer kept, so it cannot start another.")
    return start_run(
        rule=rule, event=run.event, cause_key=f"run:{run.pk}:{path}", led_by=run, account=run.account, contact=run.contact
    )  # fmt: skip


def _ancestry(event: Event, led_by: Run | None) -> list[int]:
    """The rules whose runs led to the event, the first one first."""
    if led_by is None and timeline.BY_RUN in event.data:
        led_by = Run.objects.filter(pk=event.data[timeline.BY_RUN] or 0).first()
    return [*led_by.ancestry, led_by.rule_id] if led_by is not None else []


def _chain_trouble(rule: Rule, ancestry: list[int]) -> str:
    if rule.pk not in ancestry and len(ancestry) < MAX_CHAIN:
        return ""
    names = dict(Rule.objects.filter(pk__in=ancestry).values_list("pk", "name"))
    way = " → ".join(
        f"“{names.get(pk, 'a rule that is gone')}”"
        for pk in [*ancestry, rule.pk]
        if pk in names or pk != rule.pk
    )
    way = way if rule.pk in ancestry else f"{way} → “{rule.name}”"
    if rule.pk in ancestry:
        said = (
            f"Stopped: these rules set each other off in a circle: {way}. Change a condition of one of them."
        )
    else:
        said = f"Stopped: more than {MAX_CHAIN} rules set each other off in a row: {way}. Make the chain shorter."
    return said if len(said) <= MAX_REASON else said[: MAX_REASON - 1] + "…"


def _enter(rule: Rule, run: Run) -> None:
    """Write the run, as the rule's way of entering allows. Raises `_NotNow` or `IntegrityError` where it does not.

    The row is written before the others are looked at: of two that come at once, the second waits for the first at the
    constraint and then finds it.
    """
    subject = subject_of(rule.one_run_per, run.account_id, run.contact_id)
    if subject and is_single(rule):
        run.subject_key = subject
    cap = cap_of(rule)
    if cap is not None:
        # Those who count stand in line: without it, two workers would each let the last one in.
        Rule.objects.select_for_update(of=("self",)).filter(pk=rule.pk).values_list("pk").first()
    run.save(force_insert=True)
    if subject and rule.reentry != Reentry.ALWAYS:
        before = Run.objects.filter(_about(subject, rule.one_run_per), rule=rule).exclude(pk=run.pk)
        if rule.reentry == Reentry.AFTER_DAYS:
            before = before.filter(started_at__gt=run.started_at - dt.timedelta(days=rule.reentry_days or 0))
        if before.exists():
            raise _NotNow
    if cap is not None and _started_today(run) > cap:
        run.state, run.reason = RunState.HELD, HELD
        run.save(update_fields=["state", "reason"])


def _about(subject: str, one_run_per: str) -> Q:
    """The runs about a subject: of an account those of its people too, where the rule takes them as one."""
    kind, _, pk = subject.partition(":")
    if kind == "contact":
        return Q(contact_id=int(pk))
    of_account = Q(account_id=int(pk))
    return of_account if one_run_per == OneRunPer.ACCOUNT else of_account & Q(contact__isnull=True)


def _started_today(run: Run) -> int:
    zone = team_queries.zone()
    midnight = run.started_at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    today = Run.objects.filter(rule_id=run.rule_id, started_at__gte=midnight.astimezone(dt.UTC))
    return today.exclude(state=RunState.HELD).count()


# --- Going on ------------------------------------------------------------------------------------------------
def _queue(run: Run, steps: list[dict[str, Any]], path: str | None) -> None:
    """Queue the step at `path`, or finish the run when there is none."""
    described = step_at(steps, path) if path is not None else None
    if path is None or described is None:
        end(run, RunState.DONE)
        return
    settings = {key: value for key, value in described.items() if key not in ("kind", *definition.ARMS)}
    row = RunStep(key=f"run:{run.pk}:{path}", run=run, path=path, kind=described["kind"], settings=settings)
    state, waiting_for = RunState.RUNNING, ""
    if row.kind == WAIT:
        row.started_at = clock.now()
        row.due_at = row.next_at = _wait_end(run, settings, row.started_at)
        state, waiting_for = (
            RunState.WAITING,
            str(settings.get("event") or "") if settings.get("until") == "event" else "",
        )
    outbox.add([row])
    if (run.state, run.waiting_for) != (state, waiting_for):
        run.state, run.waiting_for = state, waiting_for
        Run.objects.filter(pk=run.pk).update(state=state, waiting_for=waiting_for)
    if row.kind != WAIT:
        jobs.wake(STEP)


def _wait_end(run: Run, settings: Mapping[str, Any], at: dt.datetime) -> dt.datetime:
    owner = run.account.owner if run.account is not None else None
    calendar = worktime.calendar_of(owner if owner is not None and owner.is_active else None)
    return wait_end(settings, at, zone=team_queries.zone(), calendar=calendar)


def do_step(row: RunStep) -> None:
    """Do one step and queue the next, in the transaction that marks this one done."""
    run: Run = (
        Run.objects.select_for_update(of=("self",))
        .select_related("rule", "account", "contact", "event")
        .get(pk=row.run_id)
    )
    row.run = run
    row.started_at = row.started_at or clock.now()
    if run.state not in (RunState.RUNNING, RunState.WAITING):
        _note(row, StepOutcome.CANCELLED, "Not done: the run had ended.")
        return
    if run.contact is not None and run.contact.erased_at is not None:
        _note(row, StepOutcome.CANCELLED, ERASED)
        end(run, RunState.EXITED, ERASED)
        return
    steps = list(definition_of(run)["steps"])
    following = after(steps, row.path)
    if row.kind == WAIT:
        came = bool(row.result.get("came"))
        _note(row, StepOutcome.DONE, "It happened." if came else "", row.result)
    elif row.kind == BRANCH:
        arm = "then" if _is_so(run, row) else "else"
        _note(row, StepOutcome.DONE, "Yes." if arm == "then" else "No.", {"arm": arm})
        following = first_in(steps, row.path, arm) or following
    elif why := _left_out(run, row):
        _note(row, StepOutcome.SKIPPED, why)
    else:
        _note(row, StepOutcome.DONE, "", _do(row))
    _queue(run, steps, following)


def _do(row: RunStep) -> Mapping[str, Any]:
    known = catalogue.step_types.get(row.kind)
    if known is None or known.do is None:
        raise Refused(f"There is no step of kind “{row.kind}” here. Change the rule, or skip the step.")
    for setting in known.settings:
        value = row.settings.get(setting.key, setting.default)
        is_empty = value is None or value in ("", [])
        if is_empty and setting.is_required and is_shown(setting, row.settings, known.settings):
            raise Refused(
                f"“{setting.label}” is missing. Fill it in in the rule; this run goes on when you skip the step."
            )
    token = timeline.run_at_work.set(row.run_id)
    try:
        return known.do(row)
    finally:
        timeline.run_at_work.reset(token)


def _is_so(run: Run, row: RunStep) -> bool:
    """Whether the question of a branch is answered yes: of the event as it was recorded, of the customer as they are."""
    values = conditions.values_of(run.event) if run.event is not None else {}
    values |= timeline.current_facts(run.account, run.contact)
    zone = team_queries.zone()
    now = language.Now(today=clock.now().astimezone(zone).date(), zone=zone)
    return judging.holds(row.settings.get("conditions") or {}, definition_of(run)["trigger"], values, now)


def _left_out(run: Run, row: RunStep) -> str:
    """Why a step that writes to the customer is not done now; empty where it is."""
    known = catalogue.step_types.get(row.kind)
    if known is None or not known.reaches_out or not run.rule.reply_suppresses:
        return ""
    since = run.event.occurred_at if run.event is not None else run.started_at
    return was_touched(account_id=run.account_id, contact_id=run.contact_id, after=since, until=clock.now())


def _note(row: RunStep, outcome: StepOutcome, note: str, result: Mapping[str, Any] | None = None) -> None:
    row.outcome, row.note, row.result = outcome, note[:MAX_REASON], dict(result or {})
    if row.note == "" and isinstance(row.result.get("note"), str):
        row.note = str(row.result.pop("note"))[:MAX_REASON]
    RunStep.objects.filter(pk=row.pk).update(
        outcome=row.outcome, note=row.note, result=row.result, started_at=row.started_at
    )


# --- Ending --------------------------------------------------------------------------------------------------
def end(run: Run, state: RunState, reason: str = "") -> bool:
    """End a run that is under way: what it has not done yet it will not do. False where it had ended before."""
    run.state, run.reason, run.finished_at = state, reason[:MAX_REASON], clock.now()
    run.subject_key, run.waiting_for = None, ""
    ended = Run.objects.filter(pk=run.pk, state__in=UNDER_WAY).update(
        state=state, reason=run.reason, finished_at=run.finished_at, subject_key=None, waiting_for=""
    )
    if ended and state in (RunState.EXITED, RunState.STOPPED):
        RunStep.objects.filter(run=run, state=outbox.State.PENDING).update(
            state=outbox.State.CANCELLED,
            outcome=StepOutcome.CANCELLED,
            note=run.reason,
            finished_at=run.finished_at,
        )
    return bool(ended)


def step_given_up(row: RunStep) -> None:
    """A step that failed for good ends its run, visibly."""
    with transaction.atomic():
        RunStep.objects.filter(pk=row.pk).update(
            outcome=StepOutcome.FAILED, started_at=row.started_at or clock.now()
        )
        error = RunStep.objects.filter(pk=row.pk).values_list("error", flat=True).first() or ""
        end(Run.objects.get(pk=row.run_id), RunState.FAILED, f"{place_words(row.path)}: {error}")


def go_on_after(row: RunStep) -> None:
    """Queue what follows a step that is behind us, in the caller's transaction."""
    run = Run.objects.select_related("rule", "account__owner").get(pk=row.run_id)
    steps = list(definition_of(run)["steps"])
    _queue(run, steps, after(steps, row.path))


def begin(run: Run) -> None:
    """Queue the first step of a run that was held, in the caller's transaction."""
    _queue(run, list(definition_of(run)["steps"]), "0")


def come(*, rows: list[int]) -> int:
    """End the waits of these steps: what they waited for has happened."""
    ended = RunStep.objects.filter(pk__in=rows, state=outbox.State.PENDING, kind=WAIT).update(
        result={"came": True}, next_at=Now()
    )
    if ended:
        jobs.wake(STEP)
    return ended


def retry_step(*, row: RunStep) -> None:
    """Try a failed step of a failed run again. Raises `Refused` where it is not waiting for that."""
    with transaction.atomic():
        if not outbox.retry_by_hand(RunStep.objects.filter(pk=row.pk)):
            raise Refused("This step is not waiting for another try.")
        RunStep.objects.filter(pk=row.pk).update(outcome="", note="")
        reopen(Run.objects.select_related("rule").get(pk=row.run_id))
        jobs.wake(STEP)


def reopen(run: Run) -> None:
    """Let a run that failed go on. Raises `Refused` where another one is under way for the same customer meanwhile."""
    if run.state not in (RunState.FAILED, *UNDER_WAY):
        raise Refused("This run has ended; its steps are not done any more.", code="ended")
    subject = subject_of(run.rule.one_run_per, run.account_id, run.contact_id)
    try:
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(
                state=RunState.RUNNING,
                finished_at=None,
                reason="",
                subject_key=subject if is_single(run.rule) and subject else None,
            )
    except IntegrityError:
        raise Refused(
            "Another run of this rule is under way for the same customer. Stop that one first.", code="busy"
        ) from None
    run.state, run.finished_at, run.reason, run.waiting_for = RunState.RUNNING, None, "", ""


def register() -> None:
    active.register()
    outbox.register(
        outbox.Kind(
            STEP,
            RunStep,
            outbox.per_row(do_step),
            idempotent=True,
            flush=False,
            on_dead=step_given_up,
            retry_by_hand=lambda row, actor: retry_step(row=row),
        )
    )
