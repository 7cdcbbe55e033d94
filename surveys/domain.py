"""The arithmetic of scores, on plain values.

One rule of rounding and one interval, used everywhere a figure has one: NPS = 100·(P − D)/N, rounded once, half away
from zero; the interval is the adjusted Wald one (¾ added to promoters and to detractors, 3 to all). Without answers
there is no figure: None, never 0.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

SCORE_MIN, SCORE_MAX = 0, 10
SCORES = range(SCORE_MIN, SCORE_MAX + 1)
PROMOTER_FROM, PASSIVE_FROM = 9, 7
MIN_ACCOUNT_NPS = 5  # below so many people an account has no NPS, only a mean and the people
CONFIDENCE = 0.95
_Z = 1.959963984540054


class Category(StrEnum):
    PROMOTER = "promoter"
    PASSIVE = "passive"
    DETRACTOR = "detractor"


CATEGORY_RANGES: Mapping[Category, tuple[int, int]] = {
    Category.PROMOTER: (9, 10),
    Category.PASSIVE: (7, 8),
    Category.DETRACTOR: (0, 6),
}


def category(score: int) -> Category:
    """Promoter 9–10, passive 7–8, detractor 0–6."""
    if not SCORE_MIN <= score <= SCORE_MAX:
        raise ValueError(f"An NPS score lies between 0 and 10, not {score}.")
    if score >= PROMOTER_FROM:
        return Category.PROMOTER
    return Category.PASSIVE if score >= PASSIVE_FROM else Category.DETRACTOR


def round_half_away(value: Fraction | float) -> int:
    """To the nearest whole number; a half goes away from zero, so that +0.5 and −0.5 are treated alike."""
    exact = Fraction(value)
    whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return whole if exact >= 0 else -whole


@dataclass(frozen=True, slots=True)
class Counts:
    """How many promoters, passives and detractors a figure stands on."""

    promoters: int = 0
    passives: int = 0
    detractors: int = 0

    @property
    def n(self) -> int:
        return self.promoters + self.passives + self.detractors

    @property
    def exact(self) -> Fraction | None:
        """The unrounded NPS."""
        return Fraction(100 * (self.promoters - self.detractors), self.n) if self.n else None

    @property
    def score(self) -> int | None:
        """The NPS, rounded once; None without answers."""
        return None if self.exact is None else round_half_away(self.exact)

    def share(self, name: Category) -> float:
        """The part of a category in percent; 0 without answers."""
        part = {
            Category.PROMOTER: self.promoters,
            Category.PASSIVE: self.passives,
            Category.DETRACTOR: self.detractors,
        }[name]
        return 100 * part / self.n if self.n else 0.0

    def _adjusted(self) -> tuple[float, float]:
        """Centre and variance of (P − D)/N by adjusted Wald."""
        n = self.n + 3
        p, d = (self.promoters + 0.75) / n, (self.detractors + 0.75) / n
        return p - d, (p + d - (p - d) ** 2) / n

    @property
    def interval(self) -> "Interval | None":
        """The 95 % interval in points, within −100…100 and never excluding the score itself."""
        if not self.n:
            return None
        centre, variance = self._adjusted()
        half = _Z * math.sqrt(variance)
        exact = float(self.exact or 0)
        return Interval(
            low=min(max(-100.0, 100 * (centre - half)), exact),
            high=max(min(100.0, 100 * (centre + half)), exact),
            margin=100 * half,
        )

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.promoters + other.promoters,
            self.passives + other.passives,
            self.detractors + other.detractors,
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """`margin` is half the width before the ends were cut to what is possible."""

    low: float
    high: float
    margin: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A change between two independent figures, in points, with the margin beyond which it is evidence."""

    points: int
    margin: float
    is_noise: bool


def counts(histogram: Mapping[int, int] | Sequence[int]) -> Counts:
    """Counts from answers per score: a mapping, or a sequence whose position is the score."""
    items = histogram.items() if isinstance(histogram, Mapping) else enumerate(histogram)
    found = dict.fromkeys(Category, 0)
    for score, number in items:
        found[category(score)] += number
    return Counts(found[Category.PROMOTER], found[Category.PASSIVE], found[Category.DETRACTOR])


def counts_of(scores: Iterable[int]) -> Counts:
    histogram = [0] * len(SCORES)
    for score in scores:
        histogram[score] += 1
    return counts(histogram)


def difference(now: Counts, before: Counts) -> Difference | None:
    """How far `now` lies from `before`. Variances add, so the two must be answers of different windows.

    "Within noise" means that the interval of the difference contains zero.
    """
    if now.exact is None or before.exact is None:
        return None
    centre_now, variance_now = now._adjusted()
    centre_before, variance_before = before._adjusted()
    half = _Z * math.sqrt(variance_now + variance_before)
    return Difference(
        points=round_half_away(now.exact - before.exact),
        margin=100 * half,
        is_noise=abs(centre_now - centre_before) <= half,
    )


def mean(histogram: Sequence[int]) -> float | None:
    """The mean score of answers per score; None without answers."""
    n = sum(histogram)
    return sum(score * number for score, number in enumerate(histogram)) / n if n else None


def median(histogram: Sequence[int]) -> float | None:
    """The median score of answers per score; the mean of the two middle ones when their number is even."""
    n = sum(histogram)
    if n <= 0:
        return None
    seen, lower = 0, None
    for score, number in enumerate(histogram):
        seen += number
        if lower is None and seen >= (n + 1) // 2:
            lower = score
        if seen >= n // 2 + 1:
            return (lower + score) / 2 if lower is not None else float(score)
    return None  # pragma: no cover - the loop always reaches n // 2 + 1


def account_nps(found: Counts) -> int | None:
    """An account's NPS: none below five people, because one answer would move it by tens of points."""
    return found.score if found.n >= MIN_ACCOUNT_NPS else None
