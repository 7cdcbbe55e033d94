"""From an event to effects: rules become runs, runs do their steps, each exactly once.

The engine is a subscriber of the timeline. It starts at most one run per rule and cause (a database constraint), and
does every step as an outbox row whose effect and outcome are one transaction.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Event
from core import clock, jobs, outbox
from core.errors import Refused
from workflows.domain import RunState
from workflows.models import Rule, Run, RunStep
from workflows.rules import conditions
from workflows.rules.domain import ACT_WITHIN

STEP = "workflow_step"
StepFunction = Callable[[RunStep], Mapping[str, Any]]

_steps: dict[str, StepFunction] = {}


def step(kind: str) -> Callable[[StepFunction], StepFunction]:
    """Register what a step of `kind` does. It runs in the transaction that marks the step done, so it must only
    write to the database; what leaves the house is written to an outbox of its own. It returns what it made, as
    neutral values; it raises `Refused` when the step can never work."""

    def decorate(func: StepFunction) -> StepFunction:
        _steps[kind] = func
        return func

    return decorate


def is_actionable(event: Event, now: dt.datetime) -> bool:
    """Whether rules act on the event at all: live, and of the last days. Imported history alerts nobody."""
    return event.origin == Origin.LIVE and event.occurred_at > now - ACT_WITHIN


def on_event(event: Event) -> None:
    """Start a run for every active rule that the event triggers."""
    trigger = conditions.trigger_of(event)
    if not trigger or not is_actionable(event, clock.now()):
        return
    for rule in Rule.objects.filter(trigger=trigger, is_active=True).order_by("pk"):
        if conditions.hold(rule.conditions, event):
            start_run(rule=rule, event=event)


def start_run(*, rule: Rule, event: Event) -> Run | None:
    """Start one run of `rule` because of `event`; None when the same cause has already run it."""
    with transaction.atomic():
        made, is_new = Run.objects.get_or_create(
            rule=rule,
            cause_key=conditions.cause_of(event),
            defaults={
                "rule_version": rule.version,
                "event": event,
                "account_id": event.account_id,
                "contact_id": event.contact_id,
                "started_at": clock.now(),
            },
        )
        if not is_new:
            return None
        _next_step(made, rule.steps, position=0)
    return made


def _next_step(run: Run, steps: list[dict[str, Any]], *, position: int) -> None:
    """Queue the step at `position`, or finish the run when there is none."""
    if position >= len(steps):
        Run.objects.filter(pk=run.pk).update(state=RunState.DONE, finished_at=clock.now())
        return
    described = dict(steps[position])
    kind = described.pop("kind")
    outbox.add(
        [RunStep(key=f"run:{run.pk}:{position}", run=run, path=str(position), kind=kind, settings=described)]
    )
    jobs.wake(STEP)


def do_step(row: RunStep) -> None:
    """Do one step and queue the next, in the transaction that marks this one done."""
    run = Run.objects.select_related("rule", "account", "contact", "event").get(pk=row.run_id)
    if run.state != RunState.RUNNING:
        raise Refused("The run was stopped before this step.")
    row.run = run
    function = _steps.get(row.kind)
    if function is None:
        raise Refused(f"There is no step of kind {row.kind}.")
    RunStep.objects.filter(pk=row.pk).update(result=dict(function(row)))
    _next_step(run, _steps_of(run), position=int(row.path) + 1)


def go_on(*, run: Run, after: str) -> None:
    """Go on with the step behind the one at the path `after`."""
    _next_step(run, _steps_of(run), position=int(after) + 1)


def _steps_of(run: Run) -> list[dict[str, Any]]:
    """The steps of the rule as they were in the version the run started with."""
    if run.rule.version == run.rule_version:
        return list(run.rule.steps)
    past = run.rule.history.filter(version=run.rule_version).order_by("-history_date").first()
    return list(past.steps) if past else []


def step_given_up(row: RunStep) -> None:
    """A step that failed for good ends its run, visibly."""
    Run.objects.filter(pk=row.run_id, state=RunState.RUNNING).update(state=RunState.FAILED, finished_at=Now())


def retry_step(*, row: RunStep) -> None:
    """Try a failed step of a failed run again, by hand."""
    with transaction.atomic():
        if not outbox.retry_by_hand(RunStep.objects.filter(pk=row.pk)):
            raise Refused("This step is not waiting for another try.")
        Run.objects.filter(pk=row.run_id).update(state=RunState.RUNNING, finished_at=None)
        jobs.wake(STEP)


def register() -> None:
    timeline.subscribe("workflows.rules", on_event, live_only=True)
    outbox.register(
        outbox.Kind(
            STEP,
            RunStep,
            outbox.per_row(do_step),
            idempotent=True,
            on_dead=step_given_up,
            retry_by_hand=lambda row, actor: retry_step(row=row),
        )
    )
