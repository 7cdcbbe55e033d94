"""Several small statements in one round trip, for doors that many browsers knock at.

On PostgreSQL they are sent without waiting for each, planned once for each connection and parsed by nobody in between:
of a small statement, waiting, planning and Django's layers cost several times its work. Elsewhere, and while somebody
counts queries, they run one after the other.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import psycopg
from django.db import InterfaceError, OperationalError, connection

from core import hotline

T = TypeVar("T")
Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]


def run(*statements: Statement) -> list[Rows]:
    """The rows of each statement (with `%s` for parameters, `%%` for the sign). Each must return rows.

    Outside a transaction they are one, and what the first does may be done again when the kept connection turns out to be
    dead: only for statements of which that is harmless.
    """
    if connection.in_atomic_block:
        return _once(statements)
    # These statements may be repeated, so they stand for the look whether the kept connection still lives.
    cast(Any, connection).health_check_done = True
    return _twice_if_dead(lambda: _once(statements))


def _twice_if_dead(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OperationalError, InterfaceError):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
        return work()


def _once(statements: Sequence[Statement]) -> list[Rows]:
    if hotline.is_held():
        return hotline.trip_with(*((_numbered(text), params) for text, params in statements))
    connection.ensure_connection()
    raw = connection.connection
    watched = connection.execute_wrappers or connection.queries_logged
    if connection.vendor != "postgresql" or watched or getattr(raw, "prepare_threshold", None) is None:
        found = []
        for text, params in statements:
            with connection.cursor() as cursor:
                cursor.execute(text, params)
                found.append(cursor.fetchall())
        return found
    with connection.wrap_database_errors, raw.pipeline():
        cursors = [
            psycopg.RawCursor(raw).execute(_numbered(text).encode(), params, prepare=True)
            for text, params in statements
        ]
        return [cursor.fetchall() for cursor in cursors]


@lru_cache(maxsize=500)
def _numbered(text: str) -> str:
    """The text with PostgreSQL's own marks of parameters."""
    pieces = text.split("%s")
    return "".join(
        f"{'' if number == 0 else f'${number}'}{piece.replace('%%', '%')}"
        for number, piece in enumerate(pieces)
    )
