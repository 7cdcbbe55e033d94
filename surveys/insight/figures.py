"""Figures from kept tallies, or from the visible answers where tallies cannot know: one definition, two sources.

A question says what is counted. The answer to "latest per contact, trailing w days, as of the end of day T" is the sum
of what started by T minus the sum of what ended by T: an answer counts from its own day until it is w days old or the
contact answers again, whichever comes first (docs/decisions/0004-kept-histograms.md). "All responses" is the plain sum
of the w days that end with T. Both are half-open windows of whole days in the zone of the figures.

`kept` questions are answered from the tallies and the marks not yet folded, so a figure is true to the last commit.
A narrower row scope, a saved segment, two attributes at once or another window are counted live, by the same cuts;
tests/surveys/test_figures.py holds the two against each other.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from accounts import segments
from accounts.models import Segment
from surveys.choices import MetricFamily, Unit
from surveys.domain import SCORES, Counts, counts, mean, median
from surveys.insight import rollups
from surveys.insight.rollups import ALL, BREAKDOWNS, CHANNEL, SCORE_COLUMNS, SPANS
from surveys.models import Response
from surveys.sql import is_postgresql
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

Histogram = list[int]
ATTRIBUTES = ("plan", "segment", "country", "owner")
_NONE = [0] * len(SCORES)


@dataclass(frozen=True, slots=True)
class Question:
    """What to count, for whom. `where` narrows by what was noted at the answer: plan, segment, country, owner, channel."""

    user: User
    days: int = 90
    unit: Unit = Unit.LATEST_PER_CONTACT
    surveys: tuple[int, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    saved: Segment | None = None
    metric: str = MetricFamily.NPS

    @property
    def is_kept(self) -> bool:
        """Whether the tallies can answer."""
        return (
            scope_of(self.user) is RowScope.ALL
            and self.saved is None
            and len(self.where) <= 1
            and (self.unit == Unit.ALL_RESPONSES or self.days in SPANS)
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """Answers per score, and what follows from them."""

    histogram: Histogram

    @property
    def counts(self) -> Counts:
        return counts(self.histogram)

    @property
    def n(self) -> int:
        return sum(self.histogram)

    @property
    def mean(self) -> float | None:
        return mean(self.histogram)

    @property
    def median(self) -> float | None:
        return median(self.histogram)


def figures(question: Question, days: Sequence[dt.date]) -> dict[dt.date, Figure]:
    """The figure as of the end of each of these days, in one query."""
    found = _by_value(question, days, ALL)
    return {day: Figure(found.get("", {}).get(day, list(_NONE))) for day in days}


def figure(question: Question, day: dt.date) -> Figure:
    return figures(question, [day])[day]


def breakdown(question: Question, days: Sequence[dt.date], by: str) -> dict[str, dict[dt.date, Figure]]:
    """The figures by plan, segment, country, owner or channel: value → day → figure, without the empty ones."""
    if by not in BREAKDOWNS or by == ALL:
        raise ValueError(f"Figures are not kept by {by}")
    found = _by_value(question, days, by)
    return {
        value: {day: Figure(by_day.get(day, list(_NONE))) for day in days}
        for value, by_day in found.items()
        if any(sum(by_day.get(day, _NONE)) for day in days)
    }


# --- Cutting time --------------------------------------------------------------------------------------------
def _by_value(question: Question, days: Sequence[dt.date], by: str) -> dict[str, dict[dt.date, Histogram]]:
    """Histograms by value and day, from the sums between cuts."""
    if not days:
        return {}
    is_all = question.unit == Unit.ALL_RESPONSES
    width = dt.timedelta(days=question.days)
    cuts = sorted({*days, *(day - width for day in days)} if is_all else set(days))
    # A breakdown of an already narrowed question needs two attributes at once, which only the answers themselves know.
    is_kept = question.is_kept and (not question.where or by in (ALL, *question.where))
    if is_kept:
        moves = _kept_moves(question, cuts, by)
    else:
        moves = _live_moves(question, cuts, by, first=min(days) - width)
    found: dict[str, dict[dt.date, Histogram]] = {}
    for value, by_span in moves.items():
        starts = _running(by_span.get(0, {}), cuts)
        ends = _running(by_span.get(question.days, {}), cuts) if not is_all else None
        found[value] = {}
        for day in days:
            minus = starts[day - width] if ends is None else ends[day]
            found[value][day] = [a - b for a, b in zip(starts[day], minus, strict=True)]
    return found


Moves = dict[str, dict[int, dict[int, Histogram]]]  # value → span → number of the cut → answers per score


def _running(by_cut: Mapping[int, Histogram], cuts: Sequence[dt.date]) -> dict[dt.date, Histogram]:
    total = list(_NONE)
    found = {}
    for number, day in enumerate(cuts):
        total = [a + b for a, b in zip(total, by_cut.get(number, _NONE), strict=True)]
        found[day] = total
    return found


def _cut_sql(cuts: Sequence[dt.date], column: str = "day") -> tuple[str, list[Any]]:
    """The number of the first cut at or after a day."""
    if len(cuts) == 1:
        return "0", []
    whens = " ".join(f"WHEN {column} <= {_day()} THEN {number}" for number, _ in enumerate(cuts[:-1]))
    return f"CASE {whens} ELSE {len(cuts) - 1} END", [_date(cut) for cut in cuts[:-1]]


def _day() -> str:
    return "%s::date" if is_postgresql() else "%s"


def _date(day: dt.date) -> Any:
    return day if is_postgresql() else day.isoformat()


def _spans(question: Question) -> list[int]:
    return [0] if question.unit == Unit.ALL_RESPONSES else [0, question.days]


# --- From the tallies ----------------------------------------------------------------------------------------
def _kept_moves(question: Question, cuts: Sequence[dt.date], by: str) -> Moves:
    """Sums between cuts, of the tallies and of the marks that are not folded yet, in one statement."""
    key, wanted = by, None
    if question.where:
        ((key, wanted),) = question.where.items()
    spans = _spans(question)
    zone = rollups.state().zone
    names = ", ".join(SCORE_COLUMNS)
    conditions, narrow = (
        ["breakdown = %s", f"span IN ({', '.join('%s' for _ in spans)})", f"day <= {_day()}"],
        [],
    )
    params: list[Any] = [key, *spans, _date(cuts[-1])]
    more: list[Any] = []
    narrow.append("metric = %s")
    more.append(question.metric)
    if question.surveys:
        narrow.append(f"survey_key IN ({', '.join('%s' for _ in question.surveys)})")
        more += question.surveys
    value_column = BREAKDOWNS[key]
    mark_parts, mark_params = [], []
    for span in spans:
        day = "day"
        if span:
            day = f"LEAST(day + {span}, gone)" if is_postgresql() else (
                f"MIN(date(day, '+{span} days'), COALESCE(gone, '9999-12-31'))"
            )  # fmt: skip
        sums = ", ".join(f"CASE WHEN score = {score} THEN delta ELSE 0 END" for score in SCORES)
        mark_parts.append(f"SELECT {value_column}, {span}, {day}, {sums} FROM placed")
    mark_params += [zone, zone, *more]
    cut, cut_params = _cut_sql(cuts)
    only, only_params = ("", []) if wanted is None else ("AND value = %s", [wanted])
    shown = "''" if wanted is not None else "value"
    statement = (
        f"WITH placed AS MATERIALIZED (SELECT delta, channel, score, plan, segment, country, owner_key,"
        f" {rollups.local_day('responded_at')} AS day, {rollups.local_day('superseded_at')} AS gone"
        f" FROM surveys_figuremark WHERE {' AND '.join(narrow)}),"
        f" moves (value, span, day, {names}) AS ("
        f" SELECT value, span, day, {names} FROM surveys_tally WHERE {' AND '.join(conditions + narrow)} {only}"
        f" UNION ALL {' UNION ALL '.join(mark_parts)})"
        f" SELECT {shown}, span, {cut} AS cut, {', '.join(f'SUM({name})' for name in SCORE_COLUMNS)}"
        f" FROM moves WHERE day <= {_day()} {only} GROUP BY 1, 2, 3"
    )
    arguments = [*mark_params, *params, *more, *only_params, *cut_params, _date(cuts[-1]), *only_params]
    found: Moves = defaultdict(lambda: defaultdict(dict))
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        for value, span, number, *sums in cursor.fetchall():
            found[value][span][number] = [int(s) for s in sums]
    return found


# --- From the answers ----------------------------------------------------------------------------------------
def visible_answers(question: Question) -> QuerySet[Response]:
    """The answers a question is about, before any window."""
    rows: QuerySet[Response] = (
        Response.objects.visible_to(question.user).counted().filter(metric=question.metric)
    )
    if question.surveys:
        rows = rows.filter(survey__in=question.surveys)
    if question.saved is not None:
        if question.saved.target == "account":
            rows = rows.filter(account__in=segments.accounts_of(question.saved, question.user).values("pk"))
        else:
            rows = rows.filter(contact__in=segments.contacts_of(question.saved, question.user).values("pk"))
    return rows


def _value_sql(key: str) -> str:
    if key == ALL:
        return "''"
    return "r.channel" if key == CHANNEL else f"COALESCE(r.attributes ->> '{key}', '')"


def _live_moves(question: Question, cuts: Sequence[dt.date], by: str, *, first: dt.date) -> Moves:
    """The same sums from the answers themselves; what began before the first window has ended by its end."""
    zone = rollups.zone()
    rows = visible_answers(question).filter(
        responded_at__gte=rollups.start_of(first + dt.timedelta(days=1), zone),
        responded_at__lt=rollups.start_of(cuts[-1] + dt.timedelta(days=1), zone),
    )
    chosen, chosen_params = rows.order_by().values("pk").query.sql_with_params()
    wheres = "".join(f" AND {_value_sql(key)} = %s" for key in question.where)
    parts = []
    for span in _spans(question):
        day = "day"
        if span:
            day = f"LEAST(day + {span}, gone)" if is_postgresql() else (
                f"MIN(date(day, '+{span} days'), COALESCE(gone, '9999-12-31'))"
            )  # fmt: skip
        parts.append(f"SELECT value, {span} AS span, {day} AS day, score FROM placed")
    cut, cut_params = _cut_sql(cuts)
    statement = (
        f"WITH placed AS MATERIALIZED (SELECT r.score, {_value_sql(by)} AS value,"
        f" {rollups.local_day('r.responded_at')} AS day, {rollups.local_day('r.superseded_at')} AS gone"
        f" FROM surveys_response r WHERE r.id IN ({chosen}){wheres})"
        f" SELECT value, span, {cut} AS cut, score, COUNT(*) FROM ({' UNION ALL '.join(parts)}) moves"
        f" WHERE day <= {_day()} GROUP BY 1, 2, 3, 4"
    )
    arguments = [zone.key, zone.key, *chosen_params, *question.where.values(), *cut_params, _date(cuts[-1])]
    found: Moves = defaultdict(lambda: defaultdict(dict))
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        for value, span, number, score, answers in cursor.fetchall():
            found[value][span].setdefault(number, list(_NONE))[score] += answers
    return found


def narrowed(question: Question, key: str, value: str) -> Question:
    return replace(question, where={**question.where, key: value})
