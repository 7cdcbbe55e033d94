"""What other systems send: verified and stored at the door, taken in by a worker.

`receive` does no more than find the connection, verify the raw bytes and write one row, so that it answers in
milliseconds whatever the delivery means. The same again finds its row and changes nothing; one that could not be read
before is tried again. Another body under the id of an earlier delivery changes nothing either, and the connection says so.
"""

import contextlib
import datetime as dt
import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db import connection as database
from django.db.models import Exists, F, OuterRef, Q

from core import clock, jobs, outbox
from core import outbox_sql as sql
from core.errors import Refused
from core.failures import log_failure
from core.together import Together
from integrations import intake, registry
from integrations.contract import (
    AccessDenied,
    Delivery,
    Forged,
    Gone,
    Hook,
    Reference,
    System,
    Trouble,
    TryLater,
    Unsubscribed,
)
from integrations.domain import ConnectionState, HookState, LineKind, RunKind, RunState, Verdict
from integrations.intake import Line, Tally
from integrations.line import Line as OpenLine
from integrations.models import AnswerFetch, Connection, HookDelivery, RawAnswer, RunLine, SyncRun
from integrations.records import Record, Status
from integrations.services import lines, runs
from integrations.vault import token_hash
from surveys.choices import Channel, SuppressionReason
from surveys.models import Suppression
from surveys.services import suppressions
from team import queries as team_queries

logger = logging.getLogger(__name__)
DELIVERY, FETCH = runs.DELIVERY, runs.FETCH
EXAMPLES = 20
# News of one answer that come close together are one fetch; and some sources send news before the answer can be read.
DEBOUNCE_SECONDS = 3.0
GONE_AFTER = (5.0, 15.0, 60.0)
MAX_HEADERS, MAX_HEADER = 40, 300
_NEVER_STORED = ("authorization", "cookie", "secret", "token", "signature", "api-key", "apikey", "password")


# --- The door ------------------------------------------------------------------------------------------------
class Unknown(Exception):
    """No connection has this address."""


def find(token: str) -> Connection | None:
    """The connection whose address ends with this token."""
    if not token.isascii():
        return None
    if not sql.is_postgresql():
        return Connection.objects.filter(hook_token_hash=token_hash(token)).first()
    # By hand, as the door is knocked at often: putting the query together takes longer than running it.
    with database.cursor() as cursor:
        cursor.execute(_FIND, [token_hash(token)])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, system, options, secrets, zone, until = row
    return Connection(
        pk=pk,
        system=system,
        options=json.loads(options),
        secrets=secrets,
        zone=zone,
        hook_previous_until=until,
    )


_FIND = (
    "SELECT id, system, options, secrets, zone, hook_previous_until FROM integrations_connection"
    " WHERE hook_token_hash = %s"
)


def receive(connection: Connection, delivery: Delivery) -> bool:
    """Verify a delivery and store it durably; False when it, or another under its id, was known already. Raises `Forged`."""
    system = registry.get(connection.system)
    if system.hook is Hook.NONE:
        raise Forged("this system sends nothing")
    try:
        line = lines.open_line(connection, with_mapping=False)
        system.verify(line, delivery)
        ident = system.delivery_id(line, delivery)
    except Forged as reason:
        _count_forged(connection, str(reason))
        raise
    except Refused as refusal:  # credentials that cannot be opened
        _count_forged(connection, refusal.message)
        raise Forged("the secret cannot be opened") from None
    except Exception as error:  # whatever a header or a body can do to a parser
        log_failure(logger, f"Delivery to connection {connection.pk}", error)
        _count_forged(connection, "It could not be verified.")
        raise Forged("it could not be verified") from None
    if not delivery.body:
        return True
    found = _storing.submit(_Stored.of(connection, delivery, ident))
    if found is _Found.ALTERED:
        _count_altered(connection)
    return found is _Found.WAITING


def _count_forged(connection: Connection, reason: str) -> None:
    logger.warning("Connection %s: a delivery was refused: %s", connection.pk, reason[:200])
    Connection.objects.filter(pk=connection.pk).update(
        hook_forged=F("hook_forged") + 1, hook_forged_at=clock.now(), hook_forged_reason=reason[:200]
    )


def _count_altered(connection: Connection) -> None:
    logger.warning("Connection %s: a delivery came under the id of another and was left", connection.pk)
    Connection.objects.filter(pk=connection.pk).update(
        hook_altered=F("hook_altered") + 1, hook_altered_at=clock.now()
    )


class _Found(Enum):
    """What became of a delivery: it waits to be taken in, was known, or another came under its id before."""

    WAITING = 1
    KNOWN = 2
    ALTERED = 3


@dataclass(frozen=True, slots=True)
class _Stored:
    """A delivery as it will be a row. `digest` is empty where the key is made of the body."""

    key: str
    digest: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, connection: Connection, delivery: Delivery, ident: str) -> "_Stored":
        digest = hashlib.sha256(delivery.body).hexdigest()
        key = f"hook:{connection.pk}:{digest}"
        if ident:
            key = f"hook:{connection.pk}:id:{hashlib.sha256(ident.encode('utf-8', 'replace')).hexdigest()}"
        else:
            digest = ""
        query = {
            intake.plain_text(k)[:100]: intake.plain_text(v)[:500]
            for k, v in list(delivery.query.items())[:20]
        }
        headers = kept_headers(delivery.headers)
        return cls(
            key,
            digest,
            (
                key, digest, connection.pk, delivery.body, json.dumps(headers), json.dumps(query), len(delivery.body),
                clock.now(),
            ),
        )  # fmt: skip


def _store_together(rows: Sequence[_Stored]) -> list[_Found]:
    """Store what came in at the same time in one transaction; what fails together is tried one by one."""
    try:
        return _store(rows)
    except DatabaseError:
        if len(rows) == 1 or database.in_atomic_block:
            raise
    found: list[_Found] = []
    for row in rows:
        found += _store([row])
    return found


def _store(rows: Sequence[_Stored]) -> list[_Found]:
    """One statement: new rows, or one more repeat of known ones. What failed before is tried again, and what came under the
    id of another changes nothing. Rows of one key have one digest."""
    table = sql.quote(HookDelivery._meta.db_table)
    first = {row.key: row for row in rows}
    repeats = Counter(row.key for row in rows)
    as_json = "%s::jsonb" if sql.is_postgresql() else "%s"
    one = f"(%s, %s, %s, %s, {as_json}, {as_json}, %s, %s, 'pending', 0, '', 1, '', '', 0, %s, {sql.now()}, {sql.now()})"
    values = [value for row in first.values() for value in (*row.values, repeats[row.key] - 1)]
    again = f"{table}.digest = excluded.digest AND {table}.state IN ('failed', 'dead')"
    statement = (
        f"INSERT INTO {table} (key, digest, connection_id, body, headers, query, size, received_at, state, attempts, owner, epoch,"
        f" error, verdict, answers, repeats, next_at, created_at) VALUES {', '.join([one] * len(first))}"
        f" ON CONFLICT (key) DO UPDATE SET"
        f" repeats = {table}.repeats + CASE WHEN {table}.digest = excluded.digest THEN excluded.repeats + 1 ELSE 0 END,"
        f" attempts = CASE WHEN {again} THEN 0 ELSE {table}.attempts END,"
        f" next_at = CASE WHEN {again} THEN excluded.next_at ELSE {table}.next_at END,"
        f" body = CASE WHEN {again} THEN excluded.body ELSE {table}.body END,"
        f" state = CASE WHEN {again} THEN 'pending' ELSE {table}.state END"
        f" RETURNING key, digest, state = 'pending' AND attempts = 0"
    )
    with transaction.atomic():
        with database.cursor() as cursor:
            cursor.execute(statement, values)
            stands = {key: (digest, bool(is_waiting)) for key, digest, is_waiting in cursor.fetchall()}
        if any(is_waiting for _, is_waiting in stands.values()):
            jobs.wake(DELIVERY)
    return [_found(row, *stands[row.key]) for row in rows]


def _found(row: _Stored, digest: str, is_waiting: bool) -> _Found:
    if digest != row.digest:
        return _Found.ALTERED
    return _Found.WAITING if is_waiting else _Found.KNOWN


def _goes_with(taken: Sequence[_Stored], new: _Stored) -> bool:
    """Two bodies under one id are not stored at once: the earlier one is to stand before the other comes."""
    return not new.digest or all(row.key != new.key or row.digest == new.digest for row in taken)


_storing: Together[_Stored, _Found] = Together(_store_together, at_most=100, goes_with=_goes_with)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that reading a delivery may need, without what proves or names anybody."""
    kept = {
        name: intake.plain_text(value)[:MAX_HEADER]
        for name, value in headers.items()
        if not any(word in name for word in _NEVER_STORED)
    }
    return dict(list(kept.items())[:MAX_HEADERS])


def delivery_of(row: HookDelivery) -> Delivery:
    return Delivery(body=bytes(row.body), headers=row.headers, query=row.query)


# --- Taking in -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Heard:
    row: HookDelivery
    news: Sequence[Record | Reference | Unsubscribed]


def process(batch: "outbox.Batch[HookDelivery]") -> None:
    """Take claimed deliveries in, those of one connection together."""
    of: dict[int, list[HookDelivery]] = defaultdict(list)
    for row in batch.rows:
        of[row.connection_id].append(row)
    known = Connection.objects.in_bulk(list(of))
    for pk, rows in of.items():
        _process(batch, known[pk], rows)


def _process(batch: "outbox.Batch[HookDelivery]", connection: Connection, rows: list[HookDelivery]) -> None:
    system = registry.get(connection.system)
    line = lines.open_line(connection)
    heard: list[_Heard] = []
    for row in rows:
        try:
            heard.append(_Heard(row, list(system.hear(line, delivery_of(row)))))
        except Trouble as trouble:
            _unreadable(batch, connection, row, trouble.message)
        except Exception as error:  # whatever a body can do to a parser
            log_failure(logger, f"Reading a delivery of connection {connection.pk}", error)
            _unreadable(
                batch,
                connection,
                row,
                "It could not be read; it is kept, and the log of the server says more.",
            )
    if heard and not _together(batch, connection, heard):
        for one in heard:
            _together(batch, connection, [one], is_last_try=True)


def _together(
    batch: "outbox.Batch[HookDelivery]",
    connection: Connection,
    heard: Sequence[_Heard],
    *,
    is_last_try: bool = False,
) -> bool:
    """Take several deliveries in, all or none; False when that failed and they are to be tried one by one."""
    try:
        with transaction.atomic():
            _take(connection, [news for each in heard for news in each.news])
            groups: dict[int, list[HookDelivery]] = defaultdict(list)
            for each in heard:
                groups[len(each.news)].append(each.row)
            for number, rows in groups.items():
                verdict = Verdict.TAKEN if number else Verdict.NOTHING
                if batch.done(rows, verdict=verdict.value, answers=number) < len(rows):
                    raise outbox.LeaseLost
    except outbox.LeaseLost:
        batch.forget([each.row for each in heard])
        return True
    except Exception as error:
        for each in heard:
            outbox.reopen(batch, each.row)
        if len(heard) > 1 and not is_last_try:
            return False
        log_failure(logger, f"Deliveries of connection {connection.pk}", error)
        batch.retry([each.row for each in heard], error)
    return True


def _unreadable(
    batch: "outbox.Batch[HookDelivery]", connection: Connection, row: HookDelivery, words: str
) -> None:
    with transaction.atomic():
        if batch.fail([row], words, verdict=Verdict.UNREADABLE.value):
            tally = Tally()
            tally.lines.append(Line(LineKind.NOTE, "", f"A delivery could not be read: {words}"))
            _log(connection, tally)


def _take(
    connection: Connection,
    news: Iterable[Record | Reference | Unsubscribed],
    *,
    is_listing: bool = False,
    asked_at: dt.datetime | None = None,
) -> Tally:
    """Records are taken in, references fetched later, and who wants no more asks gets none; the caller holds the
    transaction."""
    records: list[Record] = []
    references: list[Reference] = []
    wishes: list[Unsubscribed] = []
    for each in news:
        if isinstance(each, Record):
            records.append(each)
        elif isinstance(each, Unsubscribed):
            wishes.append(each)
        elif each.is_deleted:
            records.append(_deleted(each))
        else:
            references.append(each)
    tally = Tally()
    if records:
        run = day_run(connection)
        tally = intake.take_in(
            connection, records, run=run, is_history=False, is_listing=is_listing, asked_at=asked_at
        )
    for wish in wishes:
        tally.lines += _heed(connection, wish)
    if records or tally.lines:
        _log(connection, tally)
    if references:
        _want(connection, references)
    now = clock.now()
    Connection.objects.filter(pk=connection.pk).filter(
        Q(hook_heard_at__isnull=True)
        | Q(hook_heard_at__lt=now - dt.timedelta(seconds=10))
        | ~Q(hook_state=HookState.LISTENING)
    ).update(hook_heard_at=now, hook_state=HookState.LISTENING)
    return tally


def _heed(connection: Connection, wish: Unsubscribed) -> list[Line]:
    """Asked no more over there is asked no more here, unless it was lifted here since. Returns what is new of it."""
    said: list[Line] = []
    keys: list[tuple[str, Channel]] = []
    with contextlib.suppress(Refused):
        if wish.person.email:
            keys.append((suppressions.key_of(wish.person.email), Channel.EMAIL))
    with contextlib.suppress(Refused):
        if wish.person.phone:
            keys.append((suppressions.key_of_number(wish.person.phone), Channel.SMS))
    for key, channel in keys:
        lifted = Suppression.objects.filter(address_key=key, channel=channel, lifted_at__isnull=False)
        if wish.at is not None and lifted.filter(lifted_at__gt=wish.at).exists():
            continue
        was_known = Suppression.objects.filter(
            address_key=key, channel=channel, lifted_at__isnull=True
        ).exists()
        suppressions.suppress(
            address_key=key,
            channel=channel,
            reason=SuppressionReason.UNSUBSCRIBED,
            detail=f"Said so in {connection.name}",
        )
        if not was_known:
            said.append(
                Line(LineKind.NOTE, "", f"{_WHOSE[channel]} is asked no more: its owner said so over there.")
            )
    if not keys:
        said.append(
            Line(
                LineKind.NOTE,
                "",
                "Somebody said over there to be asked no more, but not by which address or number.",
            )
        )
    return said


_WHOSE = {Channel.EMAIL: "An e-mail address", Channel.SMS: "A telephone number"}


def _deleted(reference: Reference) -> Record:
    return Record(external_id=reference.external_id, survey_id=reference.survey_id, status=Status.DELETED)


def day_run(connection: Connection) -> SyncRun:
    """The log of today's deliveries (in the workspace's zone)."""
    now = clock.now()
    day = now.astimezone(team_queries.zone()).date()
    run, _ = SyncRun.objects.get_or_create(
        connection=connection,
        day=day,
        defaults={
            "kind": RunKind.HOOK, "state": RunState.DONE, "until": now, "started_at": now, "finished_at": now,
        },
    )  # fmt: skip
    return run


def _log(connection: Connection, tally: Tally) -> None:
    run = SyncRun.objects.select_for_update(of=("self",), no_key=True).get(pk=day_run(connection).pk)
    intake.log(run, tally)
    run.finished_at = run.until = clock.now()
    run.save(update_fields=[*intake.COUNTERS, "finished_at", "until"])


# --- Fetching what was only named ----------------------------------------------------------------------------
def _want(connection: Connection, references: Sequence[Reference]) -> None:
    table = sql.quote(AnswerFetch._meta.db_table)
    longest = 0.0
    for reference in sorted(references, key=lambda r: r.external_id):
        wait = max(reference.wait, DEBOUNCE_SECONDS)
        longest = max(longest, wait)
        key = f"fetch:{connection.pk}:{hashlib.sha256(reference.external_id.encode('utf-8', 'replace')).hexdigest()}"
        statement = (
            f"INSERT INTO {table} (key, connection_id, external_id, remote_survey, wanted, state, attempts, owner, epoch,"
            f" error, next_at, created_at) VALUES (%s, %s, %s, %s, 1, 'pending', 0, '', 1, '',"
            f" {sql.now_plus(str(wait))}, {sql.now()}) ON CONFLICT (key) DO UPDATE SET wanted = {table}.wanted + 1,"
            f" remote_survey = excluded.remote_survey,"
            f" attempts = CASE WHEN {table}.state IN ('claimed', 'sending') THEN {table}.attempts ELSE 0 END,"
            f" next_at = CASE WHEN {table}.state = 'pending' AND {table}.attempts = 0 THEN {table}.next_at"
            f" ELSE excluded.next_at END,"
            f" state = CASE WHEN {table}.state IN ('claimed', 'sending') THEN {table}.state ELSE 'pending' END"
        )
        with database.cursor() as cursor:
            cursor.execute(
                statement,
                [key, connection.pk, reference.external_id[:200], reference.survey_id[:200]],
            )
    jobs.wake(FETCH, after=longest)


def fetch(batch: "outbox.Batch[AnswerFetch]") -> None:
    """Fetch what was named, one by one over one line for each connection."""
    of: dict[int, list[AnswerFetch]] = defaultdict(list)
    for row in batch.rows:
        of[row.connection_id].append(row)
    known = Connection.objects.in_bulk(list(of))
    for pk, rows in of.items():
        connection = known[pk]
        system, line = registry.get(connection.system), lines.open_line(connection)
        for row in rows:
            if connection.state != ConnectionState.ACTIVE:
                batch.release([row])
                continue
            _fetch_one(batch, connection, system, line, row)


def _fetch_one(
    batch: "outbox.Batch[AnswerFetch]",
    connection: Connection,
    system: System,
    line: OpenLine,
    row: AnswerFetch,
) -> None:
    reference = Reference(external_id=row.external_id, survey_id=row.remote_survey)
    asked_at = clock.now()
    try:
        record = system.fetch(line, reference)
    except Gone as gone:
        if row.attempts < len(GONE_AFTER):
            after = GONE_AFTER[row.attempts]
            batch.retry([row], gone.message, after=after)
            jobs.wake(FETCH, after=after)
            return
        record = _deleted(reference)
    except TryLater as trouble:
        after = trouble.after if trouble.after is not None else min(30.0 * 2**row.attempts, 3_600.0)
        batch.retry([row], trouble.message, after=after)
        return
    except AccessDenied as trouble:
        with transaction.atomic():
            held = Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
            runs.break_connection(held, trouble.message)
        connection.state = held.state
        batch.release([row])
        return
    except Refused as trouble:
        with transaction.atomic():
            if batch.fail([row], trouble.message):
                tally = Tally()
                tally.counts["refused"] += 1
                tally.lines.append(Line(LineKind.REFUSED, row.external_id, trouble.message))
                _log(connection, tally)
        return
    try:
        with transaction.atomic():
            _take(connection, [record], is_listing=True, asked_at=asked_at)
            current = AnswerFetch.objects.select_for_update(of=("self",), no_key=True).get(pk=row.pk)
            if current.wanted != row.wanted:
                batch.release([row], after=1.0)
            elif not batch.done([row]):
                raise outbox.LeaseLost
    except outbox.LeaseLost:
        batch.forget([row])
    except Exception as error:
        log_failure(logger, f"An answer of connection {connection.pk}", error)
        outbox.reopen(batch, row)
        batch.retry([row], error)


# --- Trying out ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a delivery says and what would become of it; nothing was changed."""

    records: Sequence[Record]
    references: Sequence[Reference]
    counts: Mapping[str, int]
    lines: Sequence[Line]
    error: str = ""


def preview(connection: Connection, delivery: Delivery) -> Preview:
    """Read a delivery with the options and mapping of now, take it in, and take all of that back."""
    try:
        news = list(registry.get(connection.system).hear(lines.open_line(connection), delivery))
    except Trouble as trouble:
        return Preview(records=(), references=(), counts={}, lines=(), error=trouble.message)
    records = [n for n in news if isinstance(n, Record)]
    records += [_deleted(n) for n in news if isinstance(n, Reference) and n.is_deleted]
    wishes = [n for n in news if isinstance(n, Unsubscribed)]
    tally = Tally(counts=Counter())
    with transaction.atomic():
        if records:
            tally = intake.take_in(connection, records, run=None, is_history=False, is_listing=False)
        for wish in wishes:
            tally.lines += _heed(connection, wish)
        transaction.set_rollback(True)
    return Preview(
        records=records,
        references=[n for n in news if isinstance(n, Reference) and not n.is_deleted],
        counts=dict(tally.counts),
        lines=[Line(n.kind, n.external_id, n.message, n.field) for n in tally.lines],
    )


def examples(connection: Connection) -> list[HookDelivery]:
    """The last deliveries whose bodies are kept, newest first."""
    kept = HookDelivery.objects.filter(connection=connection).exclude(body=b"")
    return list(kept.order_by("-pk")[:EXAMPLES])


# --- By itself -----------------------------------------------------------------------------------------------
def forget_old() -> None:
    """Empty the bodies of what was taken in, but for the examples; delete deliveries after their time; drop old payloads."""
    now = clock.now()
    kept = [outbox.State.DONE, outbox.State.CANCELLED]
    for pk in Connection.objects.filter(deliveries__isnull=False).distinct().values_list("pk", flat=True):
        newest = HookDelivery.objects.filter(connection_id=pk).order_by("-pk").values_list("pk", flat=True)
        edge = list(newest[EXAMPLES : EXAMPLES + 1])
        if edge:
            HookDelivery.objects.filter(connection_id=pk, pk__lte=edge[0], state__in=kept).exclude(
                body=b""
            ).update(body=b"", headers={}, query={})
    old = now - dt.timedelta(days=settings.HOOK_KEEP_DAYS)
    HookDelivery.objects.filter(received_at__lt=old).exclude(state__in=_WAITING).delete()
    AnswerFetch.objects.filter(created_at__lt=old).exclude(state__in=_WAITING).delete()
    for ended in Connection.objects.filter(
        Exists(HookDelivery.objects.filter(connection=OuterRef("pk"), state__in=_WAITING)),
        state=ConnectionState.DISCONNECTED,
    ):
        drop(ended)  # came in while it ended
    if settings.RAW_ANSWER_DAYS:
        edge_of_payloads = now - dt.timedelta(days=settings.RAW_ANSWER_DAYS)
        RawAnswer.objects.filter(received_at__lt=edge_of_payloads, payload__isnull=False).update(payload=None)
    quiet = Q(received=0) & ~Q(state=RunState.FAILED) & Q(created_at__lt=now - dt.timedelta(days=30))
    with_lines = RunLine.objects.values("run")
    SyncRun.objects.filter(quiet, kind=RunKind.SCHEDULED, state=RunState.DONE).exclude(
        pk__in=with_lines
    ).delete()


def drop(connection: Connection) -> None:
    """The connection ends: what waits is not taken in any more, and nothing of what came is kept. A worker that has some of
    it in hand finds its rows gone and takes nothing in."""
    heard = HookDelivery.objects.filter(connection=connection)
    heard.filter(state__in=_WAITING).delete()
    heard.exclude(body=b"").update(body=b"", headers={}, query={})
    AnswerFetch.objects.filter(connection=connection, state__in=_WAITING).delete()


_WAITING = ["pending", "claimed"]


def _may_be_taken() -> Q:
    return Q(connection__state__in=[ConnectionState.ACTIVE, ConnectionState.BROKEN])


def _may_be_fetched() -> Q:
    return Q(connection__state=ConnectionState.ACTIVE)


def register() -> None:
    outbox.register(
        outbox.Kind(
            DELIVERY, HookDelivery, process, batch=20, filter=_may_be_taken, idempotent=True, max_attempts=8
        )
    )
    outbox.register(
        outbox.Kind(
            FETCH, AnswerFetch, fetch, batch=10, filter=_may_be_fetched, idempotent=True, max_attempts=20
        )
    )
