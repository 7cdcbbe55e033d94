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


@dataclass(frozen=True, slots=True)
class Level:
    """One of the three groups a scale is read in. `name` is the stored word, `label` the one on pages."""

    name: str
    label: str
    low: int
    high: int

    @property
    def range(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of a metric, with its levels from good to bad. Only the NPS has promoters and detractors."""

    metric: str
    label: str
    low: int
    high: int
    levels: tuple[Level, Level, Level]

    @property
    def scores(self) -> range:
        return range(self.low, self.high + 1)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(level.name for level in self.levels)

    @property
    def good(self) -> Level:
        return self.levels[0]

    @property
    def bad(self) -> Level:
        return self.levels[2]

    def level(self, score: int) -> Level:
        """Raises `ValueError` for a score off the scale."""
        for level in self.levels:
            if level.low <= score <= level.high:
                return level
        raise ValueError(f"A score of {self.label} lies between {self.low} and {self.high}, not {score}.")

    def named(self, name: str) -> Level | None:
        return next((level for level in self.levels if level.name == name), None)


NPS = Scale(
    "nps", "NPS", 0, 10,
    (Level("promoter", "Promoter", 9, 10), Level("passive", "Passive", 7, 8), Level("detractor", "Detractor", 0, 6)),
)  # fmt: skip
CSAT = Scale(
    "csat", "CSAT", 1, 5,
    (Level("satisfied", "Satisfied", 4, 5), Level("neutral", "Neutral", 3, 3), Level("dissatisfied", "Dissatisfied", 1, 2)),
)  # fmt: skip
CES = Scale(
    "ces", "CES", 1, 7,
    (Level("easy", "Easy", 5, 7), Level("neutral", "Neutral", 4, 4), Level("difficult", "Difficult", 1, 3)),
)  # fmt: skip
SCALES: Mapping[str, Scale] = {scale.metric: scale for scale in (NPS, CSAT, CES)}


def scale(metric: str) -> Scale:
    """The scale of `nps`, `csat` or `ces`."""
    return SCALES[metric]


def category_of(metric: str, score: int) -> str:
    """The level a score lies in, by the words of its own scale: a CSAT of 4 is satisfied, never a detractor."""
    return SCALES[metric].level(score).name


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
class Summary:
    """Figures of a CSAT or CES from its histogram (position = score, so position 0 stays empty)."""

    metric: str
    histogram: tuple[int, ...]

    @property
    def n(self) -> int:
        return sum(self.histogram)

    def count(self, level: Level) -> int:
        return sum(self.histogram[level.low : level.high + 1])

    @property
    def good(self) -> int:
        return self.count(SCALES[self.metric].good)

    @property
    def share(self) -> int | None:
        """Answers in the good level per hundred (CSAT 4–5, CES 5–7), rounded once; None without answers."""
        return round_half_away(Fraction(100 * self.good, self.n)) if self.n else None

    @property
    def share_interval(self) -> Interval | None:
        """The 95 % score interval of Wilson (1927) for a share, in percent: it stays within 0…100 and works for few answers.

        (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n), p the share and n the answers.
        """
        return wilson(self.good, self.n)

    @property
    def mean(self) -> float | None:
        return mean(self.histogram)

    @property
    def mean_interval(self) -> Interval | None:
        """The 95 % interval mean ± t·s/√n (Student), cut to the scale.

        None below two answers, and when all are alike: the spread is then unknown, not nought.
        """
        n, middle = self.n, self.mean
        if middle is None or n < 2:
            return None
        squares = sum(number * (score - middle) ** 2 for score, number in enumerate(self.histogram))
        if not squares:
            return None
        half = student_t(n - 1) * math.sqrt(squares / (n - 1) / n)
        ends = SCALES[self.metric]
        return Interval(
            low=max(float(ends.low), middle - half), high=min(float(ends.high), middle + half), margin=half
        )


def summary(metric: str, histogram: Mapping[int, int] | Sequence[int]) -> Summary:
    items = histogram.items() if isinstance(histogram, Mapping) else enumerate(histogram)
    places = [0] * (SCALES[metric].high + 1)
    for score, number in items:
        if number:
            places[score] += number
    return Summary(metric, tuple(places))


def wilson(part: int, n: int) -> Interval | None:
    """The 95 % score interval of a share in percent; None without answers."""
    if not n:
        return None
    p, z2 = part / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(
        low=0.0 if part == 0 else 100 * (centre - half),
        high=100.0 if part == n else 100 * (centre + half),
        margin=100 * half,
    )


def student_t(freedom: int) -> float:
    """The 97.5 % point of Student's t: exact for one and two degrees of freedom, else by the expansion of Abramowitz and
    Stegun 26.7.5, whose error is below 0.2 %."""
    if freedom == 1:
        return math.tan(math.pi * 0.475)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z, v = _Z, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )


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
