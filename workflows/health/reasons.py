"""Why an account's health is what it is, and why it changed between two days: from rows to explanations."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from team import queries as team_queries
from workflows.health import explain, queries, versions
from workflows.health.domain import Component, Config, Reading, State
from workflows.health.explain import OF_CONFIGURATION, Cause, Change, Move, Part, Sentence
from workflows.health.queries import Standing
from workflows.health.words import STATES, Words, day_of
from workflows.models import AccountHealth, HealthSnapshot

TENTH = Fraction(1, 10)
NEGLIGIBLE = Fraction(1, 20)


def exact(standing: Standing, day: dt.date) -> explain.Standing:
    """The same as fractions. `rolled` only where the accounts below made the score another."""
    is_rolled = bool(standing.below) and standing.score is not None and standing.score != standing.own_score
    return explain.Standing(
        day=day,
        moment=int(standing.computed_at.timestamp()),
        version=standing.version,
        profile=standing.profile,
        readings=tuple(standing.readings),
        has_own=standing.own_score is not None,
        rolled=Fraction(standing.score) if is_rolled and standing.score is not None else None,
        override=standing.override_score,
    )


# --- A score -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Line:
    """One part of a score as it is shown. `tenths` of all lines add up to those of the score."""

    cause: str
    label: str
    group: str
    component: Component | None
    said: str
    url: str
    flag: str
    score: float | None
    tone: str
    share: float | None
    tenths: int
    observed: dt.datetime | None

    @property
    def points(self) -> float:
        return self.tenths / 10

    @property
    def bar(self) -> float | None:
        """Its score as a share of a hundred."""
        return None if self.score is None else self.score / 100


@dataclass(frozen=True, slots=True)
class Explained:
    """A standing with its lines. `with_data` of `of` components have data; `tenths` is the exact score in tenths."""

    standing: Standing
    lines: list[Line]
    tenths: int
    with_data: int
    of: int

    @property
    def groups(self) -> list[tuple[str, list[Line]]]:
        names = dict.fromkeys(line.group for line in self.lines)
        return [(name, [line for line in self.lines if line.group == name]) for name in names]

    @property
    def is_grey(self) -> bool:
        return self.standing.confidence < self.standing.config.min_confidence

    @property
    def total(self) -> float:
        return self.tenths / 10


def explained(standing: Standing) -> Explained:
    """The stack of a score. Its lines, shown in tenths, add up to the score in tenths."""
    one = exact(standing, standing.day or dt.date.min)
    parts = explain.stack(one)
    total = round(float((one.total or 0) * 10))
    shown = explain.apportion([part.amount for part in parts], total, unit=TENTH)
    words = Words(part.component for part in parts if part.component is not None)
    lines = [_line(part, tenths, standing, words) for part, tenths in zip(parts, shown, strict=True)]
    heard = sum(reading.score is not None for reading in standing.readings)
    return Explained(standing, lines, total, heard, len(standing.readings))


def _line(part: Part, tenths: int, standing: Standing, words: Words) -> Line:
    component, reading = part.component, part.reading
    if component is None or reading is None:
        label = "Accounts below it" if part.cause is Cause.BELOW else "Override"
        return Line(part.cause, label, "", None, "", "", "", None, "none", None, tenths, None)
    counted = reading.score if reading.score is not None else component.stand_in
    flag = STATES[reading.state]
    if reading.score is None and counted is not None:
        flag = f"{flag}, counts as {counted:g}"
    return Line(
        cause=part.cause,
        label=component.label,
        group=component.group,
        component=component,
        said="" if reading.value is None else words.say(component, reading.value),
        url=words.url(component, reading, standing.account),
        flag=flag,
        score=counted,
        tone=_tone(standing.config, reading, counted),
        share=None if part.share is None else float(part.share),
        tenths=tenths,
        observed=_moment(reading),
    )


def _tone(config: Config, reading: Reading, counted: float | None) -> str:
    if counted is None or reading.state in {State.EXPIRED, State.MISSING}:
        return "none"
    return config.tone_of(config.band_of(counted))


def _moment(reading: Reading) -> dt.datetime | None:
    return None if reading.observed is None else dt.datetime.fromtimestamp(reading.observed, dt.UTC)


# --- A change ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence of a change, with the points it moved the shown score by and where its rows are."""

    text: str
    points: int
    amount: float
    url: str
    cause: str

    @property
    def is_configuration(self) -> bool:
        return self.cause in OF_CONFIGURATION


@dataclass(frozen=True, slots=True)
class Comparison:
    """Why the health of an account went from what it was on one day to what it was on another.

    The points of `reasons` and of `smaller` (moves of less than a twentieth of a point, together) add up to `points`, the
    difference of the two whole numbers that were shown.
    """

    first_day: dt.date
    last_day: dt.date
    first: Standing | None
    last: Standing
    reasons: list[Reason]
    smaller: int
    points: int
    change: Change

    @property
    def has_residual(self) -> bool:
        return sum((move.amount for move in self.change.moves), Fraction(0)) != self.change.total

    @property
    def summary(self) -> str:
        """Why, in one sentence: the two largest reasons."""
        told = [f"{reason.text} ({signed(reason.points)})" for reason in self.reasons if reason.points][:2]
        return " and ".join(told)


def signed(number: int) -> str:
    return f"\u2212{-number}" if number < 0 else f"+{number}" if number else "\u00b10"


def between(account: int, first_day: dt.date, last_day: dt.date) -> Comparison | None:
    """The change between two days; None where the account has no health on the later one."""
    last = queries.standing_on(account, last_day)
    if last is None:
        return None
    return compared(account, queries.standing_on(account, first_day), last, first_day, last_day)


def compared(
    account: int,
    first: Standing | None,
    last: Standing,
    first_day: dt.date,
    last_day: dt.date,
    *,
    words: Words | None = None,
) -> Comparison:
    """The change from one standing to another. `words` is given by those who compare many."""
    now = exact(last, last_day)
    then = explain.Standing(first_day, now.moment, 0, None, has_own=False)
    if first is not None:
        then = exact(first, first_day)
    change = explain.change(then, now)
    if words is None:
        words = Words(move.component for move in change.moves if move.component is not None)
    before, after = _shown(first), _shown(last)
    found = explain.sentences(change, shown_before=before, shown_after=after, say=words.say, day=day_of)
    large = [one for one in found if abs(one.amount) >= NEGLIGIBLE or one.points]
    reasons = [_reason(one, account, words, change) for one in large]
    smaller = sum(one.points for one in found if one not in large)
    return Comparison(first_day, last_day, first, last, reasons, smaller, after - before, change)


def lately(rows: Sequence[AccountHealth], *, days: int) -> dict[int, Comparison]:
    """Why the health of these accounts changed within so many days, by account, with a flat number of statements.

    Accounts without a score then are left out.
    """
    today = team_queries.today()
    start = today - dt.timedelta(days=days)
    newest = (
        HealthSnapshot.objects.filter(account=OuterRef("account"), day__lte=start)
        .order_by("-day")
        .values("day")[:1]
    )
    past = HealthSnapshot.objects.filter(account__in=[row.account_id for row in rows], day=Subquery(newest))
    before = {row.account_id: row for row in past}
    configs = versions.configs_numbered(row.version for row in (*rows, *before.values()))
    pairs = []
    for row in rows:
        then = before.get(row.account_id)
        first = queries.standing_of(then, config=configs.get(then.version)) if then is not None else None
        last = queries.standing_of(row, config=configs.get(row.version))
        if first is not None and last is not None:
            pairs.append((row.account_id, first, last))
    words = Words(
        component
        for config in configs.values()
        for profile in config.profiles
        for component in profile.components
    )
    return {
        account: compared(account, first, last, start, today, words=words) for account, first, last in pairs
    }


def _shown(standing: Standing | None) -> int:
    return 0 if standing is None else standing.effective_shown or 0


def _reason(sentence: Sentence, account: int, words: Words, change: Change) -> Reason:
    move = sentence.moves[0]
    return Reason(
        sentence.text, sentence.points, float(sentence.amount), _url(move, account, words, change), move.cause
    )


def _url(move: Move, account: int, words: Words, change: Change) -> str:
    if move.cause in OF_CONFIGURATION:
        former, latter = change.first.version, change.last.version
        if former and former != latter:
            return f"{reverse('workflows:health_version', args=[latter])}?against={former}"
        return reverse("workflows:health_version", args=[latter]) if latter else ""
    if move.component is None:
        return f"{reverse('accounts:account_detail', args=[account])}?tab=health"
    return words.url(move.component, move.after or move.before, account)
