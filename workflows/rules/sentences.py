"""A rule as a sentence, for people: when it starts, what must hold, what it does, how one goes through it.

The same lines are compared when two versions are: what reads the same is the same.
"""

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from accounts import conditions as language
from accounts.conditions import Condition, Kind, Node, Shape
from accounts.extend import SegmentField
from core.errors import Invalid
from team.models import User
from workflows.rules import catalogue, fields
from workflows.rules.checking import EXITS
from workflows.rules.definition import ARM_WORDS, ARMS, BRANCH, values_of

_NUMBERS = {
    "eq": "is", "ne": "is not", "lt": "is below", "lte": "is at most", "gt": "is above", "gte": "is at least",
    "between": "is between",
}  # fmt: skip


_OPPOSITES = {
    "in": "not_in", "not_in": "in", "is": "is_not", "is_not": "is", "contains": "not_contains",
    "not_contains": "contains", "empty": "not_empty", "not_empty": "empty", "eq": "ne", "ne": "eq",
}  # fmt: skip
"""Comparisons of which exactly one holds for every value, so that "not" can be said in one word."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step in words. `depth` says how many branches it stands in, `path` where; the heads of a branch's ways
    ("If not") have no path."""

    depth: int
    text: str
    path: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """`conditions` is empty where nothing is asked; `journey` says what differs from the ordinary."""

    when: str
    conditions: str
    steps: list[Line]
    journey: list[str]


class Speaker:
    """Puts rules into words; names and labels are read once for all of them."""

    def __init__(self, user: User | None = None) -> None:
        self.user = user
        self._fields: dict[str, dict[str, SegmentField]] = {}
        self._labels: dict[str, dict[str, str]] = {}

    def rule(self, rule: Any) -> Sentence:
        """The rule (or a row of its history) in words."""
        return self.values(values_of(rule))

    def values(self, values: Mapping[str, Any]) -> Sentence:
        trigger = str(values.get("trigger") or "")
        return Sentence(
            when=self.when(trigger, values.get("trigger_settings") or {}),
            conditions=self.conditions(values.get("conditions"), trigger),
            steps=list(self._lines(values.get("steps") or [], trigger, 0, "")),
            journey=list(journey_words(values)),
        )

    def when(self, trigger: str, settings: Mapping[str, Any]) -> str:
        known = catalogue.triggers.get(trigger)
        if known is None:
            return f"When “{trigger}” happens" if trigger else "When nothing yet"
        return _said(known.words, settings, known.label)

    def conditions(self, tree: object, trigger: str) -> str:
        """What must hold, beginning in small letters; empty where nothing is asked."""
        if not tree:
            return ""
        if trigger not in self._fields:
            self._fields[trigger] = fields.offered(trigger, self.user)
        known = self._fields[trigger]
        try:
            root = language.parse(tree, fields.known(trigger))
        except Invalid as error:
            return f"(cannot be read: {error.message})"
        return self._node(root, known, top=True)

    def step(self, step: Mapping[str, Any], trigger: str) -> str:
        """One step in words, without what stands in it."""
        known = catalogue.step_types.get(str(step.get("kind", "")))
        if known is None:
            return f"do “{str(step.get('kind', ''))[:40]}”, which nothing here can do"
        if known.kind == BRANCH:
            asked = self.conditions(step.get("conditions"), trigger)
            return f"if {asked}" if asked else "if (nothing is asked yet)"
        return _said(known.words, step, known.label)

    def _lines(
        self, steps: Sequence[Mapping[str, Any]], trigger: str, depth: int, place: str
    ) -> Iterable[Line]:
        for number, step in enumerate(steps):
            path = f"{place}{number}"
            yield Line(depth, _capital(self.step(step, trigger)), path, number + 1)
            if step.get("kind") != BRANCH:
                continue
            for arm in ARMS:
                inner = step.get(arm) or []
                if inner:
                    if arm == "else":
                        yield Line(depth, _capital(ARM_WORDS[arm]))
                    yield from self._lines(inner, trigger, depth + 1, f"{path}.{arm}.")

    # --- Conditions ---
    def _node(self, node: Node, known: Mapping[str, SegmentField], *, top: bool) -> str:
        if isinstance(node, Condition):
            return self._condition(node, known[node.field])
        if node.mode == "not":
            inner = node.children[0]
            if isinstance(inner, language.Group) and len(inner.children) == 1:
                inner = inner.children[0]
            if isinstance(inner, Condition) and inner.op in _OPPOSITES:
                return self._condition(replace(inner, op=_OPPOSITES[inner.op]), known[inner.field])
            if isinstance(inner, language.Group) and inner.mode == "any":
                parts = [self._node(child, known, top=False) for child in inner.children]
                return f"it is not so that {' or '.join(parts)}" if parts else ""
            return f"it is not so that {self._node(inner, known, top=False)}"
        parts = [part for child in node.children if (part := self._node(child, known, top=False))]
        if len(parts) < 2:
            return "".join(parts)
        text = (" and " if node.mode == "all" else " or ").join(parts)
        return text if top else f"({text})"

    def _condition(self, condition: Condition, field: SegmentField) -> str:
        label = _article(field.label)
        op, values = condition.op, [self._shown(value, field) for value in condition.values]
        operator = language.OPERATORS[condition.kind][op]
        if operator.shape is Shape.NONE:
            return f"{label} {operator.label}"
        if operator.shape is Shape.DAYS:
            return f"{label} {operator.label.replace('…', values[0])}"
        if condition.kind is Kind.NUMBER:
            return f"{label} {_NUMBERS[op]} {' and '.join(values)}"
        if operator.shape is Shape.TWO:
            return f"{label} is between {values[0]} and {values[1]}"
        if operator.shape is Shape.MANY:
            shown = values[:5] + ([f"{len(values) - 5} more"] if len(values) > 6 else values[5:])
            if op == "in":
                return f"{label} is {_or(shown)}"
            return f"{label} is {'not ' if len(shown) == 1 else 'neither '}{_or(shown, ' nor ')}"
        return f"{label} {operator.label} “{values[0]}”"

    def _shown(self, value: object, field: SegmentField) -> str:
        if field.choices is not None:
            if field.key not in self._labels:
                self._labels[field.key] = dict(field.choices())
            return self._labels[field.key].get(str(value), str(value))
        if isinstance(value, dt.date):
            return f"{value.day} {value:%b %Y}"
        return f"{value:,f}" if hasattr(value, "as_tuple") else str(value)


def _said(words: catalogue.Words, settings: Mapping[str, Any], label: str) -> str:
    """What a trigger or step says of itself; a half-written one may not know what to say."""
    try:
        return words(settings)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        return label


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _article(label: str) -> str:
    if label.isupper() or label[:3].isupper():
        return f"the {label}"
    return f"the {label[:1].lower()}{label[1:]}"


def _or(words: Sequence[str], last: str = " or ") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}{last}{words[-1]}"


# --- The journey ---------------------------------------------------------------------------------------------
def journey_words(values: Mapping[str, Any]) -> Iterable[str]:
    """How somebody goes through it, where that differs from a rule that simply runs each time."""
    subject = "An account" if values.get("one_run_per") == "account" else "A person"
    days = values.get("reentry_days")
    if values.get("reentry") == "never":
        yield f"{subject} goes through it once, and never again."
    elif values.get("reentry") == "after_days" and days:
        yield f"{subject} may go through it again after {days} day{'' if days == 1 else 's'}."
    if values.get("one_run_per") in {"contact", "account"}:
        yield f"No {values['one_run_per']} is in it twice at a time."
    exits = [EXITS[one] for one in values.get("exit_on") or [] if one in EXITS]
    if exits:
        yield f"It ends as soon as {_or(exits)}."
    if values.get("reply_suppresses"):
        yield "What it would write is left out once a colleague has replied to them."
    if cap := values.get("max_runs_per_day"):
        yield f"At most {cap:,} start in a day; more are held until somebody lets them go."
    if values.get("includes_imports"):
        yield "It also acts on what is imported."


# --- Versions ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Change:
    """One line of a comparison: `sign` is "same", "gone" or "new"."""

    sign: str
    depth: int
    text: str


def lines(sentence: Sentence, values: Mapping[str, Any]) -> list[tuple[int, str]]:
    """A version as lines that can be compared."""
    found = [(0, f"It is called “{values.get('name', '')}”.")]
    if values.get("description"):
        found.append((0, f"Described as “{values['description']}”."))
    found += [(0, sentence.when)]
    if sentence.conditions:
        found.append((0, f"and only if {sentence.conditions}"))
    found += [(line.depth + 1, line.text) for line in sentence.steps]
    return found + [(0, text) for text in sentence.journey]


def compare(before: Sequence[tuple[int, str]], after: Sequence[tuple[int, str]]) -> list[Change]:
    """Two versions line by line, in the order of the newer one, what went before what came."""
    found: list[Change] = []
    matcher = difflib.SequenceMatcher(a=list(before), b=list(after), autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal":
            found += [Change("same", *line) for line in after[b1:b2]]
            continue
        found += [Change("gone", *line) for line in before[a1:a2]]
        found += [Change("new", *line) for line in after[b1:b2]]
    return found


def describe(rule: Any) -> Sentence:
    """One rule in words."""
    return Speaker().rule(rule)
