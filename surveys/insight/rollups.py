"""Kept figures: folding marks into tallies, keeping each account's present score, rebuilding all of it.

A mark says that an answer came into the count (+1) or left it (−1), with all that places it: times, survey, score and
attributes as at the answer. Whoever changes what counts writes the marks in the same transaction, under the lock of the
contact, so tallies plus marks always equal a recount of the answers (tests/surveys/test_rollups.py).

Folding takes marks, deletes exactly those it took and adds their sum to the tallies, in one transaction. The lock of
the one `FigureState` row makes folds and rebuilds take turns; a mark committed late is simply taken by the next fold.
Days are those of the zone in `FigureState`, which is the workspace's once a rebuild after its change is done.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from core import clock, jobs, outbox
from core.models import Job
from core.once import once
from surveys import domain
from surveys.ingest import FOLD
from surveys.models import AccountScore, FigureMark, FigureState, Response, Tally
from surveys.sql import COUNTED, is_postgresql, moment
from team import queries as team_queries

logger = logging.getLogger(__name__)

SPANS = (30, 90, 180, 365)  # the trailing windows whose "latest per contact" is kept
ACCOUNT_DAYS = 365
ALL, CHANNEL = "all", "channel"
BREAKDOWNS = {ALL: "''", "plan": "plan", "segment": "segment", "country": "country", "owner": "owner_key",
              CHANNEL: "channel"}  # fmt: skip
SCORE_COLUMNS = tuple(f"s{score}" for score in range(11))
FOLD_LIMIT = 5_000
REBUILD = "surveys.rebuild_figures"


def state() -> FigureState:
    """The state row; made with the workspace's zone the first time."""
    return once(_read_state)


def _read_state() -> FigureState:
    found = FigureState.objects.filter(pk=1).first()
    if found is None:
        zone = team_queries.workspace().time_zone
        found, _ = FigureState.objects.get_or_create(pk=1, defaults={"zone": zone})
    return found


def zone() -> ZoneInfo:
    """The zone whose days the kept figures are counted in."""
    return ZoneInfo(state().zone)


def today() -> dt.date:
    return clock.now().astimezone(zone()).date()


def start_of(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The moment a day begins in a zone."""
    return dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)


def _locked_state() -> FigureState:
    state()
    return FigureState.objects.select_for_update().get(pk=1)


# --- The SQL of placing answers ------------------------------------------------------------------------------
def local_day(column: str) -> str:
    """The local day of a moment; takes the zone's name as one parameter."""
    if is_postgresql():
        return f"({column} AT TIME ZONE %s)::date"
    return f"django_datetime_cast_date({column}, %s, 'UTC')"


@cache
def _tally_select(postgresql: bool) -> str:
    """Rows (breakdown, span, day, survey_key, value, metric, s0…s10) of the relation `placed`.

    Counted by score first and turned into columns after, which costs each answer one sum instead of eleven. PostgreSQL
    counts all breakdowns of a span in one pass.
    """
    counted = _counted_postgresql() if postgresql else _counted_sqlite()
    columns = ", ".join(
        f"SUM(CASE WHEN score = {score} THEN number ELSE 0 END) AS s{score}" for score in range(11)
    )
    return (
        f"SELECT breakdown, span, day, survey_key, value, metric, {columns} FROM ({' UNION ALL '.join(counted)}) u"
        " GROUP BY breakdown, span, day, survey_key, value, metric"
    )


def _counted_postgresql() -> list[str]:
    values = {name: column for name, column in BREAKDOWNS.items() if name != ALL}
    columns = list(values.values())
    # GROUPING gives a bit for each column that a grouping set leaves out, the first column's bit being the highest.
    everything = 2 ** len(columns) - 1
    names = " ".join(
        f"WHEN {everything - 2 ** (len(columns) - 1 - place)} THEN '{name}'"
        for place, name in enumerate(values)
    )
    sets = ", ".join(["(ends_on, survey_key, metric, score)"] + [
        f"(ends_on, survey_key, metric, score, {column})" for column in columns
    ])  # fmt: skip
    parts = []
    for span in (0, *SPANS):
        day = "day" if span == 0 else f"LEAST(day + {span}, gone)"
        parts.append(
            f"SELECT CASE GROUPING({', '.join(columns)}) {names} ELSE '{ALL}' END AS breakdown, {span} AS span,"
            f" ends_on AS day, survey_key, COALESCE({', '.join(columns)}, '') AS value, metric, score,"
            f" SUM(delta) AS number FROM (SELECT *, {day} AS ends_on FROM placed) p GROUP BY GROUPING SETS ({sets})"
        )
    return parts


def _counted_sqlite() -> list[str]:
    parts = []
    for span in (0, *SPANS):
        day = "day" if span == 0 else f"MIN(date(day, '+{span} days'), COALESCE(gone, '9999-12-31'))"
        for breakdown, value in BREAKDOWNS.items():
            by = f", {value}" if breakdown != ALL else ""
            parts.append(
                f"SELECT '{breakdown}' AS breakdown, {span} AS span, {day} AS day, survey_key, {value} AS value, metric,"
                f" score, SUM(delta) AS number FROM placed GROUP BY {day}, survey_key{by}, metric, score"
            )
    return parts


_TALLY_NAMES = "breakdown, span, day, survey_key, value, metric, " + ", ".join(SCORE_COLUMNS)
_TALLY_ADD = ", ".join(f"{name} = surveys_tally.{name} + excluded.{name}" for name in SCORE_COLUMNS)
_ANY = " OR ".join(f"{name} <> 0" for name in SCORE_COLUMNS)


def _run(statement: str, params: Iterable[Any] = ()) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(params))
        return int(cursor.rowcount)


# --- Folding -------------------------------------------------------------------------------------------------
@transaction.atomic
def fold(limit: int = FOLD_LIMIT) -> int:
    """Take up to `limit` marks into the tallies and refresh the accounts they name; returns how many marks it took."""
    current = _locked_state()
    marks = list(FigureMark.objects.order_by("pk").values_list("pk", "account_key")[:limit])
    if not marks:
        return 0
    ids = [pk for pk, _ in marks]
    chosen = "id = ANY(%s::bigint[])" if is_postgresql() else "id IN (SELECT value FROM json_each(%s))"
    taken: object = ids if is_postgresql() else json.dumps(ids)
    _run(
        f"WITH placed AS MATERIALIZED (SELECT delta, metric, survey_key, channel, score, plan, segment, country,"
        f" owner_key, {local_day('responded_at')} AS day, {local_day('superseded_at')} AS gone"
        f" FROM surveys_figuremark WHERE {chosen})"
        f" INSERT INTO surveys_tally ({_TALLY_NAMES}) SELECT * FROM ({_tally_select(is_postgresql())}) t WHERE {_ANY}"
        " ORDER BY 1, 2, 3, 4, 5, 6"
        f" ON CONFLICT (breakdown, span, day, survey_key, value, metric) DO UPDATE SET {_TALLY_ADD}",
        [current.zone, current.zone, taken],
    )
    _run(f"DELETE FROM surveys_figuremark WHERE {chosen}", [taken])
    refresh_accounts({account for _, account in marks if account is not None}, zone=ZoneInfo(current.zone))
    return len(marks)


# --- Accounts' present scores --------------------------------------------------------------------------------
@cache
def _account_select(postgresql: bool, some: bool) -> str:
    chosen = ""
    if some:
        chosen = (
            "AND r.account_id = ANY(%s::bigint[])"
            if postgresql
            else "AND r.account_id IN (SELECT value FROM json_each(%s))"
        )
    leaves = f"MIN(day) + {ACCOUNT_DAYS}" if postgresql else f"date(MIN(day), '+{ACCOUNT_DAYS} days')"
    day = (
        "(r.responded_at AT TIME ZONE %s)::date"
        if postgresql
        else "django_datetime_cast_date(r.responded_at, %s, 'UTC')"
    )
    return f"""
SELECT account_id, metric, COUNT(*), SUM(CASE WHEN {_level("good")} THEN 1 ELSE 0 END),
  SUM(CASE WHEN {_level("bad")} THEN 1 ELSE 0 END), AVG(score * 1.0),
  AVG(CASE WHEN place IN ((number + 1) / 2, number / 2 + 1) THEN score * 1.0 END), MAX(responded_at), {leaves}
FROM (
  SELECT r.account_id, r.metric, r.score, r.responded_at, {day} AS day,
    ROW_NUMBER() OVER (PARTITION BY r.account_id, r.metric ORDER BY r.score, r.id) AS place,
    COUNT(*) OVER (PARTITION BY r.account_id, r.metric) AS number
  FROM surveys_response r
  WHERE r.account_id IS NOT NULL AND r.responded_at >= %s AND r.responded_at < %s
    AND (r.superseded_at IS NULL OR r.superseded_at >= %s) AND {COUNTED.format("r.")} {chosen}) q
GROUP BY account_id, metric"""


def _level(name: str) -> str:
    """Whether a score lies in the good or bad level of its own metric's scale."""
    levels = {metric: getattr(scale, name) for metric, scale in domain.SCALES.items()}
    return " OR ".join(
        f"(metric = '{metric}' AND score BETWEEN {level.low} AND {level.high})"
        for metric, level in levels.items()
    )


_ACCOUNT_NAMES = "account_id, metric, people, promoters, detractors, mean, median, latest_at, changes_on"


def refresh_accounts(account_ids: Iterable[int] | None, *, zone: ZoneInfo) -> None:
    """Recompute the present score of these accounts (None: of all) from their answers."""
    ids = None if account_ids is None else sorted(set(account_ids))
    if ids is not None and not ids:
        return
    postgresql = is_postgresql()
    day = clock.now().astimezone(zone).date()
    start = moment(start_of(day - dt.timedelta(days=ACCOUNT_DAYS - 1), zone))
    end = moment(start_of(day + dt.timedelta(days=1), zone))
    params: list[Any] = [zone.key, start, end, end]
    if ids is None:
        _run("DELETE FROM surveys_accountscore")
    else:
        chosen = "= ANY(%s::bigint[])" if postgresql else "IN (SELECT value FROM json_each(%s))"
        some: object = ids if postgresql else json.dumps(ids)
        _run(f"DELETE FROM surveys_accountscore WHERE account_id {chosen}", [some])
        params.append(some)
    _run(
        f"INSERT INTO surveys_accountscore ({_ACCOUNT_NAMES}) {_account_select(postgresql, ids is not None)}",
        params,
    )


@dataclass(frozen=True, slots=True)
class Present:
    """What the people of an account say at present, in one metric."""

    account: int
    metric: str
    people: int
    promoters: int
    detractors: int
    mean: float
    median: float


def present_scores(account_ids: Iterable[int]) -> list[Present]:
    """The present scores of these accounts, counted from the answers as they are: `AccountScore` follows with the fold."""
    ids = sorted(set(account_ids))
    if not ids:
        return []
    current = zone()
    day = clock.now().astimezone(current).date()
    start = moment(start_of(day - dt.timedelta(days=ACCOUNT_DAYS - 1), current))
    end = moment(start_of(day + dt.timedelta(days=1), current))
    some: Any = ids if is_postgresql() else json.dumps(ids)
    with connection.cursor() as cursor:
        cursor.execute(_account_select(is_postgresql(), True), [current.key, start, end, end, some])
        return [
            Present(account, metric, people, promoters, detractors, float(mean), float(median))
            for account, metric, people, promoters, detractors, mean, median, *_ in cursor.fetchall()
        ]


def expire_accounts() -> int:
    """Refresh the accounts of which an answer left the window since; returns how many. Runs with every tick."""
    with transaction.atomic():
        current = _locked_state()
        zone = ZoneInfo(current.zone)
        day = clock.now().astimezone(zone).date()
        due = set(
            AccountScore.objects.filter(changes_on__lte=day).values_list("account_id", flat=True)[:50_000]
        )
        refresh_accounts(due, zone=zone)
    return len(due)


# --- Rebuilding ----------------------------------------------------------------------------------------------
@transaction.atomic
def rebuild(*, zone_name: str | None = None, only_if_moved: bool = False) -> int:
    """Build all kept figures anew from the answers, in the workspace's zone; returns the number of tally rows.

    Answers that are written meanwhile are neither lost nor counted twice: their marks stay for the next fold.
    With `only_if_moved` nothing is done where the figures are in that zone already.
    """
    current = _locked_state()
    wanted = zone_name or team_queries.workspace().time_zone
    if only_if_moved and current.zone == wanted:
        return Tally.objects.count()
    current.zone = wanted
    if is_postgresql():
        # Waits for whoever has written marks and not committed, so that every answer is either seen here or marked.
        _run("LOCK TABLE surveys_figuremark IN EXCLUSIVE MODE")
        # The number of groups is guessed far too high, and sorting millions of answers for each breakdown is slow.
        _run("SET LOCAL work_mem = '256MB'")
        _run("SET LOCAL enable_sort = off")
    FigureMark.objects.all().delete()
    _run("DELETE FROM surveys_tally")
    day = local_day
    _run(
        f"WITH placed AS MATERIALIZED (SELECT 1 AS delta, metric, survey_id AS survey_key, channel, score,"
        " COALESCE(attributes ->> 'plan', '') AS plan, COALESCE(attributes ->> 'segment', '') AS segment,"
        " COALESCE(attributes ->> 'country', '') AS country, COALESCE(attributes ->> 'owner', '') AS owner_key,"
        f" {day('responded_at')} AS day, {day('superseded_at')} AS gone FROM surveys_response"
        f" WHERE {COUNTED.format('')})"
        f" INSERT INTO surveys_tally ({_TALLY_NAMES}) {_tally_select(is_postgresql())}",
        [current.zone, current.zone],
    )
    refresh_accounts(None, zone=ZoneInfo(current.zone))
    current.built_at = clock.now()
    current.save(update_fields=["zone", "built_at"])
    return Tally.objects.count()


def check_zone() -> bool:
    """Queue a rebuild when the workspace's zone is no longer the one of the figures; runs with every tick.

    Once for a change: a rebuild that failed waits for an administrator instead of failing every minute.
    """
    current, wanted = state(), team_queries.workspace().time_zone
    if current.zone == wanted:
        return False
    jobs.submit(REBUILD, key=_rebuild_key(current, wanted))
    return True


def _rebuild_key(current: FigureState, wanted: str) -> str:
    since = f"{current.built_at:%Y%m%d%H%M%S%f}" if current.built_at else "never"
    return f"{REBUILD}:{current.zone}>{wanted}:{since}"


def moving() -> Job | None:
    """The job that counts the figures anew for another zone, while it waits, works or has failed."""
    current, wanted = state(), team_queries.workspace().time_zone
    if current.zone == wanted:
        return None
    return Job.objects.filter(key=_rebuild_key(current, wanted)).first()


def _rebuild_for_zone(job: jobs.JobContext) -> None:
    """The job. All of it is one transaction, so that no figure is ever half of one zone and half of another; a worker
    that takes it over waits for the first one's lock and then finds nothing left to do."""
    answers = Response.objects.filter(excluded_reason="").count()
    job.report(0, answers)
    job.extend_lease()
    rebuild(only_if_moved=True)
    job.report(answers, answers)
    logger.info("The kept figures were rebuilt for a new time zone")


def register() -> None:
    """Make folding known: woken after the commit of every change, looked for by the tick."""
    outbox.register(outbox.Kind(FOLD, "surveys.FigureMark", _no_rows, pump=fold))
    jobs.handler(REBUILD, long=True)(_rebuild_for_zone)
    jobs.on_tick("figures_zone", check_zone)
    jobs.on_tick("figures_expire", expire_accounts)


def _no_rows(batch: "outbox.Batch[FigureMark]") -> None:  # type: ignore[type-var]
    """A pump has no rows of its own."""
