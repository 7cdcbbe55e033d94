"""The way through the steps of a rule: what comes after a step, how long a wait takes, what ends a journey early.

A place is a path: "0" is the first step, "2.then.0" the first of what the third does where its question is answered yes.

Waits are safe across the change of the clocks: hours are hours that pass, days and times of day are those on the wall of
the workspace, and a time of day that the clocks skip comes when they have skipped it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from accounts.models import Event, Interaction
from workflows.calendars.domain import WorkCalendar, add_days, add_time, next_working_day
from workflows.models import Rule, Run
from workflows.rules.definition import ARMS, BRANCH, values_of
from workflows.rules.domain import Exit, OneRunPer

WAIT = "wait"
LOGGED = "interaction.logged"
Steps = Sequence[Mapping[str, Any]]


# --- Places --------------------------------------------------------------------------------------------------
def step_at(steps: Steps, path: str) -> Mapping[str, Any] | None:
    """The step at a place; None where there is none."""
    parts = path.split(".")
    here: Steps = steps
    for level in range(0, len(parts), 2):
        number = int(parts[level])
        if number >= len(here):
            return None
        if level + 1 == len(parts):
            return here[number]
        here = here[number].get(parts[level + 1]) or []
    return None


def first_in(steps: Steps, path: str, arm: str) -> str | None:
    """The place of the first step of a way of the branch at `path`; None where that way is empty."""
    branch = step_at(steps, path)
    return f"{path}.{arm}.0" if branch is not None and branch.get(arm) else None


def after(steps: Steps, path: str) -> str | None:
    """The place that follows a step, out of branches that end with it; None at the end."""
    parts = path.split(".")
    while parts:
        following = ".".join([*parts[:-1], str(int(parts[-1]) + 1)])
        if step_at(steps, following) is not None:
            return following
        parts = parts[:-2]
    return None


# --- Waiting -------------------------------------------------------------------------------------------------
def wait_end(
    step: Mapping[str, Any], at: dt.datetime, *, zone: ZoneInfo, calendar: WorkCalendar
) -> dt.datetime:
    """When a wait that begins at `at` is over, at the latest where it waits for an event. In UTC.

    `zone` is the workspace's, `calendar` that of the account's owner.
    """
    until, amount = step.get("until", "duration"), int(step.get("amount") or 0)
    is_hours = step.get("unit", "days") == "hours"
    if until == "business":
        if is_hours:
            return add_time(calendar, at, dt.timedelta(hours=amount))
        return add_days(calendar, at, amount)
    if until == "time":
        hour, _, minute = str(step.get("time") or "09:00").partition(":")
        return _next_time(
            at, dt.time(int(hour), int(minute or 0)), zone, calendar if step.get("working_days") else None
        )
    if is_hours:
        return at + dt.timedelta(hours=amount)
    return _on_wall((at.astimezone(zone) + dt.timedelta(days=amount)).replace(tzinfo=None), zone)


def _on_wall(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """A time on the wall as a moment in UTC; of two the first, of none the one after the gap."""
    return moment.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)


def _next_time(at: dt.datetime, time: dt.time, zone: ZoneInfo, calendar: WorkCalendar | None) -> dt.datetime:
    day = at.astimezone(zone).date()
    for _ in range(3):
        if calendar is not None:
            day = next_working_day(calendar, day)
        found = _on_wall(dt.datetime.combine(day, time), zone)
        if found > at:
            return found
        day += dt.timedelta(days=1)
    return found


# --- Leaving -------------------------------------------------------------------------------------------------
EXIT_KINDS: Mapping[str, tuple[str, ...]] = {
    Exit.REPLIED: ("message.received",),
    Exit.ANSWERED: ("response.scored",),
    Exit.UNSUBSCRIBED: ("survey.declined", "preferences.changed"),
    Exit.TASK_CLOSED: ("task.completed", "task.cancelled"),
    Exit.ALERT_CLOSED: ("alert.closed",),
}
"""The events that end a journey, by the exit they stand for."""


def exit_of(event: Event) -> Exit | None:
    """Which exit an event stands for; None where it ends nothing."""
    found = next((one for one, kinds in EXIT_KINDS.items() if event.kind in kinds), None)
    if found is None:
        return None
    if event.kind == "survey.declined" and event.data.get("reason") != "unsubscribed":
        return None
    if event.kind == "preferences.changed" and not event.data.get("paused_until"):
        return None
    return Exit(found)


# --- Whom an event is about ----------------------------------------------------------------------------------
def runs_about(event: Event) -> Q:
    """The runs that an event can end or let go on: those of its person, those about its account as a whole, and those of
    which there is one for each account. A contact logged with nobody in particular counts for everybody there."""
    about = Q(pk__in=[])
    if event.contact_id is not None:
        about |= Q(contact_id=event.contact_id)
    if event.account_id is not None:
        about |= Q(account_id=event.account_id, contact__isnull=True)
        about |= Q(account_id=event.account_id, rule__one_run_per=OneRunPer.ACCOUNT)
        if event.kind == LOGGED and event.contact_id is None:
            about |= Q(account_id=event.account_id)
    return about


def events_about(*, account_id: int | None, contact_id: int | None, one_run_per: str) -> Q:
    """The other way round: the events that can end, or let go on, a run about this customer."""
    about = Q(pk__in=[])
    if contact_id is not None:
        about |= Q(contact_id=contact_id)
    if account_id is not None:
        about |= Q(account_id=account_id, kind=LOGGED, contact__isnull=True)
        if contact_id is None or one_run_per == OneRunPer.ACCOUNT:
            about |= Q(account_id=account_id)
    return about


# --- Who was there before us ---------------------------------------------------------------------------------
def was_touched(
    *, account_id: int | None, contact_id: int | None, after: dt.datetime, until: dt.datetime
) -> str:
    """Whether a person has been in touch with the customer between two moments, in words; empty where nobody was.

    A call, meeting or mail of a colleague counts, a note and what a rule wrote do not; so does a reply of the customer.
    """
    about = {"contact_id": contact_id} if contact_id is not None else {"account_id": account_id}
    if not any(about.values()):
        return ""
    logged = Interaction.objects.filter(
        Q(happened_at__gt=after, happened_at__lte=until), is_automatic=False, **about
    )
    if logged.exclude(kind="note").exists():
        return "A colleague has been in touch with the customer since."
    replied = Event.objects.filter(
        kind="message.received", occurred_at__gt=after, occurred_at__lte=until, **about
    )
    return "The customer has replied since." if replied.exists() else ""


# --- Versions ------------------------------------------------------------------------------------------------
def definition_of(run: Run) -> Mapping[str, Any]:
    """The rule's values in the version that the run started with; without steps where that is no longer kept."""
    rule: Rule = run.rule
    if rule.version == run.rule_version:
        return values_of(rule)
    past = rule.history.filter(version=run.rule_version).order_by("-history_date", "-history_id").first()
    return values_of(past) if past is not None else {**values_of(rule), "steps": []}


__all__ = [
    "ARMS", "BRANCH", "EXIT_KINDS", "LOGGED", "WAIT", "after", "definition_of", "events_about", "exit_of", "first_in",
    "runs_about", "step_at", "wait_end", "was_touched",
]  # fmt: skip
