"""Computing health: all accounts or some, in one set-based pass that writes only what differs.

`recompute` locks the one row of `HealthState`, so two computings never meet. What changed gets its day's snapshot in the
same statement (the last state of a day stands; days that are over are never touched), and a change of band is told as
an event. On an event the account it is about gets a mark; a worker takes marks and computes those accounts. Every night
all are computed, since many values change by the mere passing of days.

`preview` compares a configuration that nobody has saved with what is stored, `at` computes for a moment in the past from
what was known then; both write nothing. `backfill` keeps such past days as snapshots where there are none.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Coalesce, Greatest

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Account, Contact, Event
from core import clock, jobs, outbox
from surveys.insight import rollups
from surveys.models import Response
from team import queries as team_queries
from team.domain import RowScope
from team.models import User
from team.scope import scope_of
from workflows.health import versions
from workflows.health.dialect import for_all_accounts, ids, in_ids, is_postgresql, moment
from workflows.health.domain import UNCLEAR, Config, RollUp
from workflows.health.sources import Frame
from workflows.health.statement import COLUMNS, computed, lit, quoted
from workflows.models import AccountHealth, HealthMark, HealthSnapshot, HealthState, HealthVersion
from workflows.rules.bringing import brought_in

FOLD = "health_fold"
ALL = "workflows.health_all"
FOLD_LIMIT = 5_000
EVENTS_AT_ONCE = 2_000
LISTED = 200
_HEALTH = AccountHealth._meta.db_table
_SNAPSHOT = HealthSnapshot._meta.db_table
_COMPARED = tuple(name for name in COLUMNS if name != "account_id")


@dataclass(frozen=True, slots=True)
class Done:
    """How many accounts were computed another state than stored, and how many changes of band were told."""

    changed: int
    told: int


# --- Writing -------------------------------------------------------------------------------------------------
@transaction.atomic
def recompute(
    accounts: Collection[int] | None = None,
    *,
    origin: Origin = Origin.LIVE,
    tell: bool = True,
    because: "Because | None" = None,
) -> Done:
    """Compute these accounts (None: all) and keep what differs, with the day's snapshot and events of bands that changed.

    `origin` is that of the events: `correction` after a change of the configuration, on which rules do not act. `because`
    says it of single accounts; after a pass over all, a change on an account of which something was imported since the last
    one is told as imported.
    """
    version = _locked()
    if version is None or (accounts is not None and not accounts):
        return Done(0, 0)
    if accounts is None:
        # A pass over all reads the kept scores of accounts. Answers that are not folded into them yet may already be in
        # what is stored, by their own marks: it must not fall back behind those.
        while rollups.fold():
            pass
        for_all_accounts()
    config = versions.config_of(version)
    chosen = None if accounts is None else _with_relatives(set(accounts), config)
    frame = Frame(clock.now(), accounts=chosen)
    _add_missing(frame)
    text, params = computed(config, version.number, frame)
    write = _write_postgresql if is_postgresql() else _write_sqlite
    changed, moved = write(text, params, config, frame)
    because = because or Because({}, set())
    if accounts is None:
        because = replace(because, imported=_imported(moved))
        HealthState.objects.filter(pk=1).update(computed_at=frame.at, day=frame.day)
    if tell:
        _tell(moved, version, origin, frame, because)
    return Done(changed, len(moved) if tell else 0)


def lock() -> None:
    """Wait until nobody else is computing; held to the end of the caller's transaction."""
    HealthState.objects.get_or_create(pk=1)
    HealthState.objects.select_for_update().get(pk=1)


def _locked() -> HealthVersion | None:
    lock()
    return versions.in_force()


def keep_day(accounts: Collection[int]) -> None:
    """Keep the stored state of these accounts as that of today, after a person's judgement of them changed."""
    rows = f"(SELECT * FROM {_HEALTH} WHERE {in_ids('account_id')})"
    day = team_queries.today()
    text = _snapshot(rows)
    with connection.cursor() as cursor:
        cursor.execute(text, [day if is_postgresql() else day.isoformat(), ids(accounts)])
    AccountHealth.objects.filter(account__in=accounts).update(kept_on=Greatest(Coalesce("kept_on", day), day))


def _with_relatives(chosen: set[int], config: Config) -> set[int]:
    """With the accounts above, whose score may be made of these, and all that are below those."""
    if all(one.roll_up is RollUp.OWN for one in config.active):
        return chosen
    parents = dict(
        Account.objects.filter(parent__isnull=False, merged_into__isnull=True).values_list("pk", "parent_id")
    )
    below: dict[int, list[int]] = {}
    for child, parent in parents.items():
        below.setdefault(parent, []).append(child)
    found, queue = set(chosen), list(chosen)
    while queue:
        above = parents.get(queue.pop())
        if above is not None and above not in found:
            found.add(above)
            queue.append(above)
    queue = list(found)
    while queue:
        for child in below.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def _add_missing(frame: Frame) -> None:
    """Empty rows for accounts that have none, so that one UPDATE writes all."""
    chosen, params = frame.only("a.id")
    # NOT IN is hashed whatever the planner believes of a table that was empty a moment ago; a join then is not.
    _run(
        f"INSERT INTO {_HEALTH} (account_id, profile, version, confidence, band, reason, parts, below, told_band,"
        f" computed_at) SELECT a.id, '', 0, 0, '', '', '[]', '', '', %s FROM accounts_account a"
        f" WHERE a.id NOT IN (SELECT account_id FROM {_HEALTH}) AND a.merged_into_id IS NULL{chosen}",
        [moment(frame.at), *params],
    )


_NAMES = ", ".join(_COMPARED)
_SET = ", ".join(f"{name} = c.{name}" for name in _COMPARED)
_TOLD = ("account_id", "before", "band", "score_before", "score", "profile")


def _differs() -> str:
    """Whether the stored state is another than the computed one. Scores first: they mostly tell."""
    distinct = "IS DISTINCT FROM" if is_postgresql() else "IS NOT"
    order = ("score", "parts", *(name for name in _COMPARED if name not in {"score", "parts"}))
    return "(" + " OR ".join(f"h.{name} {distinct} c.{name}" for name in order) + ")"


def _is_told(config: Config) -> str:
    """Whether a computed band is to be told as a change from the one told last.

    With a margin (hysteresis), a score must be that far past the edge it crossed; to and from grey or no score, at once.
    """
    changed = "(h.told_band <> '' AND h.told_band <> c.band)"
    if config.hysteresis <= 0:
        return changed
    place = {band.key: place for place, band in enumerate(config.bands)}
    number = " ".join(f"WHEN {quoted(key)} THEN {at}" for key, at in place.items())
    was, now = (f"(CASE {name} {number} END)" for name in ("h.told_band", "c.band"))
    starts = " ".join(f"WHEN {quoted(band.key)} THEN {lit(band.start)}" for band in config.bands)
    ends = " ".join(
        f"WHEN {quoted(band.key)} THEN {lit(after.start)}"
        for band, after in zip(config.bands, config.bands[1:], strict=False)
    )
    margin = lit(config.hysteresis)
    plain = f"(h.told_band IN ('', '{UNCLEAR}') OR c.band IN ('', '{UNCLEAR}') OR {was} IS NULL)"
    up = f"({now} > {was} AND c.score >= (CASE c.band {starts} END) + {margin})"
    down = f"({now} < {was} AND c.score < (CASE c.band {ends} END) - {margin})"
    return f"({changed} AND ({plain} OR {up} OR {down}))"


def _moved(config: Config, stored: str) -> str:
    """The changes of band to tell of. An account under an override keeps the band a person gave it, so nothing changed.

    `stored` joins what is stored to the computed rows `c`, as `h`.
    """
    return (
        "SELECT c.account_id, h.told_band AS before, c.band, h.score AS score_before, c.score, c.profile FROM computed c"
        f"{stored} WHERE h.override_id IS NULL AND {_is_told(config)}"
    )


def _told_band(config: Config) -> str:
    """What the last event told: the first band of an account was never a change."""
    return (
        f"CASE WHEN h.override_id IS NOT NULL THEN h.told_band WHEN h.told_band = '' OR {_is_told(config)}"
        " THEN c.band ELSE h.told_band END"
    )


def _snapshot(rows: str, *, is_first: bool = False) -> str:
    """Keep the state of rows (aliased `u`) as that of the day, in place of an earlier state of that day.

    `is_first`: none of them has one of that day. Then nothing is looked for, which costs PostgreSQL more than the row itself.
    """
    names = ", ".join(f"u.{name}" for name in _COMPARED)
    keep = ", ".join(
        f"{name} = excluded.{name}" for name in (*_COMPARED, "computed_at", "override_band", "override_score")
    )
    replace = "" if is_first else f" ON CONFLICT (account_id, day) DO UPDATE SET {keep}"
    return (
        f"INSERT INTO {_SNAPSHOT} (account_id, day, {_NAMES}, computed_at, override_band, override_score)"
        f" SELECT u.account_id, %s, {names}, u.computed_at, COALESCE(w.band, ''), w.score FROM {rows} u"
        f" LEFT JOIN workflows_healthoverride w ON w.id = u.override_id WHERE 1 = 1{replace}"
    )


def _write_postgresql(
    text: str, params: Sequence[Any], config: Config, frame: Frame
) -> tuple[int, list[dict[str, Any]]]:
    """Compute, compare, update and keep the day's state in one statement; gives what is to be told."""
    returned = ", ".join(f"h.{name}" for name in ("account_id", *_COMPARED, "computed_at", "override_id"))
    before = (
        " CROSS JOIN LATERAL (SELECT c.told_before AS told_band, c.score_before AS score, c.override_id) h"
    )
    statement = (
        f"WITH computed AS MATERIALIZED (SELECT x.*, b.told_band AS told_before, b.score AS score_before, b.override_id,"
        f" b.kept_on AS kept_before FROM ({text}) x JOIN {_HEALTH} b ON b.account_id = x.account_id),"
        f" moved AS ({_moved(config, before)}),"
        f" updated AS (UPDATE {_HEALTH} h SET {_SET}, computed_at = %s, kept_on = GREATEST(h.kept_on, %s),"
        f" told_band = {_told_band(config)} FROM computed c WHERE h.account_id = c.account_id AND {_differs()} RETURNING {returned}, c.kept_before),"
        f" first AS ({_snapshot('(SELECT * FROM updated WHERE kept_before < %s)', is_first=True)}),"
        f" again AS ({_snapshot('(SELECT * FROM updated WHERE kept_before IS NULL OR kept_before >= %s)')})"
        f" SELECT (SELECT COUNT(*) FROM updated), {', '.join(_TOLD)} FROM (SELECT 1) one LEFT JOIN moved ON TRUE"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, moment(frame.at), *[frame.day] * 5])
        rows = cursor.fetchall()
    return rows[0][0], [dict(zip(_TOLD, row[1:], strict=True)) for row in rows if row[1] is not None]


def _write_sqlite(
    text: str, params: Sequence[Any], config: Config, frame: Frame
) -> tuple[int, list[dict[str, Any]]]:
    """The same in four statements over a table of what was computed."""
    _run("DROP TABLE IF EXISTS temp.computed")
    _run(f"CREATE TEMP TABLE computed AS {text}", params)
    _run("CREATE UNIQUE INDEX temp.computed_account ON computed (account_id)")
    with connection.cursor() as cursor:
        cursor.execute(_moved(config, f" JOIN {_HEALTH} h ON h.account_id = c.account_id"))
        moved = [dict(zip(_TOLD, row, strict=True)) for row in cursor.fetchall()]
    # The rows about to change, by key: afterwards nothing would tell them.
    _run("DROP TABLE IF EXISTS temp.changing")
    _run(
        f"CREATE TEMP TABLE changing AS SELECT c.account_id FROM computed c JOIN {_HEALTH} h"
        f" ON h.account_id = c.account_id WHERE {_differs()}"
    )
    changed = _run(
        f"UPDATE {_HEALTH} AS h SET {_SET}, computed_at = %s, kept_on = MAX(COALESCE(kept_on, ''), %s),"
        f" told_band = {_told_band(config)} FROM computed c"
        " WHERE h.account_id = c.account_id AND h.account_id IN (SELECT account_id FROM changing)",
        [moment(frame.at), frame.day.isoformat()],
    )
    rows = f"(SELECT * FROM {_HEALTH} WHERE account_id IN (SELECT account_id FROM changing))"
    _run(_snapshot(rows), [frame.day.isoformat()])
    return changed, moved


def _run(statement: str, params: Iterable[Any] = ()) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(params))
        return int(cursor.rowcount)


# --- Telling -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Because:
    """Why accounts are computed: the run of a rule that changed something there; that only our records changed; or
    that something of them was imported since all were computed last."""

    runs: Mapping[int, int]
    corrected: Collection[int]
    imported: Collection[int] = frozenset()

    def origin_of(self, account: int, otherwise: Origin) -> Origin:
        if account in self.corrected:
            return Origin.CORRECTION
        return Origin.IMPORT if otherwise is Origin.LIVE and account in self.imported else otherwise

    def data_of(self, account: int) -> dict[str, Any]:
        """What an event says of the run, so that rules which set each other off by way of health are found out."""
        return {timeline.BY_RUN: self.runs[account]} if account in self.runs else {}


def _imported(moved: Sequence[dict[str, Any]]) -> set[int]:
    """The accounts whose band changed after an import. What happened to a customer live had its own mark and was told then."""
    since = HealthState.objects.values_list("computed_at", flat=True).get(pk=1)
    if since is None or not moved:
        return set()
    ids = [row["account_id"] for row in moved]
    chunks = (ids[first : first + EVENTS_AT_ONCE] for first in range(0, len(ids), EVENTS_AT_ONCE))
    return set().union(*(brought_in("account", chunk, since=since) for chunk in chunks))


def _tell(
    moved: Sequence[dict[str, Any]], version: HealthVersion, origin: Origin, frame: Frame, because: Because
) -> None:
    for first in range(0, len(moved), EVENTS_AT_ONCE):
        some = moved[first : first + EVENTS_AT_ONCE]
        accounts = Account.objects.in_bulk([row["account_id"] for row in some])
        pairs = [(accounts[row["account_id"]], None) for row in some]
        events = []
        for row, facts in zip(some, timeline.facts_of_many(pairs), strict=True):
            of_row = because.origin_of(row["account_id"], origin)
            columns = band_event(row, version=version.number, origin=of_row, at=frame.at, day=frame.day)
            if row["account_id"] in because.runs:
                # Another cause than the same change by the customer on that day: a circle comes to light by it.
                columns["cause_key"] += f":run:{because.runs[row['account_id']]}"
            columns["data"] |= because.data_of(row["account_id"])
            events.append(timeline.draft(columns | {"facts": facts}))
        timeline.record_many(events)


def band_event(
    row: dict[str, Any], *, version: int, origin: Origin, at: dt.datetime, day: dt.date
) -> dict[str, Any]:
    """The columns of an event `health.band_changed`, but for its facts."""
    account, before, band = row["account_id"], row["before"], row["band"]
    return {
        "kind": "health.band_changed",
        "account_id": account,
        "contact_id": None,
        "actor_id": row.get("actor_id"),
        "subject_type": "account_health",
        "subject_id": account,
        "cause_key": f"health:{account}:{day.isoformat()}:{before}-{band}",
        "origin": origin.value,
        "occurred_at": at,
        "recorded_at": at,
        "data": {
            "from": before,
            "to": band,
            "score_before": row["score_before"],
            "score": row["score"],
            "profile": row["profile"],
            "version": version,
            **({"because": row["because"]} if row.get("because") else {}),
        },
    }


# --- Marks, nights, jobs -------------------------------------------------------------------------------------
def mark(account_keys: Iterable[int], *, by_run: int | None = None, origin: Origin = Origin.LIVE) -> None:
    """Have these accounts computed soon, in the caller's transaction. Cheap, and harmless when repeated.

    `by_run` is the run of a rule that changed something, by default the one whose step is being done.
    """
    run = by_run if by_run is not None else timeline.run_at_work.get()
    rows = [HealthMark(account_key=key, by_run=run, origin=origin) for key in dict.fromkeys(account_keys)]
    if rows:
        HealthMark.objects.bulk_create(rows, batch_size=1000)
        jobs.wake(FOLD)


@transaction.atomic
def fold(limit: int = FOLD_LIMIT) -> int:
    """Compute the accounts of up to `limit` marks and take exactly these away; returns how many marks it took."""
    version = _locked()
    marks = list(HealthMark.objects.order_by("pk")[:limit])
    if not marks:
        return 0
    _run(f"DELETE FROM workflows_healthmark WHERE {in_ids('id')}", [ids([one.pk for one in marks])])
    if version is not None:
        recompute({one.account_key for one in marks}, because=_because(marks, versions.config_of(version)))
    return len(marks)


def _because(marks: Sequence[HealthMark], config: Config) -> Because:
    """What the marks have in common for each account. Where something happened to the customer as well, it is that."""
    runs: dict[int, int] = {}
    corrected, happened = set(), set()
    for one in marks:
        if one.origin != Origin.LIVE:
            corrected.add(one.account_key)
        elif one.by_run is not None:
            runs[one.account_key] = max(one.by_run, runs.get(one.account_key, 0))
        else:
            happened.add(one.account_key)
    runs = {account: run for account, run in runs.items() if account not in happened}
    others = happened | set(runs)
    if corrected and not corrected <= others:
        corrected = _with_relatives(corrected - others, config) - _with_relatives(others, config)
    else:
        corrected = set()
    return Because(runs, corrected)


MERGES = ("account.merged", "account.unmerged", "contact.merged", "contact.unmerged")
WATCHED = (
    "response.scored", "response.updated", "response.excluded", "response.restored", "response.unlinked",
    "response.deleted", "response.undeleted", "interaction.logged", "task.created", "task.completed", "task.cancelled",
    "task.overdue", "contract.created", "contract.updated", "contract.outcome_set", "account.created", "account.updated",
    "account.stage_changed", *MERGES, "tracked",
)  # fmt: skip
"""Events after which an account may stand otherwise. What only passes with time waits for the night."""


def on_event(event: Event) -> None:
    if event.kind in MERGES:
        # Nothing happened to the customer: what moves by it is a correction of what we know.
        mark(_merged(event), origin=Origin.CORRECTION)
    elif event.account_id is not None:
        concerned = {event.account_id, *(_answered_at([event.contact_id]) if _is_answer(event) else ())}
        mark(sorted(concerned), by_run=event.data.get(timeline.BY_RUN))


def _is_answer(event: Event) -> bool:
    return event.kind.startswith("response.")


def _answered_at(contacts: Collection[int | None]) -> set[int]:
    """The accounts at which these people have answered: whoever changed company speaks for the former one as long as
    nothing newer is known, so an answer of theirs moves both."""
    rows = Response.objects.filter(
        contact__in=[pk for pk in contacts if pk is not None], account__isnull=False
    )
    return set(rows.order_by().values_list("account_id", flat=True).distinct())


def on_restated(accounts: Collection[int]) -> None:
    """Figures of these accounts were corrected, and no event tells of it (surveys/insight/restated.py)."""
    mark(sorted(accounts), origin=Origin.CORRECTION)


def _merged(event: Event) -> set[int]:
    """The accounts that a merge, or taking one back, concerns."""
    found = {event.account_id}
    loser = int(event.data.get("loser") or 0)
    if event.kind.startswith("contact."):
        found |= set(Contact.objects.filter(pk=loser).values_list("account_id", flat=True))
        found |= _answered_at([event.contact_id, loser])
    else:
        found |= set(Account.objects.live().filter(pk=loser).values_list("pk", flat=True))
    return {account for account in found if account is not None}


def submit_all(*, origin: Origin = Origin.LIVE, key: str = "", requested_by: int | None = None) -> None:
    """Have all accounts computed by a worker."""
    jobs.submit(ALL, key=key, payload={"origin": origin.value}, requested_by=requested_by)


def _all(job: jobs.JobContext) -> None:
    job.report(0, 1)
    rollups.expire_accounts()
    recompute(origin=Origin(job.payload.get("origin", Origin.LIVE)))
    job.report(1, 1)


def nightly(day: dt.date) -> None:
    """End overrides whose time is over, then compute all."""
    from workflows.services import health

    health.end_expired(day=day)
    submit_all(key=f"{ALL}:{day.isoformat()}")


def _no_rows(batch: "outbox.Batch[HealthMark]") -> None:  # type: ignore[type-var]
    """A pump has no rows of its own."""


def register() -> None:
    """Make computing known: woken by marks, looked for by the tick, all accounts once a night."""
    from core import schedules

    outbox.register(outbox.Kind(FOLD, "workflows.HealthMark", _no_rows, pump=fold))
    jobs.handler(ALL)(_all)
    schedules.daily(
        "workflows.health",
        at=dt.time(0, 20),
        zone=lambda: team_queries.workspace().time_zone,
        func=nightly,
    )
    timeline.subscribe("workflows.health", on_event, kinds=WATCHED, live_only=True)


# --- What if -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Change:
    """An account whose band would be another."""

    account: int
    before: str
    after: str
    score_before: float | None
    score: float | None
    profile: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a configuration would do: accounts per band as they are and as they would be, and who changes.

    Bands by key, "" for no score. `profiles` counts the accounts of each profile. `changes` lists the first of `changing`, the
    largest moves first. Accounts under an override are in the counts by what is computed, as all others.
    """

    before: dict[str, int]
    after: dict[str, int]
    profiles: dict[str, int]
    moves: dict[tuple[str, str], int]
    changing: int
    changes: list[Change]


def preview(
    config: Config, *, accounts: Collection[int] | None = None, user: User | None = None, listed: int = LISTED
) -> Preview:
    """What would change if this configuration were saved now, for all accounts, some, or those `user` may see.

    One statement, nothing is written.
    """
    if user is not None and accounts is None and scope_of(user) is not RowScope.ALL:
        accounts = set(Account.objects.visible_to(user).values_list("pk", flat=True))
    frame = Frame(clock.now(), accounts=accounts)
    text, params = computed(config, 0, frame)
    same = "c.band = COALESCE(h.band, '')"
    statement = (
        "SELECT account_id, before, band, score_before, score, profile, place, number FROM (SELECT c.account_id,"
        " COALESCE(h.band, '') AS before, c.band, h.score AS score_before, c.score, c.profile,"
        f" ROW_NUMBER() OVER (PARTITION BY COALESCE(h.band, ''), c.band, c.profile ORDER BY CASE WHEN {same} THEN 0"
        " ELSE ABS(COALESCE(c.score, 0) - COALESCE(h.score, 0)) END DESC, c.account_id) AS place,"
        " COUNT(*) OVER (PARTITION BY COALESCE(h.band, ''), c.band, c.profile) AS number"
        f" FROM ({text}) c LEFT JOIN {_HEALTH} h ON h.account_id = c.account_id) q"
        " WHERE place = 1 OR (band <> before AND place <= %s)"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        if accounts is None:
            for_all_accounts()
        cursor.execute(statement, [*params, listed])
        rows = cursor.fetchall()
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    profiles: dict[str, int] = {}
    moves: dict[tuple[str, str], int] = {}
    changes = []
    for account, was, band, score_before, score, profile, place, number in rows:
        if place == 1:
            before[was] = before.get(was, 0) + number
            after[band] = after.get(band, 0) + number
            profiles[profile] = profiles.get(profile, 0) + number
            if was != band:
                moves[was, band] = moves.get((was, band), 0) + number
        if was != band:
            changes.append(Change(account, was, band, score_before, score, profile))
    changes.sort(key=lambda one: (-abs((one.score or 0) - (one.score_before or 0)), one.account))
    return Preview(before, after, profiles, moves, sum(moves.values()), changes[:listed])


# --- The past ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Computed:
    """The health of an account as computed for a moment. `parts` and `below` as in `AccountHealth`."""

    account: int
    profile: str
    version: int
    score: float | None
    own_score: float | None
    shown: int | None
    confidence: float
    band: str
    reason: str
    parts: str
    below: str


def at(
    config: Config, when: dt.datetime, *, accounts: Collection[int] | None = None, is_past: bool = True
) -> list[Computed]:
    """The health of accounts at a moment by this configuration, from what was known by then. Nothing is written.

    With `is_past` false, as of now, from everything that is known.
    """
    text, params = computed(config, 0, Frame(when, is_past=is_past, accounts=accounts))
    with transaction.atomic(), connection.cursor() as cursor:
        if accounts is None:
            for_all_accounts()
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM ({text}) c ORDER BY account_id", params)
        return [Computed(*row) for row in cursor.fetchall()]


@transaction.atomic
def backfill(days: Iterable[dt.date]) -> int:
    """Keep snapshots of past days, computed from what was known at the end of each by the configuration in force.

    Days that an account has a snapshot of stay as they are, and a state like the one kept before is not repeated. Returns
    how many were written.
    """
    version = _locked()
    if version is None:
        return 0
    config, zone = versions.config_of(version), team_queries.zone()
    written = 0
    compared = ("profile", "version", "score", "confidence", "band", "parts", "below")
    last: dict[int, tuple[Any, ...]] = {}
    today = team_queries.today()
    for day in sorted(day for day in days if day < today):
        end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone).astimezone(dt.UTC)
        when = end - dt.timedelta(seconds=1)
        rows = []
        for row in at(config, when):
            state = tuple(getattr(row, name) for name in compared)
            if last.get(row.account) != state and (row.profile or row.account in last):
                rows.append(_past_snapshot(row, day, version.number, when))
            last[row.account] = state
        made = HealthSnapshot.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        written += len(made)
    return written


def _past_snapshot(row: Computed, day: dt.date, version: int, when: dt.datetime) -> HealthSnapshot:
    values = {name: getattr(row, name) for name in _COMPARED if name != "version"}
    return HealthSnapshot(account_id=row.account, day=day, version=version, computed_at=when, **values)
