"""What a rule makes of an event: it fires, it does not, or nobody can know any more.

The engine and the dry run judge by this alone. It reads what the event recorded, so that an event of the past gives what
it gave then; the one exception is the text of a comment, which is in no event and read as it is.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from accounts import conditions as language
from accounts.conditions import Group, Known, Node
from accounts.domain import Origin
from accounts.models import Event
from core.errors import Invalid
from team import queries as team_queries
from workflows.models import Rule
from workflows.rules import catalogue, conditions, fields
from workflows.rules.domain import ACT_WITHIN


class Answer(StrEnum):
    FIRES = "fires"
    DOES_NOT = "does_not"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason` says in words why a rule does not fire or why that is unknown; empty where it fires."""

    answer: Answer
    reason: str = ""


FIRES = Judgement(Answer.FIRES)
_NOT_LISTENING = Judgement(Answer.DOES_NOT, "The rule does not wait for this.")
_NOT_MEANT = Judgement(Answer.DOES_NOT, "It is not what the trigger asks for.")
_NOT_HELD = Judgement(Answer.DOES_NOT, "The conditions do not hold.")
_FORGOTTEN = Judgement(Answer.UNKNOWN, "The text it asks about was erased.")
_NOT_KNOWN = Judgement(Answer.UNKNOWN, "What it asks about is not known as of then.")

IMPORTED = frozenset({Origin.IMPORT, Origin.BACKFILL})


class Judge:
    """One rule, read once: its trigger and its conditions.

    Who reads many gives as `known` something that keeps what `fields.known` says of a trigger.
    """

    def __init__(
        self,
        rule: Rule,
        *,
        known: Callable[[str], dict[str, Known]] = fields.known,
    ) -> None:
        self.rule = rule
        self.zone = team_queries.zone()
        self.trigger = catalogue.triggers.get(rule.trigger)
        self.problem = "" if self.trigger else "Nothing here knows its trigger."
        self.root: Group | None = None
        if rule.conditions:
            try:
                self.root = language.parse(rule.conditions, known(rule.trigger))
            except Invalid as error:
                self.problem = error.message

    def judge(self, event: Event, unsure: Collection[str] = ()) -> Judgement:
        """What the rule makes of the event; whether rules act on such events at all is `is_actionable`. Where conditions ask
        for facts that are `unsure`, that is unknown."""
        if self.trigger is None or event.kind not in self.trigger.kinds:
            return _NOT_LISTENING
        if self.problem:
            return Judgement(Answer.UNKNOWN, self.problem)
        if unsure and self.root is not None and not _asked(self.root).isdisjoint(unsure):
            return _NOT_KNOWN
        # Conditions first: they are plain values, the trigger may have to read a text.
        if self.root is not None and not language.matches(
            self.root, conditions.values_of(event), now_of(event, self.zone)
        ):
            return _NOT_HELD
        if self.trigger.holds is not None:
            held = self.trigger.holds(self.rule.trigger_settings, event)
            if not held:
                return _FORGOTTEN if held is None else _NOT_MEANT
        return FIRES

    def cause_of(self, event: Event) -> str:
        """What the rule runs once for."""
        if self.trigger is not None and self.trigger.cause is not None:
            return self.trigger.cause(event)
        return event.cause_key


def _asked(node: Node) -> set[str]:
    """The fields that conditions speak of."""
    if isinstance(node, Group):
        return {field for child in node.children for field in _asked(child)}
    return {node.field}


def judge(rule: Rule, event: Event) -> Judgement:
    """What the rule makes of one event. Of many, keep a `Judge`."""
    return Judge(rule).judge(event)


def is_actionable(rule: Rule, event: Event, now: dt.datetime) -> bool:
    """Whether the rule acts on the event at all: live, or brought in where the rule includes that, and of the last
    days. History alerts nobody."""
    if event.origin != Origin.LIVE and not (rule.includes_imports and event.origin in IMPORTED):
        return False
    return event.occurred_at > now - ACT_WITHIN


def now_of(event: Event, zone: ZoneInfo) -> language.Now:
    """From where conditions see "today": the day on which the event happened."""
    return language.Now(today=event.occurred_at.astimezone(zone).date(), zone=zone)


def holds(tree: Mapping[str, Any], trigger: str, values: Mapping[str, Any], now: language.Now) -> bool:
    """Whether conditions hold for values; without conditions, always. Raises `Invalid`."""
    return not tree or language.matches(language.parse(tree, fields.known(trigger)), values, now)
