"""The language of saved filters, on plain values: reading a tree of conditions, and judging facts by it.

A tree is `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or one condition `{"field", "op", "value"}`. It is read
once (`parse`) against the fields that exist, with every refusal naming the field, comparison or value at fault, and
then either judged here (`matches`) or compiled to SQL (accounts/segments.py). Both give the same answer.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from core.errors import Invalid

MAX_DEPTH = 5
MAX_CONDITIONS = 50
MAX_TEXT = 200
MAX_VALUES = 200
MAX_DAYS = 36_500
LARGEST = Decimal(10) ** 15
ME = "me"


class Kind(StrEnum):
    """The types a field can have: those of custom fields, and people."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    USER = "user"


class Shape(StrEnum):
    """What a comparison needs beside the field."""

    NONE = "none"
    ONE = "one"
    TWO = "two"
    MANY = "many"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Operator:
    label: str
    shape: Shape


_EMPTY = {"empty": Operator("is empty", Shape.NONE), "not_empty": Operator("is not empty", Shape.NONE)}
OPERATORS: dict[Kind, dict[str, Operator]] = {
    Kind.TEXT: {
        "is": Operator("is", Shape.ONE),
        "is_not": Operator("is not", Shape.ONE),
        "contains": Operator("contains", Shape.ONE),
        "not_contains": Operator("does not contain", Shape.ONE),
        "starts_with": Operator("starts with", Shape.ONE),
        **_EMPTY,
    },
    Kind.NUMBER: {
        "eq": Operator("=", Shape.ONE),
        "ne": Operator("≠", Shape.ONE),
        "lt": Operator("<", Shape.ONE),
        "lte": Operator("≤", Shape.ONE),
        "gt": Operator(">", Shape.ONE),
        "gte": Operator("≥", Shape.ONE),
        "between": Operator("is between", Shape.TWO),
        **_EMPTY,
    },
    Kind.DATE: {
        "within_next": Operator("is within the next … days", Shape.DAYS),
        "within_last": Operator("is within the last … days", Shape.DAYS),
        "more_than_ago": Operator("is more than … days ago", Shape.DAYS),
        "more_than_ahead": Operator("is more than … days ahead", Shape.DAYS),
        "on": Operator("is on", Shape.ONE),
        "before": Operator("is before", Shape.ONE),
        "after": Operator("is after", Shape.ONE),
        "between": Operator("is between", Shape.TWO),
        **_EMPTY,
    },
    Kind.BOOLEAN: {
        "true": Operator("is yes", Shape.NONE),
        "false": Operator("is no", Shape.NONE),
        **_EMPTY,
    },
    Kind.CHOICE: {
        "in": Operator("is one of", Shape.MANY),
        "not_in": Operator("is none of", Shape.MANY),
        **_EMPTY,
    },
    Kind.USER: {
        "in": Operator("is one of", Shape.MANY),
        "not_in": Operator("is none of", Shape.MANY),
        **_EMPTY,
    },
}


@dataclass(frozen=True, slots=True)
class Known:
    """What reading a condition needs to know of a field."""

    key: str
    label: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison, its values read: texts, Decimals, dates, days, or user ids (`me` stays a word)."""

    field: str
    kind: Kind
    op: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`mode` is all, any or not (exactly one child)."""

    mode: str
    children: "tuple[Group | Condition, ...]"


Node = Group | Condition


@dataclass(frozen=True, slots=True)
class Now:
    """From where "me" and "today" are seen."""

    today: dt.date
    zone: dt.tzinfo = dt.UTC
    me: int | None = None


# --- Reading -------------------------------------------------------------------------------------------------
def parse(tree: object, fields: Mapping[str, Known]) -> Group:
    """The tree as checked, typed nodes. Raises `Invalid` naming what is wrong and what would be right."""
    budget = [MAX_CONDITIONS]
    if tree in ({}, None):
        return Group("all", ())
    node = _node(tree, fields, 1, budget)
    return node if isinstance(node, Group) else Group("all", (node,))


def _refuse(message: str) -> Invalid:
    return Invalid(message, field="conditions", code="bad_condition")


def _show(value: object) -> str:
    """A value from outside, short enough to repeat in a message."""
    text = " ".join(str(value).split())
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def _node(tree: object, fields: Mapping[str, Known], depth: int, budget: list[int]) -> Node:
    if not isinstance(tree, Mapping):
        raise _refuse(
            f"A condition is an object with field, op and value, or with all, any or not; got {_show(tree)}."
        )
    if depth > MAX_DEPTH:
        raise _refuse(
            f"Conditions are nested deeper than {MAX_DEPTH} levels. Save the inner part in fewer levels."
        )
    if "field" in tree:
        budget[0] -= 1
        if budget[0] < 0:
            raise _refuse(f"There are more than {MAX_CONDITIONS} conditions. Take some out.")
        return _condition(tree, fields)
    if len(tree) != 1 or (mode := next(iter(tree))) not in {"all", "any", "not"}:
        raise _refuse(
            f"A group has exactly one of all, any and not; got {_show(', '.join(map(str, tree)) or 'nothing')}."
        )
    inner = tree[mode]
    if mode == "not":
        return Group("not", (_node(inner, fields, depth + 1, budget),))
    if not isinstance(inner, list):
        raise _refuse(f"“{mode}” holds a list of conditions.")
    if len(inner) > MAX_CONDITIONS:
        raise _refuse(f"There are more than {MAX_CONDITIONS} conditions. Take some out.")
    return Group(mode, tuple(_node(child, fields, depth + 1, budget) for child in inner))


def _condition(tree: Mapping[Any, Any], fields: Mapping[str, Known]) -> Condition:
    if unknown := set(tree) - {"field", "op", "value"}:
        raise _refuse(
            f"A condition has field, op and value only; {_show(sorted(map(str, unknown))[0])} is not known."
        )
    key = tree["field"]
    field = fields.get(key) if isinstance(key, str) else None
    if field is None:
        raise _refuse(f"There is no field {_show(key)} to filter by.")
    op = tree.get("op")
    operator = OPERATORS[field.kind].get(op) if isinstance(op, str) else None
    if operator is None:
        known = ", ".join(OPERATORS[field.kind])
        raise _refuse(f"{field.label} cannot be compared by {_show(op)}. It knows: {known}.")
    return Condition(field.key, field.kind, str(op), _values(field, operator, tree.get("value")))


def _values(field: Known, operator: Operator, raw: object) -> tuple[Any, ...]:
    if operator.shape is Shape.NONE:
        if raw not in (None, "", []):
            raise _refuse(f"{field.label} “{operator.label}” takes no value.")
        return ()
    if operator.shape is Shape.DAYS:
        return (_days(field, raw),)
    if operator.shape is Shape.TWO:
        if not isinstance(raw, list) or len(raw) != 2:
            raise _refuse(f"{field.label} “{operator.label}” needs two values, from and to.")
        low, high = (_value(field, part) for part in raw)
        if low > high:
            raise _refuse(
                f"{field.label} “{operator.label}”: the first value is larger than the second. Swap them."
            )
        return (low, high)
    if operator.shape is Shape.MANY:
        if not isinstance(raw, list) or not raw:
            raise _refuse(f"{field.label} “{operator.label}” needs a list of at least one value.")
        if len(raw) > MAX_VALUES:
            raise _refuse(f"{field.label} “{operator.label}” takes at most {MAX_VALUES} values.")
        return tuple(dict.fromkeys(_value(field, part) for part in raw))
    return (_value(field, raw),)


def _value(field: Known, raw: object) -> Any:
    read = _READERS[field.kind]
    return read(field, raw)


def _text(field: Known, raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise _refuse(f"{field.label} needs a text to compare with; got {_show(raw)}.")
    if len(raw) > MAX_TEXT:
        raise _refuse(f"{field.label}: the text to compare with is longer than {MAX_TEXT} characters.")
    if "\x00" in raw:
        raise _refuse(f"{field.label}: the text to compare with holds a null character. Type it again.")
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise _refuse(
            f"{field.label}: the text to compare with is not valid Unicode. Type it again."
        ) from None
    return raw.strip()


def _number(field: Known, raw: object) -> Decimal:
    number = as_number(raw) if isinstance(raw, (int, float, str, Decimal)) else None
    if number is None:
        raise _refuse(f"{field.label} needs a number to compare with; got {_show(raw)}.")
    if abs(number) >= LARGEST or number != round(number, 6):
        raise _refuse(f"{field.label}: {_show(raw)} is too large, or has more than six decimals.")
    return number


def _date(field: Known, raw: object) -> dt.date:
    found = as_date(raw, dt.UTC) if isinstance(raw, (str, dt.date)) else None
    if found is None or not 1900 <= found.year <= 2200:
        raise _refuse(
            f"{field.label} needs a date such as 2026-04-30 between 1900 and 2200; got {_show(raw)}."
        )
    return found


def _days(field: Known, raw: object) -> int:
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
        raw = int(raw.strip()[:9])
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= MAX_DAYS:
        raise _refuse(f"{field.label} needs a number of days from 0 to {MAX_DAYS}; got {_show(raw)}.")
    return raw


def _user(field: Known, raw: object) -> int | str:
    if raw == ME:
        return ME
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
        raw = int(raw.strip()[:19])
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw < 2**63:
        raise _refuse(f"{field.label} needs people: their ids, or “me”; got {_show(raw)}.")
    return raw


_READERS = {
    Kind.TEXT: _text,
    Kind.CHOICE: _text,
    Kind.NUMBER: _number,
    Kind.DATE: _date,
    Kind.USER: _user,
}


def leaves(node: Node) -> Iterator[Condition]:
    """Every condition of the tree."""
    if isinstance(node, Condition):
        yield node
        return
    for child in node.children:
        yield from leaves(child)


def day_bounds(condition: Condition, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The first and last day that a comparison of dates accepts; None is without end."""
    one: Any = condition.values[0] if condition.values else None
    match condition.op:
        case "on":
            return one, one
        case "before":
            return None, one - dt.timedelta(days=1)
        case "after":
            return one + dt.timedelta(days=1), None
        case "between":
            return condition.values[0], condition.values[1]
        case "within_next":
            return today, today + dt.timedelta(days=one)
        case "within_last":
            return today - dt.timedelta(days=one), today
        case "more_than_ago":
            return None, today - dt.timedelta(days=one + 1)
        case _:
            return today + dt.timedelta(days=one + 1), None


# --- Judging -------------------------------------------------------------------------------------------------
def matches(node: Node, facts: Mapping[str, Any], now: Now) -> bool:
    """Whether `facts` (plain values by field key; a missing one is empty) fulfil the tree."""
    if isinstance(node, Condition):
        return _judge(node, facts.get(node.field), now)
    if node.mode == "not":
        return not matches(node.children[0], facts, now)
    every = (matches(child, facts, now) for child in node.children)
    # A group without conditions asks nothing, so everything fulfils it.
    return all(every) if node.mode == "all" or not node.children else any(every)


def _judge(condition: Condition, raw: object, now: Now) -> bool:
    kind, op = condition.kind, condition.op
    value = _as(kind, raw, now)
    if op == "empty":
        return value is None
    if op == "not_empty":
        return value is not None
    if kind is Kind.TEXT:
        return _judge_text(op, fold(value or ""), fold(condition.values[0]))
    if kind is Kind.BOOLEAN:
        return value is (op == "true")
    if kind in {Kind.CHOICE, Kind.USER}:
        wanted = {now.me if kind is Kind.USER and one == ME else one for one in condition.values} - {None}
        return (value in wanted) == (op == "in")
    if value is None:
        return op == "ne"
    if kind is Kind.DATE:
        low, high = day_bounds(condition, now.today)
        return (low is None or value >= low) and (high is None or value <= high)
    return _judge_number(op, value, condition.values)


def _judge_text(op: str, value: str, wanted: str) -> bool:
    match op:
        case "is":
            return value == wanted
        case "is_not":
            return value != wanted
        case "contains":
            return wanted in value
        case "not_contains":
            return wanted not in value
        case _:
            return value.startswith(wanted)


def _judge_number(op: str, value: Decimal, wanted: tuple[Decimal, ...]) -> bool:
    one = wanted[0]
    match op:
        case "eq":
            return value == one
        case "ne":
            return value != one
        case "lt":
            return value < one
        case "lte":
            return value <= one
        case "gt":
            return value > one
        case "gte":
            return value >= one
        case _:
            return one <= value <= wanted[1]


def fold(text: str) -> str:
    """How texts are compared: without regard to capitals. The databases' LOWER does the same."""
    return text.lower()


def _as(kind: Kind, raw: object, now: Now) -> Any:
    """A fact as the type of its field; None when empty or of another type."""
    match kind:
        case Kind.TEXT:
            return raw if isinstance(raw, str) and raw else None
        case Kind.CHOICE:
            # The values of some choices are ids; a condition always holds them as text.
            return (str(raw) or None) if isinstance(raw, (str, int)) and not isinstance(raw, bool) else None
        case Kind.NUMBER:
            return as_number(raw)
        case Kind.DATE:
            return as_date(raw, now.zone)
        case Kind.BOOLEAN:
            return raw if isinstance(raw, bool) else None
        case _:
            return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def as_number(raw: object) -> Decimal | None:
    """A finite number from an int, float, Decimal or its text; anything else is None."""
    if (
        raw is None
        or isinstance(raw, bool)
        or (isinstance(raw, str) and (len(raw) > 40 or not raw.isascii()))
    ):
        return None
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 40 else None


def as_date(raw: object, zone: dt.tzinfo) -> dt.date | None:
    """A date from a date, a moment (its day in `zone`) or ISO text; anything else is None."""
    if isinstance(raw, dt.datetime):
        return raw.astimezone(zone).date() if raw.tzinfo else raw.date()
    if isinstance(raw, dt.date):
        return raw
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text)
        return as_date(dt.datetime.fromisoformat(text), zone) if len(text) > 10 else None
    except ValueError:
        return None
