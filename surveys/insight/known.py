"""Figures as they were known on a date, and why they are others now.

Every change of an answer left a revision: when it became known, with score, contact, account, and whether it counted. So
"Q1 as we knew it on 3 April" is the same definition applied to the newest revisions of before that moment, and a
restatement compares the two sides answer by answer: each answer whose part in the figure changed is given exactly one
cause, and the causes add up to the difference.

Counted live from revisions; nothing is kept for it. Days are those of the figures' zone; "known on a date" means by the
end of it. What a person may see is what they may see today.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import segments
from surveys.choices import Unit
from surveys.domain import SCORES, category_of
from surveys.insight import rollups
from surveys.insight.figures import Figure, Question
from surveys.insight.rollups import CHANNEL
from surveys.models import Response
from surveys.sql import is_postgresql, moment

LISTED = 200


class Cause(StrEnum):
    """Why an answer's part in a figure changed."""

    LATE = "late"
    EXCLUDED = "excluded"
    RESTORED = "restored"
    DELETED = "deleted"
    UNDELETED = "undeleted"
    LINKED = "linked"
    TAKEN_AWAY = "taken_away"
    CORRECTED = "corrected"
    REDATED = "redated"
    MOVED = "moved"
    REPLACED = "replaced"


CAUSE_TEXTS: Mapping[Cause, str] = {
    Cause.LATE: "came in later",
    Cause.EXCLUDED: "excluded from figures since",
    Cause.RESTORED: "counted again",
    Cause.DELETED: "deleted at their source",
    Cause.UNDELETED: "back at their source",
    Cause.LINKED: "linked from the inbox",
    Cause.TAKEN_AWAY: "taken away from their contact",
    Cause.CORRECTED: "score corrected",
    Cause.REDATED: "answered at another time than was thought",
    Cause.MOVED: "moved to another contact",
    Cause.REPLACED: "replaced by another answer of the same person, or no longer",
}


@dataclass(frozen=True, slots=True)
class Part:
    """The answers with one cause, and what they did to the counts. `answers` are the ids of the first of them."""

    cause: Cause
    number: int
    promoters: int
    passives: int
    detractors: int
    answers: Sequence[int]

    @property
    def text(self) -> str:
        return CAUSE_TEXTS[self.cause]


@dataclass(frozen=True, slots=True)
class Restatement:
    """One figure as it was known, as it is, and why."""

    as_of: dt.date
    known_on: dt.date
    then: Figure
    now: Figure
    parts: Sequence[Part]

    @property
    def summary(self) -> str:
        """“31 → 29: 3 came in later, 1 excluded from figures since”."""
        was, now = (_shown(figure.counts.score) for figure in (self.then, self.now))
        if not self.parts:
            return f"{now}, as it was known"
        why = ", ".join(f"{part.number:,} {part.text}" for part in self.parts)
        return f"{was} → {now}: {why}"


def _shown(score: int | None) -> str:
    return "no data" if score is None else str(score).replace("-", "−")


def figure_as_known(question: Question, day: dt.date, known_on: dt.date) -> Figure:
    """The figure as of the end of `day`, from what was known by the end of `known_on`."""
    return Figure(_histogram(question, day, _end_of(known_on)))


def restatement(question: Question, day: dt.date, known_on: dt.date) -> Restatement:
    """The figure as of the end of `day` as known by the end of `known_on`, as it is now, and what lies between."""
    then, now = _end_of(known_on), None
    changed = _differences(question, day, then)
    found: dict[Cause, list[tuple[int, int | None, int | None]]] = {}
    for row in changed:
        found.setdefault(_cause(row), []).append((row["response"], row["was"], row["score"]))
    parts = [_part(question, cause, found[cause]) for cause in Cause if cause in found]
    return Restatement(
        day,
        known_on,
        Figure(_histogram(question, day, then)),
        Figure(_histogram(question, day, now)),
        parts,
    )


def _part(question: Question, cause: Cause, rows: Sequence[tuple[int, int | None, int | None]]) -> Part:
    sums = {"promoter": 0, "passive": 0, "detractor": 0}
    for _, was, score in rows:
        for value, sign in ((was, -1), (score, 1)):
            if value is not None:
                name = str(category_of("nps", value))
                sums[name] += sign
    ids = [response for response, _, _ in rows[:LISTED]]
    return Part(cause, len(rows), sums["promoter"], sums["passive"], sums["detractor"], ids)


def _end_of(day: dt.date) -> dt.datetime:
    return rollups.start_of(day + dt.timedelta(days=1), rollups.zone())


# --- What counted when ---------------------------------------------------------------------------------------
def _answers(question: Question) -> QuerySet[Response]:
    """The answers a question is about, whether they count or not."""
    rows: QuerySet[Response] = Response.objects.visible_to(question.user).filter(metric=question.metric)
    if question.surveys:
        rows = rows.filter(survey__in=question.surveys)
    if question.saved is not None:
        if question.saved.target == "account":
            rows = rows.filter(account__in=segments.accounts_of(question.saved, question.user).values("pk"))
        else:
            rows = rows.filter(contact__in=segments.contacts_of(question.saved, question.user).values("pk"))
    if CHANNEL in question.where:
        rows = rows.filter(channel=question.where[CHANNEL])
    return rows


def _counted(question: Question, day: dt.date, known: dt.datetime | None, name: str) -> tuple[str, list[Any]]:
    """CTEs `<name>_seen` (the newest known revision of each answer) and `<name>` (what it gave to the figure)."""
    start = rollups.start_of(day - dt.timedelta(days=question.days - 1), rollups.zone())
    end = rollups.start_of(day + dt.timedelta(days=1), rollups.zone())
    window = [_at(start), _at(end)]
    # One that was thought to be of another time may have stood in the window then.
    inside = Q(responded_at__gte=start, responded_at__lt=end) | Q(redated_at__isnull=False)
    rows = _answers(question).filter(inside).order_by().values("pk")
    chosen, chosen_params = rows.query.sql_with_params()
    before, before_params = ("", []) if known is None else (" AND known_at < %s", [_at(known)])
    attributes = [key for key in question.where if key != CHANNEL]
    narrow = "".join(f" AND COALESCE(attributes ->> '{key}', '') = %s" for key in attributes)
    latest = question.unit != Unit.ALL_RESPONSES
    place = (
        "CASE WHEN contact_key IS NULL THEN 1 ELSE"
        " ROW_NUMBER() OVER (PARTITION BY contact_key ORDER BY responded_at DESC, response_id DESC) END"
        if latest
        else "1"
    )
    text = (
        f"{name}_seen AS MATERIALIZED (SELECT * FROM (SELECT response_id, responded_at, score, contact_key, is_excluded,"
        " is_deleted, is_waiting, attributes, ROW_NUMBER() OVER (PARTITION BY response_id ORDER BY known_at DESC, id DESC)"
        f" AS newest FROM surveys_responserevision WHERE response_id IN ({chosen}){before}) v WHERE newest = 1),"
        f" {name} AS MATERIALIZED (SELECT response_id, score FROM (SELECT response_id, score, attributes, {place} AS place"
        f" FROM {name}_seen WHERE NOT is_excluded AND NOT is_deleted AND NOT is_waiting AND responded_at >= %s"
        f" AND responded_at < %s) c WHERE place = 1{narrow})"
    )
    values = [question.where[key] for key in attributes]
    return text, [*chosen_params, *before_params, *window, *values]


def _at(value: dt.datetime) -> Any:
    return value if is_postgresql() else moment(value)


def _histogram(question: Question, day: dt.date, known: dt.datetime | None) -> list[int]:
    text, params = _counted(question, day, known, "one")
    found = [0] * len(SCORES)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {text} SELECT score, COUNT(*) FROM one GROUP BY score", params)
        for score, number in cursor.fetchall():
            found[score] = number
    return found


_COLUMNS = (
    "response", "was", "score", "was_known", "was_excluded", "was_deleted", "was_waiting", "was_contact", "was_score",
    "is_excluded", "is_deleted", "is_waiting", "contact", "now_score", "was_at", "now_at",
)  # fmt: skip


def _differences(question: Question, day: dt.date, known: dt.datetime) -> list[dict[str, Any]]:
    """The answers whose part in the figure is another now: with both parts, and with both revisions."""
    before, before_params = _counted(question, day, known, "a")
    after, after_params = _counted(question, day, None, "b")
    differs = "IS DISTINCT FROM" if is_postgresql() else "IS NOT"
    statement = (
        f"WITH {before}, {after}, both_sides AS (SELECT response_id FROM a UNION SELECT response_id FROM b)"
        " SELECT s.response_id, a.score, b.score, x.response_id IS NOT NULL, x.is_excluded, x.is_deleted, x.is_waiting,"
        " x.contact_key, x.score, y.is_excluded, y.is_deleted, y.is_waiting, y.contact_key, y.score, x.responded_at,"
        " y.responded_at"
        " FROM both_sides s LEFT JOIN a ON a.response_id = s.response_id LEFT JOIN b ON b.response_id = s.response_id"
        " LEFT JOIN a_seen x ON x.response_id = s.response_id LEFT JOIN b_seen y ON y.response_id = s.response_id"
        f" WHERE a.score {differs} b.score ORDER BY s.response_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*before_params, *after_params])
        return [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]


def _cause(row: Mapping[str, Any]) -> Cause:
    """The one cause, the plainest first."""
    if not row["was_known"]:
        return Cause.LATE
    for was, now, gone, back in (
        ("was_excluded", "is_excluded", Cause.EXCLUDED, Cause.RESTORED),
        ("was_deleted", "is_deleted", Cause.DELETED, Cause.UNDELETED),
        ("was_waiting", "is_waiting", Cause.TAKEN_AWAY, Cause.LINKED),
    ):
        if bool(row[was]) != bool(row[now]):
            return gone if row[now] else back
    if row["was_score"] != row["now_score"]:
        return Cause.CORRECTED
    if row["was_at"] != row["now_at"]:
        return Cause.REDATED
    return Cause.MOVED if row["was_contact"] != row["contact"] else Cause.REPLACED
