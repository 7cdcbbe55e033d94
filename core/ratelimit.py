"""Exact limits: token buckets that are rows, taken from in one statement, so that many processes share one count.

A bucket holds `limit` tokens and refills evenly over `per_seconds`. Taking is committed at once outside a transaction;
inside one it counts only if that commits, so limits of the doors are taken before work begins.
"""

import math
from dataclasses import dataclass

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
    missing = (limit - tokens) if allowed else (cost - tokens)
    return Verdict(bool(allowed), limit, max(0, math.floor(tokens + 1e-9)), max(0.0, missing / rate))


def _statement(*, lasting: bool) -> str:
    """`lasting` False: PostgreSQL need not wait for the disk; a crash may forget the last moments of a count."""
    if sql.is_postgresql():
        # Of two that wait for each other the later may have begun earlier: time never runs backwards in a bucket.
        now, least, greatest = "statement_timestamp()", "LEAST", "GREATEST"
        elapsed = "EXTRACT(EPOCH FROM (statement_timestamp() - b.updated_at))::double precision"
        cast = "::double precision"
        answer = "tokens, allowed" + ("" if lasting else ", set_config('synchronous_commit', 'off', TRUE)")
    else:
        now, least, greatest = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", "MIN", "MAX"
        elapsed = "((JULIANDAY('now') - JULIANDAY(b.updated_at)) * 86400.0)"
        cast, answer = "", "tokens, allowed"
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


def purge() -> int:
    """Forget buckets nobody took from for two days: they are full again, as one that does not exist is."""
    with connection.cursor() as cursor:
        before = sql.now_plus(str(-2 * 86400))
        # The empty list makes both drivers read "%%" as one sign.
        cursor.execute(f"DELETE FROM core_ratebucket WHERE updated_at < {before}", [])
        return int(cursor.rowcount)
