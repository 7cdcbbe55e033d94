"""What is read of connections: the list, one with its state in words, its runs and their log."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Min, Prefetch, Q, QuerySet

from core import outbox
from integrations import registry
from integrations.contract import Hook, Role, System
from integrations.domain import OPEN_RUNS, ConnectionState, LineKind, Result, RunKind, RunState
from integrations.models import ConnectedSurvey, Connection, HookDelivery, RawAnswer, RunLine, SyncRun
from surveys.models import Survey
from team.models import User

ROLE_LABELS: Mapping[Role, str] = {
    Role.SCORE: "Score",
    Role.COMMENT: "Comment",
    Role.EMAIL: "Person: e-mail",
    Role.PERSON_ID: "Person: your own id of them",
    Role.NAME: "Person: name",
    Role.PHONE: "Person: telephone",
    Role.RESPONDED_AT: "When it was answered",
    Role.UPDATED_AT: "When it was last changed",
    Role.ANSWER_ID: "The answer's id",
    Role.SURVEY_ID: "The survey's id",
    Role.LANGUAGE: "Language",
    Role.STATUS: "State of the answer",
}


def list_connections(user: User) -> QuerySet[Connection]:
    """Connections at work before those that have ended, by name."""
    surveys = Prefetch(
        "surveys",
        ConnectedSurvey.objects.filter(is_enabled=True)
        .select_related("survey")
        .order_by("remote_name", "pk"),
        to_attr="read_surveys",
    )
    return (
        Connection.objects.visible_to(user)
        .select_related("connected_by")
        .prefetch_related(surveys)
        .order_by("name", "pk")
    )


def answer_counts(connections: Sequence[Connection]) -> dict[int, int]:
    """How many answers of ours each connection has brought."""
    rows = (
        RawAnswer.objects.filter(connection__in=connections, response__isnull=False)
        .values("connection_id")
        .annotate(n=Count("pk"))
    )
    return {row["connection_id"]: row["n"] for row in rows}


def list_changeable(user: User) -> QuerySet[Connection]:
    """Connections that have not ended."""
    return Connection.objects.visible_to(user).exclude(state=ConnectionState.DISCONNECTED)


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection in the list."""

    connection: Connection
    system: System | None
    run: SyncRun | None
    standing: "Standing"
    answers: int

    @property
    def has_ended(self) -> bool:
        return self.connection.state == ConnectionState.DISCONNECTED


def list_rows(user: User) -> list[ConnectionRow]:
    """All connections with what they are at."""
    connections = list(list_connections(user))
    open_runs = {
        run.connection_id: run
        for run in SyncRun.objects.filter(connection__in=connections, state__in=OPEN_RUNS)
    }
    counts = answer_counts(connections)
    return [
        ConnectionRow(
            connection=connection,
            system=system_of(connection),
            run=open_runs.get(connection.pk),
            standing=standing(connection, open_runs.get(connection.pk)),
            answers=counts.get(connection.pk, 0),
        )
        for connection in connections
    ]


def system_of(connection: Connection) -> System | None:
    """The connection's system; None where this version no longer knows it."""
    return registry.all_systems().get(connection.system)


def list_runs(connection: Connection, user: User) -> QuerySet[SyncRun]:
    """The log, newest first."""
    return (
        SyncRun.objects.visible_to(user)
        .filter(connection=connection)
        .select_related("requested_by", "connection")
        .order_by("-pk")
    )


def list_all_runs(user: User) -> QuerySet[SyncRun]:
    """The logs of all connections together, newest first."""
    return SyncRun.objects.visible_to(user).order_by("-pk")


def list_all_lines(user: User) -> QuerySet[RunLine]:
    """What all logs say of single answers."""
    return RunLine.objects.filter(run__in=SyncRun.objects.visible_to(user)).order_by("pk")


def open_run(connection: Connection, user: User) -> SyncRun | None:
    return list_runs(connection, user).filter(state__in=OPEN_RUNS).first()


def lines_of(run: SyncRun, kind: str = "") -> QuerySet[RunLine]:
    """What the log says of single answers, in the order it happened; of one kind where it is named."""
    lines = RunLine.objects.filter(run=run).select_related("response").order_by("pk")
    return lines.filter(kind=kind) if kind in set(LineKind) else lines


def lines_cut_off(run: SyncRun, kind: str, kept: int) -> int:
    """How many lines of a kind there would be where the log keeps only `kept` of them; 0 where it keeps all."""
    counted = getattr(run, kind) if kind in set(LineKind) - {LineKind.NOTE} else 0
    return counted if counted > kept else 0


def taken_in(run: SyncRun, result: str = "") -> QuerySet[RawAnswer]:
    """The answers a run brought, newest answer first; those it created, those it changed (also by counting them again), or
    those that the source left out."""
    rows = RawAnswer.objects.filter(response__isnull=False).select_related(
        "response", "response__contact", "response__account", "response__survey"
    )
    # An answer that a later run changed was still brought by the first.
    brought, changed = Q(first_run=run), Q(run=run, result__in=[Result.UPDATED, Result.INCLUDED])
    left_out = Q(run=run, result=Result.EXCLUDED)
    wanted = {
        Result.CREATED.value: brought,
        Result.UPDATED.value: changed,
        Result.EXCLUDED.value: left_out,
    }.get(result)
    return rows.filter(wanted or brought | changed).order_by("-responded_at", "-pk")


def kept_answers(connection: Connection, since: dt.datetime | None) -> QuerySet[RawAnswer]:
    """What can be read again: the answers that are kept as they came, came in since then, and are nobody's who was erased."""
    came = Q() if since is None else Q(received_at__gte=since)
    rows: QuerySet[RawAnswer] = RawAnswer.objects.filter(
        came, connection=connection, payload__isnull=False, is_erased=False
    )
    return rows


def unread_deliveries(connection: Connection, since: dt.datetime | None) -> QuerySet[HookDelivery]:
    """Deliveries that could not be read and are kept whole."""
    came = Q() if since is None else Q(received_at__gte=since)
    rows: QuerySet[HookDelivery] = HookDelivery.objects.filter(
        came, connection=connection, state__in=[outbox.State.FAILED, outbox.State.DEAD]
    ).exclude(body=b"")
    return rows


@dataclass(frozen=True, slots=True)
class Kept:
    """What can be read again of a system that only sends: how many answers, the first of them, for how many days (0: for
    good), and how many deliveries that could not be read."""

    number: int
    since: dt.datetime | None
    days: int
    unread: int


def what_is_kept(connection: Connection) -> Kept | None:
    """None for a system whose answers are asked for anew instead."""
    system = system_of(connection)
    if system is None or not system.can_reread:
        return None
    found = kept_answers(connection, None).aggregate(n=Count("pk"), first=Min("received_at"))
    waiting = unread_deliveries(connection, None).count()
    return Kept(found["n"], found["first"], settings.RAW_ANSWER_DAYS, waiting)


def surveys_to_choose() -> QuerySet[Survey]:
    """Our surveys that answers may be counted for."""
    return Survey.objects.exclude(state="archived").order_by("name", "pk")


# --- Words ---------------------------------------------------------------------------------------------------
_HISTORY = (RunKind.FIRST, RunKind.BACKFILL)


def unfinished(connection: Connection) -> SyncRun | None:
    """The run that failed on its way and that nothing has made up for since; None where all was read.

    A pull of what is new is made up for by any later run, as each begins where the last good one ended. Reading history is
    made up for only by reading at least as much of it again.
    """
    runs = SyncRun.objects.filter(connection=connection).exclude(kind__in=[RunKind.HOOK, RunKind.REREAD])
    newest = runs.order_by("-pk").first()
    if newest is not None and newest.state == RunState.FAILED and newest.position:
        found: SyncRun = newest
        return found
    failed = runs.filter(state=RunState.FAILED, kind__in=_HISTORY).exclude(position={})
    left: SyncRun | None = (
        failed.exclude(pk__in=runs.filter(continues__isnull=False).values("continues"))
        .order_by("-pk")
        .first()
    )
    if left is None:
        return None
    later = runs.filter(pk__gt=left.pk, state=RunState.DONE, kind__in=_HISTORY)
    wide = Q(since__isnull=True) if left.since is None else Q(since__isnull=True) | Q(since__lte=left.since)
    return None if later.filter(wide).exists() else left


def is_left(connection: Connection, run: SyncRun) -> bool:
    """Whether this failed run can be carried on with now."""
    if connection.state != ConnectionState.ACTIVE or run.state != RunState.FAILED:
        return False
    left = unfinished(connection)
    has_open = SyncRun.objects.filter(connection=connection, state__in=OPEN_RUNS).exists()
    return left is not None and left.pk == run.pk and not has_open


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a connection as a person reads it: a word with its tone, and a sentence."""

    word: str
    tone: str
    sentence: str


def standing(connection: Connection, run: SyncRun | None) -> Standing:
    system = system_of(connection)
    match connection.state:
        case ConnectionState.DRAFT:
            return Standing("Being set up", "", "Nothing is read before it is started.")
        case ConnectionState.DISCONNECTED:
            return Standing("Ended", "", "Its answers and its log stay; nothing more comes in.")
        case ConnectionState.PAUSED:
            return Standing(
                "Paused", "watch", "Nothing is pulled. Deliveries are kept and taken in when it is resumed."
            )
        case ConnectionState.BROKEN:
            return Standing("Broken", "bad", connection.last_error or "It waits for a person.")
    if run is not None and run.state == RunState.WAITING:
        return Standing("Waiting", "watch", run.error or "The other side asked for a pause.")
    if run is not None:
        return Standing("Reading", "accent", "")
    if connection.failures:
        return Standing("In trouble", "watch", connection.last_error)
    if system is not None and not system.can_pull:
        return Standing("Listening", "good", "Answers come in as the other side sends them.")
    return Standing("At work", "good", "")


def has_hook(connection: Connection) -> bool:
    system = system_of(connection)
    return system is not None and system.hook is not Hook.NONE and bool(connection.hook_token)
