"""How a run would have gone: when it would have been over, and what it would have written to the customer.

Waits take the time they take; waits for an event, and what ends a journey early, are looked up in the log. Which way a
branch takes follows from what the event recorded.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet

from accounts.domain import Origin
from accounts.models import Account, Contact, Event
from surveys.choices import Channel
from surveys.models import Suppression
from surveys.services import in_app_messages
from team import queries as team_queries
from workflows.calendars.domain import WorkCalendar
from workflows.models import Rule
from workflows.queries import worktime
from workflows.rules import catalogue, conditions, judging
from workflows.rules.definition import BRANCH, walk
from workflows.rules.domain import Exit
from workflows.rules.journeys import EXIT_KINDS, LOGGED, WAIT, events_about, exit_of, wait_end, was_touched
from workflows.rules.verdicts import Withheld

_OF_THE_RUN = {Exit.TASK_CLOSED, Exit.ALERT_CLOSED}  # It never made them, so nobody can have closed them.
EXIT_LIKE = {"message.received", "response.scored", LOGGED}
"""What the log knows of whether it came; the tasks and alerts of a run that never was cannot be closed."""
_LARGEST = 20_000


@dataclass(frozen=True, slots=True)
class Course:
    """`ends_at` is empty where the log does not say when the run would have been over."""

    ends_at: dt.datetime | None
    messages: int = 0
    withheld: str = ""


class Courses:
    """The courses of one rule's runs; what was read of people is kept for the next."""

    def __init__(self, rule: Rule, *, as_recorded: bool = False) -> None:
        """`as_recorded`: events are heard of when they were recorded, and only live ones, as the engine does; else when they
        happened, wherever they came from."""
        self.rule, self.as_recorded = rule, as_recorded
        kinds = {str(step.get("kind")) for _, step in walk(rule.steps)}
        self.writes = any(
            kind in catalogue.step_types and catalogue.step_types[kind].reaches_out for kind in kinds
        )
        self.is_short = not self.writes and WAIT not in kinds
        self.exits = [
            kind for one in rule.exit_on for kind in EXIT_KINDS.get(one, ()) if one not in _OF_THE_RUN
        ]
        self._barred: dict[tuple[int, Channel], str] = {}
        self._calendars: dict[int | None, WorkCalendar] = {}
        self.zone = team_queries.zone()

    def of(self, event: Event, at: dt.datetime) -> Course:
        """The course of the run that `event` would have started at a time."""
        if self.is_short:
            return Course(at)
        exit_at = self.exit_after(event, at)
        messages, withheld = 0, ""
        for step in self._steps(self.rule.steps, event):
            if step["kind"] == WAIT:
                at = self._wait_end(step, at, event)
                if exit_at is not None and exit_at <= at:
                    return Course(exit_at, messages, withheld)
            elif catalogue.step_types[step["kind"]].reaches_out:
                reason = self._reason(event, at, catalogue.step_types[step["kind"]].reaches_by)
                if reason:
                    withheld = reason
                else:
                    messages += 1
        return Course(at, messages, withheld)

    def _steps(self, steps: Sequence[Mapping[str, Any]], event: Event) -> Iterator[Mapping[str, Any]]:
        """The steps in their order, with the way taken at each branch."""
        for step in steps:
            if step.get("kind") == BRANCH:
                arm = "then" if self._is_so(step, event) else "else"
                yield from self._steps(step.get(arm) or [], event)
            else:
                yield step

    def exit_after(self, event: Event, at: dt.datetime) -> dt.datetime | None:
        """When the log says that something ended the run that `event` would have started at a time."""
        if not self.exits:
            return None
        found = self._heard(event, kind__in=self.exits)
        # Of the same moment, what was recorded later is heard later.
        later = found.filter(Q(when__gt=at) | Q(when=at, pk__gt=event.pk or 0))
        ends = (
            one.when for one in later.order_by("when", "pk").iterator() if exit_of(one) in self.rule.exit_on
        )
        found_at: dt.datetime | None = next(ends, None)
        return found_at

    def _wait_end(self, step: Mapping[str, Any], at: dt.datetime, event: Event) -> dt.datetime:
        """When the wait would have been over: by its length, or by what the log says happened before."""
        longest = wait_end(step, at, zone=self.zone, calendar=self._calendar(event.account_id))
        if step.get("until") != "event" or step.get("event") not in EXIT_LIKE:
            return longest
        came = self._heard(event, kind=step["event"]).filter(when__gt=at, when__lt=longest)
        first: dt.datetime | None = came.order_by("when").values_list("when", flat=True).first()
        return first or longest

    def _heard(self, event: Event, **kinds: Any) -> QuerySet[Any]:
        """Events that a run started by `event` hears of, each with `when` it hears of them: those of the customers that
        the engine follows (workflows/rules/journeys.py), which did not happen before the cause."""
        about = events_about(
            account_id=event.account_id, contact_id=event.contact_id, one_run_per=self.rule.one_run_per
        )
        found = Event.objects.filter(about, occurred_at__gte=event.occurred_at, **kinds).exclude(pk=event.pk)
        if self.as_recorded:
            found = found.filter(origin=Origin.LIVE)
        timed: QuerySet[Any] = found.annotate(when=F("recorded_at" if self.as_recorded else "occurred_at"))
        return timed

    def _calendar(self, account_id: int | None) -> WorkCalendar:
        if len(self._calendars) > _LARGEST:
            self._calendars.clear()
        if account_id not in self._calendars:
            account = Account.objects.select_related("owner").filter(pk=account_id or 0).first()
            owner = account.owner if account is not None else None
            self._calendars[account_id] = worktime.calendar_of(owner if owner and owner.is_active else None)
        return self._calendars[account_id]

    def _is_so(self, step: Mapping[str, Any], event: Event) -> bool:
        return judging.holds(
            step.get("conditions") or {},
            self.rule.trigger,
            conditions.values_of(event),
            judging.now_of(event, self.zone),
        )

    def _reason(self, event: Event, at: dt.datetime, channel: Channel) -> str:
        """Why nothing would have been written to the person at this time; empty when it would."""
        if event.contact_id is None:
            return Withheld.NO_ADDRESS
        if len(self._barred) > _LARGEST:
            self._barred.clear()
        who = (event.contact_id, channel)
        if who not in self._barred:
            self._barred[who] = _barred(event.contact_id, channel)
        if reason := self._barred[who]:
            return reason
        if (
            self.rule.reply_suppresses
            and at > event.occurred_at
            and was_touched(
                account_id=event.account_id, contact_id=event.contact_id, after=event.occurred_at, until=at
            )
        ):
            return Withheld.TOUCHED
        return ""


def _barred(contact_id: int, channel: Channel) -> str:
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None or contact.erased_at is not None:
        return Withheld.GONE
    if channel == Channel.IN_APP:
        if not in_app_messages.is_recognisable(contact):
            return Withheld.NOT_RECOGNISED
        return Withheld.UNSUBSCRIBED if in_app_messages.is_barred(contact) else ""
    if not contact.email:
        return Withheld.NO_ADDRESS
    active = Suppression.objects.filter(
        address_key=contact.address_key, channel=Channel.EMAIL, lifted_at__isnull=True
    )
    return Withheld.UNSUBSCRIBED if active.exists() else ""
