"""How a run would have gone: when it would have been over, and what it would have written to the customer.

Waits take the time they take; waits for an event, and what ends a journey early, are looked up in the log. Which way a
branch takes follows from what the event recorded.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Contact, Event, Interaction
from surveys.choices import Channel
from surveys.models import Suppression
from team import queries as team_queries
from workflows.domain import add_business_days
from workflows.models import Rule
from workflows.rules import catalogue, conditions
from workflows.rules.definition import BRANCH, walk
from workflows.rules.domain import Exit
from workflows.rules.verdicts import Withheld

WAIT = "wait"
_LARGEST = 20_000


@dataclass(frozen=True, slots=True)
class Course:
    """`ends_at` is empty where the log does not say when the run would have been over."""

    ends_at: dt.datetime | None
    messages: int = 0
    withheld: str = ""


EXIT_KINDS: Mapping[str, tuple[str, ...]] = {
    Exit.REPLIED: ("message.received",),
    Exit.ANSWERED: ("response.scored",),
    Exit.UNSUBSCRIBED: ("survey.declined", "preferences.changed"),
}
"""The events that end a journey early. Tasks and alerts of the run itself cannot be closed: it never made them."""


class Courses:
    """The courses of one rule's runs; what was read of people is kept for the next."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        kinds = {str(step.get("kind")) for _, step in walk(rule.steps)}
        self.writes = any(
            kind in catalogue.step_types and catalogue.step_types[kind].reaches_out for kind in kinds
        )
        self.is_short = not self.writes and WAIT not in kinds
        self.exits = [kind for one in rule.exit_on for kind in EXIT_KINDS.get(one, ())]
        self._barred: dict[int, str] = {}

    def of(self, event: Event) -> Course:
        """The course of the run that `event` would have started."""
        if self.is_short:
            return Course(event.occurred_at)
        exit_at = self._exit_after(event)
        messages, withheld = 0, ""
        at: dt.datetime | None = event.occurred_at
        for step in self._steps(self.rule.steps, event):
            assert at is not None
            if step["kind"] == WAIT:
                at = wait_end(step, at)
                if at is None or (exit_at is not None and exit_at <= at):
                    return Course(exit_at, messages, withheld)
            elif catalogue.step_types[step["kind"]].reaches_out:
                reason = self._reason(event, at)
                if reason:
                    withheld = reason
                else:
                    messages += 1
        return Course(at, messages, withheld)

    def _steps(self, steps: Sequence[Mapping[str, Any]], event: Event) -> Iterator[Mapping[str, Any]]:
        """The steps in their order, with the way taken at each branch."""
        for step in steps:
            if step.get("kind") == BRANCH:
                arm = "then" if conditions.hold(step.get("conditions") or {}, event) else "else"
                yield from self._steps(step.get(arm) or [], event)
            else:
                yield step

    def _exit_after(self, event: Event) -> dt.datetime | None:
        if not self.exits or event.contact_id is None:
            return None
        found = Event.objects.filter(
            contact_id=event.contact_id, kind__in=self.exits, occurred_at__gt=event.occurred_at
        )
        return (
            found.exclude(pk=event.pk).order_by("occurred_at").values_list("occurred_at", flat=True).first()
        )

    def _reason(self, event: Event, at: dt.datetime) -> str:
        """Why nothing would have been written to the person at this time; empty when it would."""
        if event.contact_id is None:
            return Withheld.NO_ADDRESS
        if len(self._barred) > _LARGEST:
            self._barred.clear()
        if event.contact_id not in self._barred:
            self._barred[event.contact_id] = _barred(event.contact_id)
        if reason := self._barred[event.contact_id]:
            return reason
        if self.rule.reply_suppresses and at > event.occurred_at and _was_touched(event, at):
            return Withheld.TOUCHED
        return ""


def _barred(contact_id: int) -> str:
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None or contact.erased_at is not None:
        return Withheld.GONE
    if not contact.email:
        return Withheld.NO_ADDRESS
    active = Suppression.objects.filter(
        address_key=contact.address_key, channel=Channel.EMAIL, lifted_at__isnull=True
    )
    return Withheld.UNSUBSCRIBED if active.exists() else ""


def _was_touched(event: Event, at: dt.datetime) -> bool:
    between = Interaction.objects.filter(
        contact_id=event.contact_id,
        happened_at__gt=event.occurred_at,
        happened_at__lte=at,
        is_automatic=False,
    )
    return between.exclude(kind="note").exists()


def wait_end(settings: Mapping[str, Any], at: dt.datetime) -> dt.datetime | None:
    """When a wait that begins at `at` is over; None where the log does not tell."""
    amount = int(settings.get("amount") or 0)
    match settings.get("until", "duration"):
        case "duration":
            return at + dt.timedelta(**{"hours" if settings.get("unit") == "hours" else "days": amount})
        case "business":
            workspace = team_queries.workspace()
            return add_business_days(
                at, amount, zone=team_queries.zone(), day_start=workspace.day_start, day_end=workspace.day_end
            )
        case _:
            return None
