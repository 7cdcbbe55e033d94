"""Exact limits: token buckets that are rows, taken from in one statement, so that many processes share one count.

A bucket holds `limit` tokens and refills evenly over `per_seconds`. Taking is committed at once outside a transaction;
inside one it counts only if that commits, so limits of the doors are taken before work begins.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection

from core import outbox_sql as sql


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reset_seconds`: when refused, until the same may be asked again; else until the bucket is full."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: float


def take(key: str, *, limit: int, per_seconds: float, cost: float = 1) -> Verdict:
    """Take `cost` tokens from the bucket `key`, or none if there are not so many."""
    if limit < 1 or cost <= 0 or cost > limit or per_seconds <= 0:
        raise ValueError("A bucket needs a limit and a period above zero, and a cost within the limit.")
    rate = limit / per_seconds
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(lasting=connection.in_atomic_block),
            {"key": key[:120], "limit": float(limit), "cost": float(cost), "rate": rate},
        )
        tokens, allowed = cursor.fetchone()[:2]
    return verdict(tokens, bool(allowed), limit=limit, per_seconds=per_seconds, cost=cost)


def verdict(tokens: float, allowed: bool, *, limit: int, per_seconds: float, cost: float = 1) -> Verdict:
    """What a bucket that holds `tokens` after somebody took from it, or could not, means for them."""
    missing = (limit - tokens) if allowed else (cost - tokens)
    remaining = max(0, math.floor(tokens + 1e-9))
    return Verdict(allowed, limit, remaining, max(0.0, missing * per_seconds / limit))


def take_each(limits: Mapping[str, int], *, per_seconds: float) -> dict[str, Verdict]:
    """Take one token from each of several buckets in one statement; they refill over the same time.

    Every bucket decides for itself: one that refuses does not give back what the others gave.
    """
    text, params = taking_each(limits, per_seconds=per_seconds)
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return verdicts_of(limits, cursor.fetchall(), per_seconds=per_seconds)


def taking_each(limits: Mapping[str, int], *, per_seconds: float) -> tuple[str, list[Any]]:
    """The statement of `take_each` with its parameters, for whoever sends it together with another."""
    if not limits or min(limits.values()) < 1 or per_seconds <= 0:
        raise ValueError("Buckets need a limit and a period above zero.")
    rows = sorted((key[:120], float(limit)) for key, limit in limits.items())
    text = _statement_of_many(len(rows), per_seconds, connection.vendor, lasting=connection.in_atomic_block)
    return text, [value for row in rows for value in row]


def verdicts_of(
    limits: Mapping[str, int], rows: Iterable[Sequence[Any]], *, per_seconds: float
) -> dict[str, Verdict]:
    """What the rows of that statement say."""
    found = {key: (tokens, bool(allowed)) for key, tokens, allowed, *_ in rows}
    verdicts = {}
    for key, limit in limits.items():
        tokens, allowed = found[key[:120]]
        verdicts[key] = verdict(tokens, allowed, limit=limit, per_seconds=per_seconds)
    return verdicts


def taking_sql(source: str, *, cost: str, per_seconds: float) -> str:
    """PostgreSQL: a part of a larger statement that takes `cost` tokens (an expression, at most the limit) from one bucket.

    `source` are the tables and conditions that give one row with `bucket` and `bucket_limit`, or none to take nothing.
    Returns `tokens` and `allowed` as `verdict` reads them. The statement must be a transaction of its own.
    """
    limit = f"(excluded.tokens + {cost})"
    elapsed = "GREATEST(0, EXTRACT(EPOCH FROM (statement_timestamp() - b.updated_at))::double precision)"
    filled = f"LEAST({limit}, b.tokens + {elapsed} * {limit} / {float(per_seconds)!r}::double precision)"
    return (
        "INSERT INTO core_ratebucket AS b (key, tokens, allowed, updated_at)"
        f" SELECT bucket, bucket_limit::double precision - {cost}, TRUE, statement_timestamp() FROM {source}"
        f" ON CONFLICT (key) DO UPDATE SET allowed = ({filled}) >= {cost},"
        f" tokens = ({filled}) - CASE WHEN ({filled}) >= {cost} THEN {cost} ELSE 0 END,"
        " updated_at = GREATEST(b.updated_at, statement_timestamp())"
        " RETURNING tokens, allowed, set_config('synchronous_commit', 'off', TRUE)"
    )


@cache
def _statement_of_many(count: int, per_seconds: float, vendor: str, *, lasting: bool) -> str:
    """As `_statement`, with the limit read back from the proposed row: it is one token more than what that would keep."""
    now, least, greatest, elapsed, cast = _dialect()
    limit = f"(excluded.tokens + 1.0{cast})"
    answer = "key, tokens, allowed"
    if sql.is_postgresql() and not lasting:
        answer += ", set_config('synchronous_commit', 'off', TRUE)"
    rate = f"({limit} / {float(per_seconds)!r}{cast})"
    filled = f"{least}({limit}, b.tokens + {greatest}(0.0{cast}, {elapsed}) * {rate})"
    row = f"(%s, %s{cast} - 1.0{cast}, TRUE, {now})"
    return (
        f"INSERT INTO core_ratebucket AS b (key, tokens, allowed, updated_at) VALUES {', '.join([row] * count)}"
        f" ON CONFLICT (key) DO UPDATE SET allowed = ({filled}) >= 1.0{cast},"
        f" tokens = ({filled}) - CASE WHEN ({filled}) >= 1.0{cast} THEN 1.0{cast} ELSE 0.0{cast} END,"
        f" updated_at = {greatest}(b.updated_at, {now})"
        f" RETURNING {answer}"
    )


def _statement(*, lasting: bool) -> str:
    """`lasting` False: PostgreSQL need not wait for the disk; a crash may forget the last moments of a count."""
    now, least, greatest, elapsed, cast = _dialect()
    answer = "tokens, allowed"
    if sql.is_postgresql() and not lasting:
        answer += ", set_config('synchronous_commit', 'off', TRUE)"
    limit, cost, rate = (f"%({name})s{cast}" for name in ("limit", "cost", "rate"))
    filled = f"{least}({limit}, b.tokens + {greatest}(0.0{cast}, {elapsed}) * {rate})"
    return (
        f"INSERT INTO core_ratebucket AS b (key, tokens, allowed, updated_at)"
        f" VALUES (%(key)s, {limit} - {cost}, TRUE, {now})"
        f" ON CONFLICT (key) DO UPDATE SET"
        f" allowed = ({filled}) >= {cost},"
        f" tokens = ({filled}) - CASE WHEN ({filled}) >= {cost} THEN {cost} ELSE 0.0{cast} END,"
        f" updated_at = {greatest}(b.updated_at, {now})"
        f" RETURNING {answer}"
    )


def _dialect() -> tuple[str, str, str, str, str]:
    """(now, least, greatest, seconds since a bucket changed, cast) of this database."""
    if sql.is_postgresql():
        # Of two that wait for each other the later may have begun earlier: time never runs backwards in a bucket.
        elapsed = "EXTRACT(EPOCH FROM (statement_timestamp() - b.updated_at))::double precision"
        return "statement_timestamp()", "LEAST", "GREATEST", elapsed, "::double precision"
    elapsed = "((JULIANDAY('now') - JULIANDAY(b.updated_at)) * 86400.0)"
    return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", "MIN", "MAX", elapsed, ""


def purge() -> int:
    """Forget buckets nobody took from for two days: they are full again, as one that does not exist is."""
    with connection.cursor() as cursor:
        before = sql.now_plus(str(-2 * 86400))
        # The empty list makes both drivers read "%%" as one sign.
        cursor.execute(f"DELETE FROM core_ratebucket WHERE updated_at < {before}", [])
        return int(cursor.rowcount)
