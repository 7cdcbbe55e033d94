"""Work that must happen once, kept as rows of ours.

A row is written in the transaction of its cause; django-q2 only wakes us up to look. See
docs/decisions/0003-outbox-and-queue.md.

How to use it, for a table that inherits `OutboxRow`:

1. Register the kind of work once, in `AppConfig.ready`::

       outbox.register(outbox.Kind("survey_mail", Delivery, handle=send_batch))

2. Write rows in the transaction of the cause, and say that there is something to do::

       outbox.add([Delivery(key=f"delivery:{invitation.pk}:first:email", ...)])
       jobs.wake("survey_mail")

3. `handle(batch)` receives up to `Kind.batch` claimed rows with no transaction open, and settles every one::

       def send_batch(batch: outbox.Batch) -> None:
           prepared = [row for row in batch.rows if ...]       # everything up to here may be repeated safely
           for row in batch.fence(prepared):                   # state "sending", attempts + 1; refused rows are left out
               ...                                             # the step that cannot be taken back
           batch.done(sent, sent_at=outbox.DB_NOW)             # one statement for all
           batch.retry(deferred, "451 try later")              # back-off on the database's clock; dead at max_attempts
           batch.fail(refused, "550 no such user")             # final
           batch.in_doubt(unknown, "connection lost after the message")   # never repeated by itself
           batch.release(paused)                               # untouched: pending again, no attempt counted

   For work that is nothing but database writes, `handle=outbox.per_row(func)` runs `func(row)` and "done" in one
   transaction for each row: exactly once, and one failing row never holds up another.

What the engine promises:

- A claimed row belongs to one batch. A worker that wakes up after its lease is refused by `fence`.
- A crash before `fence` repeats the row; a crash after it leaves it `in_doubt`, or repeats it where the kind is
  declared `idempotent`.
- A row whose worker died is claimed alone from then on, so a row that kills its worker takes no other with it, and is
  dead after `max_attempts`.

Copies and restores: a database remembers which deployment it belongs to. On a copy (another `NPS_INSTANCE_ID`, another
PostgreSQL database) nothing is claimed until an operator runs `manage.py release_outbox`.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from django.apps import apps
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, InterfaceError, OperationalError, connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from core import outbox_sql as sql
from core.errors import Refused
from core.failures import describe, log_failure
from core.once import remembering

logger = logging.getLogger(__name__)


class State(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


class OutboxRow(models.Model):
    """The columns the engine works on; any table that inherits them can be drained.

    `key` is deterministic from the cause, so writing the same work twice is harmless. `attempts` is counted
    before the risk is taken. `next_at` and `lease_until` follow the database's clock.
    """

    key = models.CharField(max_length=200, unique=True)
    state = models.CharField(
        max_length=10, default=State.PENDING, choices=[(s.value, s.value) for s in State]
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    owner = models.CharField(max_length=36, blank=True, default="")
    epoch = models.IntegerField(default=1)
    error = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


OUTBOX_FIELDS = "key state attempts next_at lease_until owner epoch error created_at finished_at"


def due_indexes(table: str) -> list[models.Index]:
    """The two partial indexes an outbox table wants: what is due, and whose lease may have run out."""
    return [
        models.Index(fields=["next_at", "id"], condition=Q(state="pending"), name=f"{table}_due"),
        models.Index(
            fields=["lease_until"], condition=Q(state__in=["claimed", "sending"]), name=f"{table}_leased"
        ),
    ]


class _DatabaseNow:
    """Stands for the database's clock as a column value in `Batch.done(rows, sent_at=DB_NOW)`."""


DB_NOW = _DatabaseNow()
Row = TypeVar("Row", bound=OutboxRow)
Condition = Q | Callable[[], Q]


def _q(condition: Condition) -> Q:
    return condition if isinstance(condition, Q) else condition()


class LeaseLost(Exception):
    """The row is no longer ours: its lease ran out and it was given to another worker."""


@dataclass(frozen=True, kw_only=True)
class _KindOptions:
    batch: int = 20
    lease_seconds: float = 300
    max_attempts: int = 5
    order_by: tuple[str, ...] = ("next_at", "id")
    on_dead: Callable[[Any], None] | None = None
    filter: Condition | None = None
    scope: Condition | None = None
    idempotent: bool = False
    keep_done: bool = True
    flush: bool = True
    max_running: int = 0
    pump: Callable[[], int] | None = None
    retry_by_hand: Callable[[Any, Any], None] | None = None
    settle_by_hand: Callable[[Any, State, Any], None] | None = None


@dataclass(frozen=True)
class Kind(_KindOptions):
    """How the rows of a table are worked off.

    - `filter`: which pending rows may be claimed now (a Q, or a function returning one); e.g. not of a paused campaign.
    - `scope`: which rows of the table are of this kind at all, where several kinds share a table.
    - `idempotent`: a row whose outcome is unknown is repeated instead of left `in_doubt`.
    - `keep_done`: False deletes finished rows instead of keeping them.
    - `flush`: False for work that is nothing but rows of this database, written in the transaction that says they are
      done: nobody waits for the disk then, since a crash that forgets the one forgets the other, and the row is done
      again. What leaves the house later waits for the disk, and takes everything before it along.
    - `max_running`: at most so many rows at work at once over all workers (0: no limit).
    - `pump()`: replaces claiming altogether, for a table of bare markers that are consumed in the transaction that
      handles them: does a batch, returns how many markers it consumed (0: none). `handle` is then never called.
    - `on_dead(row)`: called after a row was given up, or was refused by `per_row`; its failure is logged and changes nothing.
    - `retry_by_hand(row, actor)`, `settle_by_hand(row, state, actor)`: what a person's decision about a row means for
      what the row is about; each raises `Refused` where it is not possible. Without them only the row changes.
    """

    name: str
    model: "type[OutboxRow] | str"
    handle: "Callable[[Batch[Any]], None]"

    @property
    def table(self) -> type[OutboxRow]:
        return apps.get_model(self.model) if isinstance(self.model, str) else self.model


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind of work known. A second registration of the same name replaces the first."""
    if not kind.name.replace("_", "").replace(".", "").isalnum() or len(kind.name) > 60:
        raise ValueError(f"A kind's name is letters, digits, dots and underscores: {kind.name!r}")
    _kinds[kind.name] = kind
    return kind


def unregister(name: str) -> None:
    _kinds.pop(name, None)


def kind_named(name: str) -> Kind | None:
    return _kinds.get(name)


def kinds() -> list[Kind]:
    return list(_kinds.values())


def kind_of(row: OutboxRow) -> Kind | None:
    """The kind a row is worked off as; several may share its table."""
    for kind in kinds():
        if kind.table is type(row) and (
            kind.scope is None or kind.table._base_manager.filter(_q(kind.scope), pk=row.pk).exists()
        ):
            return kind
    return None


def add(rows: Sequence[OutboxRow]) -> None:
    """Insert rows in the caller's transaction; a row whose key exists already is left as it is."""
    if rows:
        type(rows[0])._base_manager.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


# --- Whose database is this? ---------------------------------------------------------------------------------
_fingerprints: dict[str, str] = {}


def fingerprint() -> str:
    """Which deployment this process belongs to: the instance id and, on PostgreSQL, the identity of the database.

    A dump that is restored elsewhere arrives in another database, so it differs; a fail-over to a replica does not.
    """
    name = f"{settings.INSTANCE_ID}|{connection.settings_dict['NAME']}"
    if name not in _fingerprints:
        text: str = settings.INSTANCE_ID
        if sql.is_postgresql():
            system: Any = "-"
            # Some hosts forbid the function; the database's own number still tells a restored dump apart.
            with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT system_identifier FROM pg_control_system()")
                (system,) = cursor.fetchone()
            with connection.cursor() as cursor:
                cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
                (oid,) = cursor.fetchone()
            text = f"{text}/{system}/{oid}"
        _fingerprints[name] = text
    return _fingerprints[name]


def adopt() -> None:
    """On a new database, write down that it is ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_instance (id, epoch, fingerprint) VALUES (1, 1, %s) ON CONFLICT (id) DO UPDATE"
            " SET fingerprint = excluded.fingerprint WHERE core_instance.fingerprint = ''",
            [fingerprint()],
        )


def hold() -> None:
    """Stop all claiming, on every machine, until `release`."""
    adopt()
    _instance("epoch = 0", [])


def release(*, resend: bool = False) -> dict[str, int]:
    """Make this database ours and allow claiming; returns how many rows of each kind are in doubt now.

    After a restore, what the dump holds as due may have been sent since the dump was made. A held but untouched
    database (same deployment) is just let go.
    """
    adopt()
    doubted: dict[str, int] = {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT fingerprint FROM core_instance WHERE id = 1")
            is_foreign = cursor.fetchone()[0] != fingerprint()
        for kind in kinds() if is_foreign and not resend else []:
            if kind.idempotent or kind.pump is not None:
                continue
            lost = kind.table._base_manager.filter(
                Q(state=State.PENDING, next_at__lte=Now()) | Q(state__in=[State.CLAIMED, State.SENDING])
            )
            if kind.scope is not None:
                lost = lost.filter(_q(kind.scope))
            count = lost.update(
                state=State.IN_DOUBT, error="May have been sent before the restore", lease_until=None,
                finished_at=Now(),
            )  # fmt: skip
            if count:
                doubted[kind.name] = count
        _instance(f"epoch = 1, fingerprint = %s, released_at = {sql.now()}", [fingerprint()])
    return doubted


def is_held() -> bool:
    """Whether nothing is claimed at present, because the outbox is held or the database is a copy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fingerprint, epoch FROM core_instance WHERE id = 1")
        row = cursor.fetchone()
    return row is not None and (row[1] == 0 or row[0] not in {"", fingerprint()})


def _instance(assignments: str, params: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE core_instance SET {assignments} WHERE id = 1", params)


# 0 fits no row: a database that belongs to another deployment, or whose outbox is held, yields nothing.
_EPOCH = (
    "{table}.\"epoch\" = COALESCE((SELECT CASE WHEN i.fingerprint IN ('', %s) THEN i.epoch ELSE 0 END"
    " FROM core_instance i WHERE i.id = 1), 1)"
)


# --- Claiming ------------------------------------------------------------------------------------------------
def worker_token() -> str:
    """Eight letters that every claim of this worker cluster begins with, so that a dead cluster's rows are found."""
    return str(getattr(settings, "WORKER_TOKEN", "") or "--------")[:8].ljust(8, "-")


def claim(kind: Kind, *, limit: int = 0) -> "Batch[Any] | None":
    """Claim the next due rows in one committed statement, or return None when nothing is due.

    Rows whose last worker died are "suspects": they keep their owner while pending and are claimed one at a time,
    after the others.
    """
    if not _anything_waits(kind):
        return None
    owner = f"{worker_token()}{uuid.uuid4().hex[:28]}"
    for suspects in (False, True):
        rows = _claim(
            kind, owner, limit=1 if suspects else min(limit or kind.batch, kind.batch), suspects=suspects
        )
        if rows:
            return Batch(kind=kind, owner=owner, rows=rows)
    return None


def _anything_waits(kind: Kind) -> bool:
    """Whether any row of the table is due: most looks find nothing, and claims that may not find it cost ten times this."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {sql.quote(kind.table._meta.db_table)} WHERE state = 'pending' AND next_at <= {sql.now()} LIMIT 1",
            [],
        )
        return cursor.fetchone() is not None


def _due(kind: Kind, *, suspects: bool | None = None) -> "models.QuerySet[Any]":
    model = kind.table
    table = sql.quote(model._meta.db_table)
    due = model._base_manager.filter(state=State.PENDING).extra(  # noqa: S610 - constant text, own table name
        where=[f'{table}."next_at" <= {sql.now()}', _EPOCH.format(table=table)], params=[fingerprint()]
    )
    if suspects is not None:
        due = due.exclude(owner="") if suspects else due.filter(owner="")
    if kind.scope is not None:
        due = due.filter(_q(kind.scope))
    if kind.filter is not None:
        due = due.filter(_q(kind.filter))
    return due


def is_due(kind: Kind) -> bool:
    """Whether a claim would find something now."""
    if kind.pump is not None:
        return kind.table._base_manager.exists()
    return _due(kind).exists()


_LAZILY = "set_config('synchronous_commit', 'off', true)"
_NO_FLUSH = f"lazily AS MATERIALIZED (SELECT {_LAZILY}), "


def _claim(kind: Kind, owner: str, *, limit: int, suspects: bool) -> list[Any]:
    model = kind.table
    table, pk = sql.quote(model._meta.db_table), sql.quote(model._meta.pk.column)
    inner = _due(kind, suspects=suspects).order_by(*kind.order_by).values_list("pk", flat=True)[:limit]
    try:
        select, params = inner.query.sql_with_params()
    except EmptyResultSet:  # a filter that nothing can fulfil, such as an empty list of running campaigns
        return []
    assignments = (
        f"state = 'claimed', owner = %s, lease_until = {sql.now_plus(str(float(kind.lease_seconds)))}"
    )
    if sql.is_postgresql():
        # A claim that a crash of the database forgets has claimed nothing, so it need not wait for the disk; the fence,
        # which does, takes it along.
        lazily = "" if connection.in_atomic_block else _NO_FLUSH
        statement = (
            f"WITH {lazily}due(row_id) AS MATERIALIZED ({select} FOR UPDATE OF {table} SKIP LOCKED)"
            f" UPDATE {table} SET {assignments} FROM due{', lazily' if lazily else ''}"
            f" WHERE {table}.{pk} = due.row_id RETURNING {table}.*"
        )
        arguments = [*params, owner]
    else:
        statement = f"UPDATE {table} SET {assignments} WHERE {pk} IN ({select}) RETURNING *"
        arguments = [owner, *params]
    if kind.max_running:
        with transaction.atomic():
            if not _room(kind):
                return []
            rows = list(model._base_manager.raw(statement, arguments))
    else:
        rows = list(model._base_manager.raw(statement, arguments))
    rows.sort(key=lambda row: (row.next_at, row.pk))
    return rows


def _room(kind: Kind) -> bool:
    """Whether fewer than `max_running` rows are at work. The advisory lock makes claims take turns."""
    if sql.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"outbox:{kind.name}"])
    running = kind.table._base_manager.filter(state__in=[State.CLAIMED, State.SENDING], lease_until__gt=Now())
    if kind.scope is not None:
        running = running.filter(_q(kind.scope))
    return running.count() < kind.max_running


# --- Settling ------------------------------------------------------------------------------------------------
RETRY_SETTLING_SECONDS = 15.0


@dataclass
class Batch(Generic[Row]):
    """Rows claimed together, and the operations on them. Every operation is one statement for all its rows."""

    kind: Kind
    owner: str
    rows: list[Row]
    _open: dict[Any, Row] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._open = {row.pk: row for row in self.rows}

    @property
    def unsettled(self) -> list[Row]:
        return list(self._open.values())

    def fence(self, rows: Sequence[Row], where: Condition | None = None) -> list[Row]:
        """Count the attempt, mark `rows` as "sending" and return those we may still act on.

        Call it right before the step that cannot be taken back. A row is left out when its lease is about to end, when
        it was taken from us or cancelled, or when `where` (checked in the same statement) does not hold; such rows stay
        claimed: `cancel`, `fail` or `release` them. The lease starts anew.
        """
        if not rows:
            return []
        margin = min(10.0, self.kind.lease_seconds / 5)
        condition, params = "", []
        if where is not None:
            allowed = self.kind.table._base_manager.filter(_q(where))
            select, select_params = allowed.values_list("pk", flat=True).query.sql_with_params()
            condition, params = f" AND {self._pk} IN ({select})", list(select_params)
        found = self._update(
            rows,
            f"state = 'sending', attempts = attempts + 1, lease_until = {self._lease}",
            [],
            states=("claimed",),
            condition=f" AND lease_until > {sql.now_plus(str(margin))}{condition}",
            condition_params=params,
            returning="attempts",
        )
        fenced = [row for row in rows if row.pk in found]
        for row in fenced:
            row.state = State.SENDING
            (row.attempts,) = found[row.pk]
        return fenced

    def done(self, rows: Sequence[Row], **columns: Any) -> int:
        """The work is done; `columns` are further columns to write, the same for all rows. Returns how many were ours."""
        if not self.kind.keep_done and not columns:
            return self._close(rows, self._delete(rows), State.DONE)
        return self._finish(rows, State.DONE, "", columns, returning=self._without_flush)

    def fail(self, rows: Sequence[Row], error: "str | BaseException", **columns: Any) -> int:
        """It can never work: final."""
        return self._finish(rows, State.FAILED, _text(error), columns)

    def cancel(self, rows: Sequence[Row], error: str, **columns: Any) -> int:
        """It is no longer wanted: final."""
        return self._finish(rows, State.CANCELLED, error, columns)

    def in_doubt(self, rows: Sequence[Row], error: "str | BaseException", **columns: Any) -> int:
        """Whether it happened is unknown. Never repeated by itself; resolved by evidence or by a person."""
        return self._finish(rows, State.IN_DOUBT, _text(error), columns)

    def retry(
        self, rows: Sequence[Row], error: "str | BaseException", after: float | None = None, **columns: Any
    ) -> list[Row]:
        """Try again after a growing pause (or `after` seconds); returns those that are dead now.

        The pause is min(2^n · 30 s, 6 h) · U(0.5, 1.5) on the database's clock, n being the attempts so far.
        """
        attempts = "attempts + CASE WHEN state = 'claimed' THEN 1 ELSE 0 END"
        dead = f"{attempts} >= {int(self.kind.max_attempts)}"
        pause = str(float(after)) if after is not None else sql.back_off(f"({attempts})")
        extra, params = _assignments(columns)
        found = self._update(
            rows,
            f"attempts = {attempts}, owner = '', lease_until = NULL, error = %s,"
            f" state = CASE WHEN {dead} THEN 'dead' ELSE 'pending' END,"
            f" finished_at = CASE WHEN {dead} THEN {sql.now()} END,"
            f" next_at = {sql.now_plus(pause)}{extra}",
            [_text(error), *params],
            returning="state, attempts",
        )
        self._close(rows, found, State.PENDING)
        given_up = []
        for row in rows:
            if row.pk in found:
                row.state, row.attempts = found[row.pk]
                row.error = _text(error)
                if row.state == State.DEAD:
                    given_up.append(row)
        for row in given_up:
            announce_dead(self.kind, row)
        return given_up

    def release(self, rows: Sequence[Row], after: float = 0) -> int:
        """Give the rows back untouched: pending again (in `after` seconds), no attempt counted."""
        found = self._update(
            rows,
            "attempts = attempts - CASE WHEN state = 'sending' THEN 1 ELSE 0 END, state = 'pending', owner = '',"
            f" lease_until = NULL, next_at = {sql.now_plus(str(float(after)))}",
            [],
        )
        return self._close(rows, found, State.PENDING)

    def extend(self, rows: Sequence[Row] | None = None) -> int:
        """Start the lease of the (unsettled) rows anew; returns how many are still ours."""
        return len(
            self._update(rows if rows is not None else self.unsettled, f"lease_until = {self._lease}", [])
        )

    def forget(self, rows: Sequence[Row]) -> None:
        """Leave rows alone that turned out to be another worker's now."""
        for row in rows:
            self._open.pop(row.pk, None)

    # -- the machinery behind them --
    @property
    def _table(self) -> str:
        return sql.quote(self.kind.table._meta.db_table)

    @property
    def _pk(self) -> str:
        return sql.quote(self.kind.table._meta.pk.column)

    @property
    def _lease(self) -> str:
        return sql.now_plus(str(float(self.kind.lease_seconds)))

    @property
    def _without_flush(self) -> str:
        """A column that lets the caller's transaction end without waiting for the disk, where the kind allows it."""
        is_lazy = not self.kind.flush and connection.in_atomic_block and sql.is_postgresql()
        return _LAZILY if is_lazy else ""

    def _finish(
        self, rows: Sequence[Row], state: State, error: str, columns: dict[str, Any], *, returning: str = ""
    ) -> int:
        extra, params = _assignments(columns)
        # Evidence beats doubt: who holds the row may still say what became of it after the reaper doubted it.
        found = self._update(
            rows,
            f"state = %s, error = %s, lease_until = NULL, finished_at = {sql.now()}{extra}",
            [state.value, error, *params],
            states=("claimed", "sending", "in_doubt"),
            returning=returning,
        )
        return self._close(rows, found, state)

    def _delete(self, rows: Sequence[Row]) -> dict[Any, tuple[Any, ...]]:
        lazily = self._without_flush
        return self._run(
            rows,
            f"DELETE FROM {self._table} WHERE",
            [],
            " AND owner = %s",
            [self.owner],
            returning=f"{self._pk}, {lazily}" if lazily else self._pk,
        )

    def _update(
        self,
        rows: Sequence[Row],
        assignments: str,
        params: list[Any],
        *,
        states: tuple[str, ...] = ("claimed", "sending"),
        condition: str = "",
        condition_params: Sequence[Any] = (),
        returning: str = "",
    ) -> dict[Any, tuple[Any, ...]]:
        names = ", ".join(f"'{state}'" for state in states)
        return self._run(
            rows,
            f"UPDATE {self._table} SET {assignments} WHERE",
            params,
            f" AND owner = %s AND state IN ({names}){condition}",
            [self.owner, *condition_params],
            returning=f"{self._pk}, {returning}" if returning else self._pk,
        )

    def _run(
        self,
        rows: Sequence[Row],
        head: str,
        params: list[Any],
        tail: str,
        tail_params: list[Any],
        *,
        returning: str,
    ) -> dict[Any, tuple[Any, ...]]:
        if not rows:
            return {}
        ids, id_params = sql.id_in(self._pk, [row.pk for row in rows])
        statement = f"{head} {ids}{tail} RETURNING {returning}"
        progress()
        return {
            row[0]: tuple(row[1:]) for row in _persistently(statement, [*params, *id_params, *tail_params])
        }

    def _close(self, rows: Sequence[Row], found: dict[Any, Any], state: State) -> int:
        for row in rows:
            self._open.pop(row.pk, None)
            if row.pk in found:
                row.state = state
        if len(found) < len(rows):
            logger.warning("outbox %s: %d row(s) were no longer ours", self.kind.name, len(rows) - len(found))
        return len(found)

    def _abandon(self, error: BaseException) -> None:
        """The handler broke off. A lone row is at fault; of several we cannot know, so they are tried one by one."""
        fenced = [row for row in self.unsettled if row.state == State.SENDING]
        claimed = [row for row in self.unsettled if row.state != State.SENDING]
        if fenced and not self.kind.idempotent:
            self.in_doubt(fenced, error)
        elif fenced:
            self.retry(fenced, error)
        if len(claimed) == 1 and len(self.rows) == 1:
            self.retry(claimed, error)
        elif claimed:
            found = self._update(claimed, "state = 'pending', lease_until = NULL, error = %s", [_text(error)])
            self._close(claimed, found, State.PENDING)


def _no_progress() -> None:
    pass


# core.jobs puts the cluster's heartbeat here: a batch that takes long but settles rows is not a hung worker.
progress: Callable[[], None] = _no_progress


def _text(error: "str | BaseException") -> str:
    return describe(error) if isinstance(error, BaseException) else error[:500]


def _assignments(columns: dict[str, Any]) -> tuple[str, list[Any]]:
    text, params = "", []
    for name, value in columns.items():
        if isinstance(value, _DatabaseNow):
            text += f", {sql.quote(name)} = {sql.now()}"
        else:
            text += f", {sql.quote(name)} = %s"
            params.append(value)
    return text, params


def _persistently(statement: str, params: list[Any]) -> list[tuple[Any, ...]]:
    """Run one statement; outside a transaction, keep trying while the database is away.

    We know what became of the rows, and only this record keeps them from being doubted.
    """
    deadline = time.monotonic() + RETRY_SETTLING_SECONDS
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
                return list(cursor.fetchall())
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(0.3)


def announce_dead(kind: Kind, row: OutboxRow) -> None:
    logger.error("outbox %s: row %s given up after %d attempts", kind.name, row.pk, row.attempts)
    _tell(kind, row)


def _tell(kind: Kind, row: OutboxRow) -> None:
    if kind.on_dead is not None:
        try:
            kind.on_dead(row)
        except Exception as error:
            log_failure(logger, f"outbox {kind.name}: on_dead", error)


def per_row(func: Callable[[Any], None]) -> "Callable[[Batch[Any]], None]":
    """A handler that runs `func(row)` and records "done" in one transaction, row by row.

    `Refused` fails the row for good; any other error is retried. Only for work that is nothing but database writes.
    """

    def handle(batch: "Batch[Any]") -> None:
        for row in batch.rows:
            try:
                with remembering(), transaction.atomic():
                    func(row)
                    if not batch.done([row]):
                        raise LeaseLost
            except LeaseLost:
                continue
            except Refused as refusal:
                reopen(batch, row)
                batch.fail([row], refusal.message)
                _tell(batch.kind, row)
            except Exception as error:
                log_failure(logger, f"outbox {batch.kind.name}", error)
                reopen(batch, row)
                batch.retry([row], error)

    handle.is_transactional = True  # type: ignore[attr-defined] # tests do such work twice
    return handle


def reopen(batch: "Batch[Any]", row: Any) -> None:
    """The transaction that settled `row` was rolled back: it is claimed still."""
    row.state = State.CLAIMED
    batch._open[row.pk] = row


# --- Working off ---------------------------------------------------------------------------------------------
def work(kind: Kind, *, on_claimed: "Callable[[Batch[Any]], None] | None" = None) -> int:
    """Claim one batch and hand it to the kind's handler; returns how many rows it held (0: nothing due).

    Whatever the handler does, no row stays claimed afterwards.
    """
    if kind.pump is not None:
        return kind.pump()
    batch = claim(kind)
    if batch is None:
        return 0
    if on_claimed is not None:
        on_claimed(batch)
    try:
        kind.handle(batch)
        if batch.unsettled:
            batch._abandon(RuntimeError("The handler left the row unsettled"))
    except Exception as error:
        log_failure(logger, f"outbox {kind.name}", error)
        batch._abandon(error)
    except BaseException as error:  # a timeout of the queue, or the process being told to go
        batch._abandon(error)
        raise
    return len(batch.rows)


def reap(*, token: str = "") -> int:
    """Take back the rows of workers that are gone: expired leases, or with `token` all rows of a dead cluster.

    Claimed rows become pending again, the interrupted attempt counted; rows past their fence become `in_doubt`, or
    pending for idempotent kinds. Rows without attempts left are dead.
    """
    taken = 0
    for kind in kinds():
        if kind.pump is not None:
            continue
        try:
            taken += _reap(kind, token)
        except Exception as error:
            log_failure(logger, f"outbox {kind.name}: reap", error)
    return taken


def _reap(kind: Kind, token: str) -> int:
    model = kind.table
    table, pk = sql.quote(model._meta.db_table), sql.quote(model._meta.pk.column)
    lost = model._base_manager.filter(state__in=[State.CLAIMED, State.SENDING])
    lost = lost.filter(owner__startswith=token) if token else lost.filter(lease_until__lt=Now())
    if kind.scope is not None:
        lost = lost.filter(_q(kind.scope))
    if not lost.exists():
        return 0
    select, params = lost.values_list("pk", flat=True).query.sql_with_params()
    attempts = "attempts + CASE WHEN state = 'claimed' THEN 1 ELSE 0 END"
    doubted = "FALSE" if kind.idempotent else "state = 'sending'"
    dead = f"{attempts} >= {int(kind.max_attempts)}"
    # Repeating the conditions outside the subselect makes PostgreSQL check them again after waiting for a row.
    again = "owner LIKE %s" if token else f"lease_until < {sql.now()}"
    statement = (
        f"UPDATE {table} SET attempts = {attempts},"
        f" state = CASE WHEN {doubted} THEN 'in_doubt' WHEN {dead} THEN 'dead' ELSE 'pending' END,"
        f" finished_at = CASE WHEN {doubted} OR {dead} THEN {sql.now()} END,"
        f" error = 'The worker was lost', lease_until = NULL, next_at = {sql.now()}"
        f" WHERE {pk} IN ({select}) AND state IN ('claimed', 'sending') AND {again} RETURNING *"
    )
    arguments = [*params, f"{token}%"] if token else list(params)
    rows = list(model._base_manager.raw(statement, arguments))
    for row in rows:
        if row.state == State.DEAD:
            announce_dead(kind, row)
        elif row.state == State.IN_DOUBT:
            logger.error(
                "outbox %s: row %s is in doubt: its worker was lost while sending", kind.name, row.pk
            )
    return len(rows)


def retry_by_hand(rows: "models.QuerySet[Any]") -> int:
    """Make dead, failed or doubtful rows pending again with all attempts ahead: a person decided so."""
    return rows.filter(state__in=[State.DEAD, State.FAILED, State.IN_DOUBT, State.CANCELLED]).update(
        state=State.PENDING, attempts=0, owner="", error="", lease_until=None, finished_at=None, next_at=Now()
    )


def tables() -> Iterable[type[OutboxRow]]:
    """Every outbox table in the product, for operation pages and metrics."""
    return [model for model in apps.get_models() if issubclass(model, OutboxRow)]
