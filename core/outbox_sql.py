"""The few expressions in which PostgreSQL and SQLite differ, for core.outbox and core.jobs.

Written as text because each step of the engine is one statement, and the ORM offers neither `UPDATE … RETURNING`
nor `SKIP LOCKED` outside a transaction. `statement_timestamp()` is stable, so that indexes stay usable.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def now() -> str:
    return "statement_timestamp()" if is_postgresql() else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"


def now_plus(seconds: str) -> str:
    """The database's clock plus `seconds`, an SQL expression (never a value from outside)."""
    if is_postgresql():
        return f"statement_timestamp() + make_interval(secs => ({seconds})::double precision)"
    return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now', ({seconds}) || ' seconds')"


def back_off(attempts: str) -> str:
    """min(2^n · 30 s, 6 h) · U(0.5, 1.5), as an SQL expression over the number of attempts."""
    if is_postgresql():
        return f"LEAST(power(2, LEAST({attempts}, 12)) * 30, 21600) * (0.5 + random())"
    return f"(MIN((1 << MIN({attempts}, 12)) * 30, 21600) * (0.5 + ABS(random() % 1000000) / 1000000.0))"


def id_in(column: str, ids: Sequence[Any]) -> tuple[str, list[Any]]:
    if is_postgresql():
        return f"{column} = ANY(%s)", [list(ids)]
    return f"{column} IN ({', '.join(['%s'] * len(ids))})", list(ids)


def quote(name: str | None) -> str:
    """A table's or column's name for use in SQL (never None: the models here have both)."""
    assert name is not None
    return connection.ops.quote_name(name)
