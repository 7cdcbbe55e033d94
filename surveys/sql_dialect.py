"""The few expressions in which PostgreSQL and SQLite differ, for the statements written by hand."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

# Later than anything: a rule under which somebody can never be asked.
_NEVER = "9999-01-01 00:00:00"


@dataclass(frozen=True, slots=True)
class Ago:
    """A parameter: the moment so many days before the one that is judged by, so that a statement's text can be kept.

    `as_day`: its date, in UTC.
    """

    days: int = 0
    as_day: bool = False


class Slot(str):
    """A parameter whose value comes with each use of a kept text; the string is its name."""

    __slots__ = ()


def bound(params: Iterable[Any], now: dt.datetime, values: Mapping[str, Any] | None = None) -> list[Any]:
    """The values of parameters at a moment."""
    found = []
    adapt = connection.ops.adapt_datetimefield_value
    for param in params:
        if type(param) is Ago:
            at = now - dt.timedelta(days=param.days)
            param = at.astimezone(dt.UTC).date().isoformat() if param.as_day else adapt(at)
        elif type(param) is Slot:
            param = (values or {})[param]
        found.append(param)
    return found


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def plus_days(moment: str, days: int) -> str:
    if is_postgresql():
        return f"({moment} + interval '{int(days)} days')"
    return f"django_format_dtdelta('+', {moment}, {int(days) * 86_400_000_000})"


def start_of(day: str) -> str:
    """The first moment (UTC) of a date column."""
    return f"({day}::timestamp AT TIME ZONE 'UTC')" if is_postgresql() else f"({day} || ' 00:00:00')"


def latest(*moments: str) -> str:
    """The latest of some moments of which any may be missing."""
    if len(moments) == 1:
        return moments[0]
    if is_postgresql():
        return f"GREATEST({', '.join(moments)})"
    first = "'0001-01-01 00:00:00'"
    return f"NULLIF(MAX({', '.join(f'COALESCE({m}, {first})' for m in moments)}), {first})"


def no_moment() -> str:
    return "NULL::timestamptz" if is_postgresql() else "NULL"


def never() -> str:
    return f"'{_NEVER}+00'::timestamptz" if is_postgresql() else f"'{_NEVER}'"


def holds(json: str, value: str) -> str:
    """Whether a JSON list of words holds one of them."""
    if is_postgresql():
        return f"{json} @> '[\"{value}\"]'::jsonb"
    return f"{json} LIKE '%%\"{value}\"%%'"


def draw(*pieces: str) -> str:
    """Eight hex digits drawn by lot from these pieces of text, the same each time: of SHA-256 over them joined."""
    text = " || ".join(pieces)
    if is_postgresql():
        return f"LEFT(ENCODE(SHA256(CONVERT_TO({text}, 'UTF8')), 'hex'), 8) COLLATE \"C\""
    return f"SUBSTR(SHA256({text}), 1, 8)"


def contact_key(contact_id: str) -> str:
    """A recipient key for somebody who has neither address nor number."""
    return f"('contact:' || CAST({contact_id} AS varchar(20)))"


def beside(table: str, condition: str) -> str:
    """A join as the planner likes it."""
    return f"JOIN {table} ON {condition}"


def beside_each(table: str, condition: str) -> str:
    """A join that looks into an index for each row, however many the planner thinks there are."""
    if not is_postgresql():
        return beside(table, condition)
    return f"CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) {table.split()[1]}"


def moment(value: dt.datetime) -> Any:
    """A moment as this database compares it with its columns."""
    return connection.ops.adapt_datetimefield_value(value)
