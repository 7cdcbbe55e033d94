"""Database connections for the few statements that run with every answer: PostgreSQL only.

What it saves, measured in docs/performance.md: each thread of a web process has a connection of its own, and each of
them plans the large statements anew until it keeps a plan. Connections that the threads lend each other are one or two:
they plan once, keep generic plans, and send several statements in one trip without Django's and the driver's layers.

While a thread holds the line, `django.db.connection` is the line: transactions, the ORM and everything else work on it.
"""

import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import OperationalError, errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

Statement = tuple[str, Sequence[bytes | None]]
# Lines that stay open while nobody holds them.
KEPT = 2


class Hotline:
    """Connections that the threads of a process lend each other: mostly one, and more while several are held."""

    def __init__(self) -> None:
        self._free: list[Any] = []
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work on a line within. A thread keeps its own connection where it is in a transaction already (another
        connection would not see it), on other databases, and where prepared statements are switched off."""
        own: Any = connections[DEFAULT_DB_ALIAS]
        binds = own.settings_dict.get("OPTIONS", {}).get("server_side_binding")
        if own.vendor != "postgresql" or own.in_atomic_block or not binds or is_held():
            yield
            return
        with self._lock:
            line = (
                self._free.pop() if self._free else None
            )  # the one held last: its plans are the most complete
        if line is not None and line.settings_dict["NAME"] != own.settings_dict["NAME"]:
            line.close()
            line = None
        if line is None:
            line = _new_line(own)
        line.close_if_unusable_or_obsolete()
        connections[DEFAULT_DB_ALIAS] = line
        try:
            yield
        finally:
            connections[DEFAULT_DB_ALIAS] = own
            with self._lock:
                is_kept = len(self._free) < KEPT
                if is_kept:
                    self._free.append(line)
            if not is_kept:
                line.close()

    def close(self) -> None:
        """End the lines that nobody holds."""
        with self._lock:
            lines, self._free = self._free, []
        for line in lines:
            line.close()


def _new_line(own: Any) -> Any:
    line = own.copy()
    options = line.settings_dict["OPTIONS"]
    # The driver must neither prepare nor forget statements here: names are ours, and it forgets all with a rollback.
    options["prepare_threshold"] = None
    # A kept plan is made when its tables may be empty still: reading them whole looks cheapest then, and is kept while they
    # grow. Compiling takes longer than any of these statements.
    kept = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
    options["options"] = f"{options.get('options', '')} {kept}".strip()
    line.inc_thread_sharing()
    line.prepared = None
    return line


def is_held() -> bool:
    """Whether this thread works on the line, so that `trip` may be used."""
    return hasattr(connections[DEFAULT_DB_ALIAS], "prepared")


def trip(*statements: Statement) -> list[list[tuple[Any, ...]]]:
    """Run statements in one round trip, each prepared at its first use; returns the rows of each.

    Parameters are texts as PostgreSQL reads them, `$1` in the statement. Begins the transaction where an `atomic` block
    has not yet. An error is raised as Django would, after which nothing behind the failing statement has run.
    """
    return _trip([_Asked(text, (), params, None) for text, params in statements])


def trip_with(*statements: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
    """As `trip`, of parameters as Python has them: the driver says what type each is of."""
    writer = Transformer(connections[DEFAULT_DB_ALIAS].connection)
    asked = []
    for text, params in statements:
        values = writer.dump_sequence(params, [PyFormat.AUTO] * len(params))
        asked.append(_Asked(text, tuple(writer.types or ()), values, writer.formats))
    return _trip(asked)


class _Asked(NamedTuple):
    """A statement on its way: what it is prepared by, and its parameters as they are sent."""

    text: str
    types: tuple[int, ...]
    params: Sequence[Any]
    formats: Any

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        return self.text, self.types


def _trip(statements: Sequence[_Asked]) -> list[list[tuple[Any, ...]]]:
    line: Any = connections[DEFAULT_DB_ALIAS]
    line.close_if_health_check_failed()
    line.ensure_connection()
    raw = line.connection
    pgconn = raw.pgconn
    if line.prepared is None or line.prepared.pgconn is not pgconn:
        line.prepared = _Prepared(pgconn)
    if not raw.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
        statements = (_BEGIN, *statements)
        skipped = 1
    else:
        skipped = 0
    with line.wrap_database_errors:
        results = line.prepared.send(statements)
        reader = Transformer(raw)
        rows: list[list[tuple[Any, ...]]] = []
        for result in results[skipped:]:
            reader.set_pgresult(result)
            rows.append(reader.load_rows(0, result.ntuples, tuple) if result.ntuples else [])
        return rows


_BEGIN = _Asked("BEGIN", (), (), None)


class _Prepared:
    """What is prepared on one connection: its names by the statement and the types of its parameters."""

    def __init__(self, pgconn: Any) -> None:
        self.pgconn = pgconn
        self.names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self.made = 0

    def send(self, statements: Sequence[_Asked]) -> list[Any]:
        """The result of each statement."""
        try:
            asked, results = self._converse(statements)
        except BaseException:
            self.pgconn.finish()  # half a conversation cannot be taken up again
            raise
        failed = next((result for result in results if result.status == ExecStatus.FATAL_ERROR), None)
        if failed is not None:
            for (key, is_preparation), result in zip(asked, results, strict=True):
                if is_preparation and result.status != ExecStatus.COMMAND_OK:
                    del self.names[key]
            raise errors.error_from_result(failed)
        return [
            result for (_, is_preparation), result in zip(asked, results, strict=True) if not is_preparation
        ]

    def _converse(self, statements: Sequence[_Asked]) -> tuple[list[tuple[Any, bool]], list[Any]]:
        pgconn = self.pgconn
        pgconn.enter_pipeline_mode()
        asked: list[tuple[Any, bool]] = []
        for one in statements:
            name = self.names.get(one.key)
            if name is None:
                self.made += 1
                name = self.names[one.key] = b"hot%d" % self.made
                pgconn.send_prepare(name, one.text.encode(), one.types)
                asked.append((one.key, True))
            pgconn.send_query_prepared(name, one.params, one.formats)
            asked.append((one.key, False))
        pgconn.pipeline_sync()
        poll = select.poll()
        _flush(pgconn, poll)
        poll.register(pgconn.socket, select.POLLIN)
        results = []
        for _ in asked:
            results.append(_result(pgconn, poll))
            if _result(pgconn, poll, may_end=True) is not None:
                raise OperationalError("The database answered a statement twice")
        if _result(pgconn, poll).status != ExecStatus.PIPELINE_SYNC:
            raise OperationalError("The conversation with the database is out of step")
        pgconn.exit_pipeline_mode()
        return asked, results


def _result(pgconn: Any, poll: Any, *, may_end: bool = False) -> Any:
    """The next result. Waits for the socket outside of libpq, so that other threads go on."""
    while pgconn.is_busy():
        poll.poll()
        pgconn.consume_input()
    result = pgconn.get_result()
    if pgconn.status != ConnStatus.OK or (result is None and not may_end):
        raise OperationalError("The database ended the connection")
    return result


def _flush(pgconn: Any, poll: Any) -> None:
    if not pgconn.flush():
        return
    poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    while pgconn.flush():
        # The server may need to get rid of answers before it reads on.
        if any(event & select.POLLIN for _, event in poll.poll()):
            pgconn.consume_input()
