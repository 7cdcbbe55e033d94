"""What health can be made of: sources, each a piece of SQL that says something of every account as known at a moment.

A source joins to `a`, the accounts as they are (or, for a moment in the past, as their history shows them), and gives a
value, when it was observed (seconds of the epoch; NULL where the value has no age, as a number of days that passes by
itself) and the row behind it. In the past it uses only what was recorded by then: `recorded_at` of metric points, the
revisions of answers, the history of accounts and tasks. So a replay of history sees nothing of its future.

Higher apps register more, in `AppConfig.ready`. How to add one: docs/health.md.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accounts.domain import FieldType, InteractionKind
from accounts.models import CustomField, Metric, TrackedEvent
from core import clock
from surveys import domain as scores
from surveys.choices import Unit
from surveys.insight import rollups
from surveys.models import MetricDefinition
from surveys.queries import figures
from surveys.sql import COUNTED
from team import queries as team_queries
from workflows.health.dialect import (
    at_most,
    day_minus,
    days_from,
    epoch,
    ids,
    in_ids,
    is_postgresql,
    moment,
    real,
)
from workflows.rules.catalogue import Setting, SettingKind


@dataclass(frozen=True)
class Frame:
    """For which moment and accounts something is computed.

    `is_past`: as it was known at `at`; else as it is known now, where kept figures may be used. `accounts` limits it
    to these (None: all).
    """

    at: dt.datetime
    is_past: bool = False
    accounts: Collection[int] | None = None

    @cached_property
    def now(self) -> int:
        """`at` in whole seconds of the epoch."""
        return int(self.at.timestamp() // 1)

    @cached_property
    def day(self) -> dt.date:
        """The date in the workspace's zone."""
        return self.at.astimezone(team_queries.zone()).date()

    def known(self, column: str) -> tuple[str, list[Any]]:
        """That a row was recorded by then; asks nothing for the present."""
        return at_most(column, self.at) if self.is_past else ("", [])

    def only(self, column: str) -> tuple[str, list[Any]]:
        """That a row belongs to the accounts in question."""
        if self.accounts is None:
            return "", []
        return f" AND {in_ids(column)}", [ids(self.accounts)]

    @cached_property
    def metrics(self) -> Mapping[str, int]:
        return dict(Metric.objects.values_list("key", "pk"))

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """The types of the custom fields of accounts."""
        return dict(CustomField.objects.filter(target="account").values_list("key", "type"))

    @cached_property
    def definitions(self) -> Mapping[str, MetricDefinition]:
        found = {one.key: one for one in MetricDefinition.objects.prefetch_related("surveys")}
        return {key: figures.definition(key) for key in figures.DEFAULTS if key not in found} | found


def present(accounts: Collection[int] | None = None) -> Frame:
    return Frame(clock.now(), accounts=accounts)


@dataclass(frozen=True, slots=True)
class Piece:
    """A source in SQL: what it joins to `a`, and three expressions. Parameters belong to the join and to the value."""

    value: str
    join: str = ""
    params: Sequence[Any] = ()
    value_params: Sequence[Any] = ()
    observed: str = "NULL"
    ref: str = "NULL"

    @property
    def is_looked_up(self) -> bool:
        """Whether the join asks for each account by itself."""
        return " LATERAL " in self.join


NOTHING = Piece("NULL")

Build = Callable[[Mapping[str, Any], Frame, str], Piece]
"""`build(settings, frame, name)`: `name` is an alias that nothing else uses."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of fact about an account.

    `words(settings)` says what the value is: "days since the last call". `row` names the model of the rows behind it.
    `gives_text(settings)` is true where values are words, to be scored by categories. `ages` says that values have an
    age, so that they can expire.
    """

    key: str
    label: str
    group: str
    build: Build
    words: Callable[[Mapping[str, Any]], str]
    settings: tuple[Setting, ...] = ()
    unit: str = ""
    row: str = ""
    ages: bool = False
    gives_text: Callable[[Mapping[str, Any]], bool] | None = None
    help: str = field(default="")

    def is_text(self, settings: Mapping[str, Any]) -> bool:
        return self.gives_text is not None and self.gives_text(settings)


sources: dict[str, Source] = {}


def register(source: Source) -> None:
    """Make a source known. Call from `AppConfig.ready`."""
    sources[source.key] = source


# --- The accounts --------------------------------------------------------------------------------------------
OWN_COLUMNS = (
    "id", "arr", "seats", "renewal_on", "stage_since", "churned_on", "custom", "parent_id",
)  # fmt: skip


def accounts_relation(frame: Frame) -> tuple[str, list[Any]]:
    """The accounts that are not merged away, as a relation for FROM, with the columns a source may use of `a`."""
    chosen, params = frame.only("id")
    if not frame.is_past:
        return (
            f"(SELECT {', '.join(OWN_COLUMNS)} FROM accounts_account WHERE merged_into_id IS NULL{chosen})",
            params,
        )
    return past_accounts(frame, OWN_COLUMNS)


def past_accounts(frame: Frame, columns: Sequence[str]) -> tuple[str, list[Any]]:
    """The accounts as their history shows them at the moment."""
    chosen, params = frame.only("id")
    names = ", ".join(columns)
    return (
        f"(SELECT {names} FROM (SELECT {names}, history_type, merged_into_id AS gone, ROW_NUMBER() OVER"
        " (PARTITION BY id ORDER BY history_date DESC, history_id DESC) AS place FROM accounts_historicalaccount"
        f" WHERE history_date <= %s{chosen}) h WHERE place = 1 AND history_type <> '-' AND gone IS NULL)",
        [moment(frame.at), *params],
    )


# --- Answers -------------------------------------------------------------------------------------------------
FIGURES = {"mean": "mean score", "median": "median score", "nps": "NPS", "good": "share of good answers"}


def _answers(definition: MetricDefinition, frame: Frame) -> tuple[str, list[Any]]:
    """The answers that the definition counts at the moment: account_id, score, responded_at, id."""
    zone = rollups.zone()
    day = frame.at.astimezone(zone).date()
    start = rollups.start_of(day - dt.timedelta(days=definition.window_days - 1), zone)
    end = frame.at if frame.is_past else rollups.start_of(day + dt.timedelta(days=1), zone)
    window = [moment(start), moment(end)]
    surveys = _surveys(definition)
    is_latest = definition.unit != Unit.ALL_RESPONSES
    if not frame.is_past and not surveys:
        chosen, params = frame.only("r.account_id")
        latest = " AND (r.superseded_at IS NULL OR r.superseded_at >= %s)" if is_latest else ""
        return (
            "SELECT r.account_id, r.score, r.responded_at, r.id FROM surveys_response r WHERE r.account_id IS NOT NULL"
            f" AND r.metric = %s AND r.responded_at >= %s AND r.responded_at < %s{latest}"
            f" AND {COUNTED.format('r.')}{chosen}",
            [definition.metric, *window, *([window[1]] if is_latest else []), *params],
        )
    counted, params = answers_then(frame) if frame.is_past else answers_now(frame)
    narrow, more = "", []
    if surveys:
        narrow, more = f" AND {in_ids('q.survey_id')}", [ids(surveys)]
    text = (
        "SELECT account_id, score, responded_at, id FROM (SELECT q.*, ROW_NUMBER() OVER (PARTITION BY"
        " COALESCE(q.contact_id, -q.id) ORDER BY q.responded_at DESC, q.id DESC) AS place"
        f" FROM ({counted}) q WHERE q.metric = %s AND q.responded_at >= %s AND q.responded_at < %s{narrow}) l"
    )
    values = [*params, definition.metric, *window, *more]
    chosen, only = frame.only("account_id")
    return f"{text} WHERE account_id IS NOT NULL{' AND place = 1' if is_latest else ''}{chosen}", [
        *values,
        *only,
    ]


def answers_now(frame: Frame) -> tuple[str, list[Any]]:
    """All counted answers as they are."""
    return (
        "SELECT r.id, r.contact_id, r.account_id, r.survey_id, r.metric, r.score, r.responded_at FROM surveys_response r"
        f" WHERE {COUNTED.format('r.')}",
        [],
    )


def answers_then(frame: Frame) -> tuple[str, list[Any]]:
    """All answers that counted by what was known at the moment, by their newest revision of before."""
    return (
        "SELECT v.response_id AS id, v.contact_key AS contact_id, v.account_key AS account_id, v.survey_key AS survey_id,"
        " r.metric, v.score, v.responded_at FROM (SELECT response_id, contact_key, account_key, survey_key, score,"
        " responded_at, is_excluded, is_deleted, is_waiting, ROW_NUMBER() OVER (PARTITION BY response_id ORDER BY known_at DESC,"
        " id DESC) AS newest FROM surveys_responserevision WHERE known_at <= %s) v JOIN surveys_response r"
        " ON r.id = v.response_id WHERE newest = 1 AND NOT is_excluded AND NOT is_deleted AND NOT is_waiting"
        " AND v.responded_at <= %s",
        [moment(frame.at), moment(frame.at)],
    )


def _score(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    definition = frame.definitions.get(settings["definition"])
    if definition is None:
        return NOTHING
    figure, least = settings["figure"], settings["min_people"]
    if _is_kept(definition, frame):
        relation, params = (
            "SELECT account_id, people, promoters AS good, detractors AS bad, mean, median, latest_at FROM surveys_accountscore"
            " WHERE metric = %s",
            [definition.metric],
        )
    else:
        answers, params = _answers(definition, frame)
        relation = _summary(answers, definition.metric)
    value = {
        "mean": f"{name}.mean",
        "median": f"{name}.median",
        "nps": f"100.0 * ({name}.good - {name}.bad) / {name}.people",
        "good": f"100.0 * {name}.good / {name}.people",
    }[figure]
    return Piece(
        real(value),
        f" LEFT JOIN ({relation}) {name} ON {name}.account_id = a.id AND {name}.people >= {int(least)}",
        params,
        observed=epoch(f"{name}.latest_at"),
    )


def _is_kept(definition: MetricDefinition, frame: Frame) -> bool:
    """Whether the kept score of each account is this figure; a few accounts are counted from their answers, so that what
    has just arrived is in it before the kept figures are folded."""
    return (
        not frame.is_past
        and frame.accounts is None
        and definition.unit != Unit.ALL_RESPONSES
        and definition.window_days == rollups.ACCOUNT_DAYS
        and not _surveys(definition)
    )


def _surveys(definition: MetricDefinition) -> list[int]:
    """The surveys it is limited to; a default that nobody has stored is not limited."""
    return sorted(survey.pk for survey in definition.surveys.all()) if definition.pk else []


def _summary(answers: str, metric: str) -> str:
    scale = scores.SCALES[scores.scale(metric).metric]

    def share(level: scores.Level) -> str:
        return f"SUM(CASE WHEN score BETWEEN {level.low} AND {level.high} THEN 1 ELSE 0 END)"

    return (
        f"SELECT account_id, COUNT(*) AS people, {share(scale.good)} AS good, {share(scale.bad)} AS bad,"
        " AVG(score * 1.0) AS mean, AVG(CASE WHEN place IN ((number + 1) / 2, number / 2 + 1) THEN score * 1.0 END) AS median,"
        " MAX(responded_at) AS latest_at FROM (SELECT account_id, score, responded_at, ROW_NUMBER() OVER (PARTITION BY"
        " account_id ORDER BY score, id) AS place, COUNT(*) OVER (PARTITION BY account_id) AS number"
        f" FROM ({answers}) counted) placed GROUP BY account_id"
    )


def _silence(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """Days since the last answer (or the first ask, if there was never one), once so many asks went by; else 0."""
    since = day_minus(frame.now, f"COALESCE({name}_n.answered_at, {name}.first_at)")
    value = (
        f"CASE WHEN {name}.number >= {int(settings['asks'])} THEN {since}"
        f" WHEN {name}_n.answered_at IS NOT NULL OR {name}.number > 0 THEN 0.0 END"
    )
    known, known_params = frame.known("i.planned_at")
    unheard = f"({name}_n.answered_at IS NULL OR i.asked_at > {name}_n.answered_at)"
    asked = f"NOT i.is_test AND i.asked_at <= %s{known}"
    if is_postgresql() and not frame.is_past:
        # The present is looked up by account: however many years of answers there are, only the last of each is read.
        return Piece(
            value,
            " LEFT JOIN LATERAL (SELECT r.responded_at AS answered_at FROM surveys_response r WHERE r.account_id = a.id"
            f" AND r.responded_at <= %s AND {COUNTED.format('r.')} ORDER BY r.responded_at DESC LIMIT 1) {name}_n ON TRUE"
            " LEFT JOIN LATERAL (SELECT COUNT(*) AS number, MIN(i.asked_at) AS first_at FROM surveys_invitation i"
            f" WHERE i.account_id = a.id AND {asked} AND i.asked_at > COALESCE({name}_n.answered_at, '-infinity')) {name}"
            " ON TRUE",
            [moment(frame.at), moment(frame.at), *known_params],
        )
    counted, params = answers_then(frame) if frame.is_past else answers_now(frame)
    chosen, only = frame.only("q.account_id")
    last = (
        f"SELECT q.account_id, MAX(q.responded_at) AS answered_at FROM ({counted}) q WHERE q.account_id IS NOT NULL"
        f" AND q.responded_at <= %s{chosen} GROUP BY q.account_id"
    )
    last_params = [*params, moment(frame.at), *only]
    narrow, asked_only = frame.only("i.account_id")
    asks = (
        f"SELECT i.account_id, COUNT(*) AS number, MIN(i.asked_at) AS first_at FROM surveys_invitation i LEFT JOIN ({last})"
        f" {name}_n ON {name}_n.account_id = i.account_id WHERE i.account_id IS NOT NULL AND {asked}{narrow} AND {unheard}"
        " GROUP BY i.account_id"
    )
    return Piece(
        value,
        f" LEFT JOIN ({asks}) {name} ON {name}.account_id = a.id LEFT JOIN ({last}) {name}_n"
        f" ON {name}_n.account_id = a.id",
        [*last_params, moment(frame.at), *known_params, *asked_only, *last_params],
    )


# --- The latest of something ---------------------------------------------------------------------------------
def latest(
    name: str, table: str, columns: str, where: str, order: str, params: Sequence[Any]
) -> tuple[str, list[Any]]:
    """A join to the one row of `table` (aliased `p` in `where` and `order`) that comes first for each account."""
    if is_postgresql():
        return (
            f" LEFT JOIN LATERAL (SELECT {columns} FROM {table} p WHERE {where} ORDER BY {order} LIMIT 1) {name} ON TRUE",
            list(params),
        )
    return (
        f" LEFT JOIN {table} {name} ON {name}.id = (SELECT p.id FROM {table} p WHERE {where} ORDER BY {order} LIMIT 1)",
        list(params),
    )


def point(
    name: str, metric: int, frame: Frame, *, before: dt.datetime | None = None
) -> tuple[str, list[Any]]:
    """A join to an account's last point of a metric observed by `before` (else by the frame's moment)."""
    known, params = frame.known("p.recorded_at")
    return latest(
        name,
        "accounts_metricpoint",
        "p.id, p.value, p.observed_at",
        f"p.account_id = a.id AND p.metric_id = {int(metric)} AND p.observed_at <= %s{known}",
        "p.observed_at DESC, p.recorded_at DESC",
        [moment(before or frame.at), *params],
    )


def _metric(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    metric = frame.metrics.get(settings["metric"])
    if metric is None:
        return NOTHING
    join, params = point(name, metric, frame)
    return Piece(real(f"{name}.value"), join, params, observed=epoch(f"{name}.observed_at"), ref=f"{name}.id")


def _trend(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """The change from the last point of before the span to the latest, in percent of the former or as it is."""
    metric = frame.metrics.get(settings["metric"])
    if metric is None:
        return NOTHING
    join, params = point(name, metric, frame)
    then = frame.at - dt.timedelta(days=settings["days"])
    earlier, more = point(f"{name}_b", metric, frame, before=then)
    now, before = real(f"{name}.value"), real(f"{name}_b.value")
    change = f"({now} - {before})"
    if settings["measure"] == "percent":
        change = f"CASE WHEN {before} <> 0 THEN 100.0 * {change} / ABS({before}) WHEN {now} = 0 THEN 0.0 END"
    return Piece(
        change, join + earlier, [*params, *more], observed=epoch(f"{name}.observed_at"), ref=f"{name}.id"
    )


def _share(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """A metric in percent of the account's seats or of another metric."""
    metric, whole = frame.metrics.get(settings["metric"]), settings.get("whole", "")
    if metric is None:
        return NOTHING
    join, params = point(name, metric, frame)
    divisor = "a.seats"
    if whole:
        other = frame.metrics.get(whole)
        if other is None:
            return NOTHING
        second, more = point(f"{name}_w", other, frame)
        join, params, divisor = join + second, [*params, *more], f"{name}_w.value"
    return Piece(
        f"100.0 * {real(f'{name}.value')} / NULLIF({real(divisor)}, 0)",
        join,
        params,
        observed=epoch(f"{name}.observed_at"),
        ref=f"{name}.id",
    )


def _touch(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    known, params = frame.known("p.created_at")
    kinds = ", ".join(f"'{InteractionKind(kind).value}'" for kind in settings["kinds"])
    join, params = latest(
        name,
        "accounts_interaction",
        "p.id, p.happened_at",
        f"p.account_id = a.id AND p.user_id IS NOT NULL AND NOT p.is_automatic AND p.kind IN ({kinds}) AND p.happened_at <= %s{known}",
        "p.happened_at DESC",
        [moment(frame.at), *params],
    )
    return Piece(day_minus(frame.now, f"{name}.happened_at"), join, params, ref=f"{name}.id")


def _sentiment(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    join, params = latest(
        name,
        "workflows_healthsentiment",
        "p.id, p.value, p.at",
        "p.account_id = a.id AND p.at <= %s",
        "p.at DESC, p.id DESC",
        [moment(frame.at)],
    )
    return Piece(real(f"{name}.value"), join, params, observed=epoch(f"{name}.at"), ref=f"{name}.id")


# --- Work and tickets ----------------------------------------------------------------------------------------
def _overdue(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """Open tasks whose due date has passed; 0 where there is none."""
    chosen, only = frame.only("account_id")
    due = "state = 'open' AND due_at < %s AND account_id IS NOT NULL"
    if not frame.is_past:
        rows, params = f"workflows_task WHERE {due}{chosen}", [moment(frame.at), *only]
    else:
        rows = (
            "(SELECT id, account_id, state, due_at, history_type, ROW_NUMBER() OVER (PARTITION BY id ORDER BY"
            " history_date DESC, history_id DESC) AS place FROM workflows_historicaltask WHERE history_date <= %s) h"
            f" WHERE place = 1 AND history_type <> '-' AND {due}{chosen}"
        )
        params = [moment(frame.at), moment(frame.at), *only]
    return Piece(
        real(f"COALESCE({name}.number, 0)"),
        f" LEFT JOIN (SELECT account_id, COUNT(*) AS number FROM {rows} GROUP BY account_id) {name}"
        f" ON {name}.account_id = a.id",
        params,
    )


def _tickets(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """Tickets opened less those closed within the span, by the names of two tracked events; at least 0.

    No data anywhere until the first such event was received; from then on an account without one has 0.
    """
    opened, closed = settings["opened"], settings.get("closed", "")
    heard = TrackedEvent.objects.filter(name__in=[opened, closed])
    if not (heard.filter(received_at__lte=frame.at) if frame.is_past else heard).exists():
        return NOTHING
    known, params = frame.known("received_at")
    chosen, only = frame.only("account_id")
    since = frame.at - dt.timedelta(days=settings["days"])
    return Piece(
        real(f"CASE WHEN {name}.number > 0 THEN {name}.number ELSE 0 END"),
        " LEFT JOIN (SELECT account_id, SUM(CASE WHEN name = %s THEN 1 ELSE -1 END) AS number FROM accounts_trackedevent"
        f" WHERE name IN (%s, %s) AND account_id IS NOT NULL AND occurred_at > %s AND occurred_at <= %s{known}{chosen}"
        f" GROUP BY account_id) {name} ON {name}.account_id = a.id",
        [opened, opened, closed, moment(since), moment(frame.at), *params, *only],
    )


# --- The account itself --------------------------------------------------------------------------------------
def _renewal(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    return Piece(real(days_from(frame.day, "a.renewal_on")))


def _in_stage(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    return Piece(real(f"-{days_from(frame.day, 'a.stage_since')}"))


def _arr_change(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """The change of ARR in percent since so many days ago, by the account's history; no data where it had none then."""
    then = frame.at - dt.timedelta(days=settings["days"])
    where, order = "p.id = a.id AND p.history_date <= %s", "p.history_date DESC, p.history_id DESC"
    table, params = "accounts_historicalaccount", [moment(then)]
    if is_postgresql():
        join = f" LEFT JOIN LATERAL (SELECT p.arr FROM {table} p WHERE {where} ORDER BY {order} LIMIT 1) {name} ON TRUE"
    else:
        one = f"SELECT p.history_id FROM {table} p WHERE {where} ORDER BY {order} LIMIT 1"
        join = f" LEFT JOIN {table} {name} ON {name}.history_id = ({one})"
    now, before = real("a.arr"), real(f"{name}.arr")
    return Piece(
        f"CASE WHEN {before} > 0 THEN 100.0 * (COALESCE({now}, 0) - {before}) / {before} END", join, params
    )


def _custom(settings: Mapping[str, Any], frame: Frame, name: str) -> Piece:
    """A custom field: a number, the days until a date (negative after it), or a word ("yes" and "no" of a boolean)."""
    key = settings["field"]
    kind = frame.fields.get(key)
    if kind is None:
        return NOTHING
    if is_postgresql():
        held, params = "(a.custom ->> %s::text)", [key]
        guard, guard_params = "jsonb_typeof(a.custom -> %s::text)", [key]
        types = {FieldType.NUMBER: "= 'number'", FieldType.BOOLEAN: "= 'boolean'"}.get(
            FieldType(kind), "= 'string'"
        )
        true = "'true'"
    else:
        held, params = "JSON_EXTRACT(a.custom, %s)", [f'$."{key}"']
        guard, guard_params = "JSON_TYPE(a.custom, %s)", [f'$."{key}"']
        types = {
            FieldType.NUMBER: "IN ('integer', 'real')", FieldType.BOOLEAN: "IN ('true', 'false')",
        }.get(FieldType(kind), "= 'text'")  # fmt: skip
        true = "1"
    if kind == FieldType.NUMBER:
        value = f"CASE WHEN ABS({_wide(held)}) < 1e15 THEN {real(held)} END"
        params = [*params, *params]
    elif kind == FieldType.BOOLEAN:
        value = f"CASE WHEN {held} = {true} THEN 'yes' ELSE 'no' END"
    elif kind == FieldType.DATE:
        pattern, day = "~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'", f"{held}::date"
        if not is_postgresql():
            pattern, day = "GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'", held
        value = f"CASE WHEN {held} {pattern} THEN {real(days_from(frame.day, day))} END"
        params = [*params, *params]
    else:
        value = held
    return Piece(f"CASE WHEN {guard} {types} THEN {value} END", value_params=[*guard_params, *params])


def _wide(held: str) -> str:
    """A number of any size, compared before it is made a double."""
    return f"{held}::numeric" if is_postgresql() else held


def _is_word(settings: Mapping[str, Any]) -> bool:
    found = CustomField.objects.filter(target="account", key=settings.get("field", "")).first()
    return found is not None and found.type in {FieldType.TEXT, FieldType.BOOLEAN, FieldType.CHOICE}


# --- Choices and words ---------------------------------------------------------------------------------------
def _definitions() -> list[tuple[str, str]]:
    stored = dict(MetricDefinition.objects.order_by("name", "pk").values_list("key", "name"))
    return list(({key: name for key, (name, *_) in figures.DEFAULTS.items()} | stored).items())


def _metrics() -> list[tuple[str, str]]:
    return list(Metric.objects.order_by("label", "pk").values_list("key", "label"))


def _fields() -> list[tuple[str, str]]:
    rows = CustomField.objects.filter(target="account").order_by("position", "label", "pk")
    return list(rows.values_list("key", "label"))


def _kinds() -> list[tuple[str, str]]:
    return [(kind.value, kind.value.capitalize()) for kind in InteractionKind]


def _metric_label(key: Any) -> str:
    return str(Metric.objects.filter(key=key).values_list("label", flat=True).first() or key)


def _score_words(settings: Mapping[str, Any]) -> str:
    name = dict(_definitions()).get(settings["definition"], settings["definition"])
    return f"{FIGURES[settings['figure']]} ({name})"


def _trend_words(settings: Mapping[str, Any]) -> str:
    how = "%" if settings["measure"] == "percent" else "as it is"
    return f"change of {_metric_label(settings['metric'])} over {settings['days']} days ({how})"


def _share_words(settings: Mapping[str, Any]) -> str:
    whole = _metric_label(settings["whole"]) if settings.get("whole") else "seats"
    return f"{_metric_label(settings['metric'])} in percent of {whole}"


def _number(key: str, label: str, default: int, low: int, high: int, **more: Any) -> Setting:
    return Setting(key, label, SettingKind.NUMBER, default=default, minimum=low, maximum=high, **more)


_A_METRIC = Setting("metric", "Metric", SettingKind.CHOICE, choices=_metrics)
_A_SPAN = _number("days", "Over how many days", 30, 1, 3_660)
ANSWERS, PEOPLE, USE, SERVICE, COMMERCIAL = "Answers", "People", "Metrics", "Service", "Account"

for _source in (
    Source(
        "score", "Score of its answers", ANSWERS, _score, _score_words,
        (
            Setting("definition", "Counted as", SettingKind.CHOICE, choices=_definitions),
            Setting("figure", "Figure", SettingKind.CHOICE, choices=lambda: list(FIGURES.items()), default="mean"),
            _number("min_people", "At least so many people", 1, 1, 1_000),
        ), ages=True, help="NPS, CSAT or CES of the account, as a named definition counts it.",
    ),
    Source(
        "silence", "Response silence", ANSWERS, _silence,
        lambda settings: f"days since the last answer, once asked {settings['asks']} times without one",
        (_number("asks", "Asked at least so often since", 2, 1, 50),), unit="days",
        help="0 as long as people answer; never asked and never answered is no data.",
    ),
    Source(
        "touch", "Days since a human touch", PEOPLE, _touch,
        lambda settings: f"days since the last {' or '.join(settings['kinds'])} by one of us",
        (Setting("kinds", "Which count", SettingKind.MANY, choices=_kinds, default=["call", "meeting", "mail"]),),
        unit="days", row="interaction",
    ),
    Source(
        "sentiment", "Sentiment of the CSM", PEOPLE, _sentiment, lambda settings: "sentiment, 1 to 5",
        row="sentiment", ages=True, help="1 very worried, 2 worried, 3 neutral, 4 confident, 5 very confident.",
    ),
    Source(
        "metric", "Latest value of a metric", USE, _metric, lambda settings: _metric_label(settings["metric"]),
        (_A_METRIC,), row="metric_point", ages=True,
        help="Also for open tickets and invoices, where another system counts them.",
    ),
    Source(
        "metric_trend", "Trend of a metric", USE, _trend, _trend_words,
        (
            _A_METRIC, _A_SPAN,
            Setting("measure", "As", SettingKind.CHOICE, default="percent",
                    choices=lambda: [("percent", "percent"), ("difference", "difference")]),
        ), row="metric_point", ages=True,
    ),
    Source(
        "metric_share", "Metric in percent of seats or of another", USE, _share, _share_words,
        (
            _A_METRIC,
            Setting("whole", "Of which metric (empty: of seats)", SettingKind.CHOICE, choices=_metrics,
                    is_required=False),
        ), unit="%", row="metric_point", ages=True,
    ),
    Source(
        "tasks_overdue", "Overdue tasks", SERVICE, _overdue, lambda settings: "open tasks past their due date",
    ),
    Source(
        "tickets", "Open tickets by tracked events", SERVICE, _tickets,
        lambda settings: f"“{settings['opened']}” less “{settings.get('closed', '')}” in {settings['days']} days",
        (
            Setting("opened", "Event when one is opened", SettingKind.TEXT, default="ticket.created"),
            Setting("closed", "Event when one is closed", SettingKind.TEXT, default="ticket.solved",
                    is_required=False),
            _number("days", "Within how many days", 90, 1, 3_660),
        ),
    ),
    Source(
        "renewal_days", "Days to renewal", COMMERCIAL, _renewal, lambda settings: "days until the renewal",
        unit="days", help="Negative when the day has passed.",
    ),
    Source(
        "stage_days", "Days in its stage", COMMERCIAL, _in_stage,
        lambda settings: "days in the present lifecycle stage", unit="days",
    ),
    Source(
        "arr_change", "Change of ARR", COMMERCIAL, _arr_change,
        lambda settings: f"change of ARR over {settings['days']} days", (_number("days", "Over how many days", 365, 1, 3_660),),
        unit="%",
    ),
    Source(
        "custom", "Custom field", COMMERCIAL, _custom, lambda settings: dict(_fields()).get(settings["field"], settings["field"]),
        (Setting("field", "Field", SettingKind.CHOICE, choices=_fields),), gives_text=_is_word,
        help="A number, the days until a date, or a word. Invoice states are such fields, or metrics.",
    ),
):  # fmt: skip
    register(_source)
