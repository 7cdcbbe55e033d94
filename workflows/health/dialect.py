"""The few expressions of health in which PostgreSQL and SQLite differ. Moments become whole seconds of the epoch."""

import datetime as dt
import json
from collections.abc import Collection
from typing import Any

from django.db import connection

from surveys.sql_dialect import is_postgresql, moment

__all__ = [
    "at_most",
    "day_minus",
    "days_from",
    "epoch",
    "for_all_accounts",
    "ids",
    "in_ids",
    "is_postgresql",
    "moment",
    "real",
    "text_of",
]


def epoch(column: str) -> str:
    """The whole seconds of a moment."""
    if is_postgresql():
        return f"FLOOR(date_part('epoch', {column}))::bigint"
    return f"CAST(STRFTIME('%%s', {column}) AS INTEGER)"


def real(expression: str) -> str:
    """A number as the database's double, never not-a-number."""
    if is_postgresql():
        return f"NULLIF(({expression})::float8, 'NaN'::float8)"
    return f"CAST({expression} AS REAL)"


def days_from(day: dt.date, column: str) -> str:
    """The whole days from `day` to a date column: negative before it."""
    if is_postgresql():
        return f"({column} - DATE '{day.isoformat()}')"
    return f"CAST(JULIANDAY({column}) - JULIANDAY('{day.isoformat()}') AS INTEGER)"


def day_minus(now: int, column: str) -> str:
    """The whole days of 24 hours from a moment to `now` (seconds of the epoch), as a double; never negative."""
    seconds = f"({now} - {epoch(column)})"
    days = f"CASE WHEN {seconds} < 0 THEN 0 ELSE {seconds} / 86400 END"
    return f"({days})::float8" if is_postgresql() else f"CAST({days} AS REAL)"


def at_most(column: str, when: dt.datetime) -> tuple[str, list[Any]]:
    return f" AND {column} <= %s", [moment(when)]


def ids(keys: Collection[int]) -> Any:
    """A parameter that holds many keys; `in_ids` is how it is compared."""
    return sorted(keys) if is_postgresql() else json.dumps(sorted(keys))


def in_ids(column: str) -> str:
    if is_postgresql():
        return f"{column} = ANY(%s::bigint[])"
    return f"{column} IN (SELECT value FROM json_each(%s))"


def text_of(number: str) -> str:
    """A double as text that reads back as the same double."""
    return f"({number})::text" if is_postgresql() else f"PRINTF('%%!.17g', {number})"


def for_all_accounts() -> None:
    """Suit the database to a statement over all accounts, for the rest of the caller's transaction; SQLite needs nothing.

    The computed rows and the hash joins stay in memory. The statement is one of a hundred expressions, each cheap: to
    compile them took PostgreSQL longer than to compute 20,000 accounts. And each account is looked up once, so that
    nothing it remembers of a look-up is ever asked for again; a few rows are read at once, without a map of where they
    lie. Joins are done in the order they are written: beside the estimated cost of so many look-ups the planner no longer
    sees the difference between a look-up and a hash join.
    """
    if is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL enable_memoize = off;"
                " SET LOCAL enable_bitmapscan = off; SET LOCAL join_collapse_limit = 1"
            )
