"""When a change of the NPS is evidence, and when it is noise: plain values in, a verdict out.

An alarm looks again and again at two windows of equal length, the present one and the one before. Three things are
asked of a change before it counts: enough answers in both windows, an interval of the difference without zero in it
that is wide enough for all the looks of a year, and a size that matters to the person who set the alarm.

**The difference.** Each answer is worth +1 (promoter), 0 or −1. The variance of each window is that of the adjusted
Wald interval of the product (¾ added to promoters and detractors, 3 to n; surveys/domain.py). Who answers in both
windows answers twice, and alike; for such partly overlapping samples the variance of the difference is

    v₁/n₁ + v₂/n₂ − 2·m·c/(n₁·n₂)

with m people in both and c the covariance of their two answers (Looney and Jones 2003, "A method for comparing two
normal means using combined samples of correlated and uncorrelated data"). c is taken with 3 added to m, which draws it
towards nought: few pairs promise little. With m = 0 the variances add; with m = n it is the paired comparison.

**Repeated looks.** Somebody who looks 52 times at 95 % sees "evidence" in a year in which nothing happened, far more
often than once in twenty. The 5 % are therefore spent over the looks of a year in equal parts (the uniform spending
function of Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials"), and what a look may spend is
its own boundary:

    z = Φ⁻¹(1 − α / (looks a year × sides))

Because the parts add up to α by Boole's inequality, the promise holds however the looks depend on each other: windows
overlap from week to week, answers come in waves. The price is that it is on the safe side; tests and docs/alarms.md say
by how much. A look at too few answers decides nothing and so spends nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from surveys.domain import Counts, round_half_away

ALPHA = 0.05
WEEKS_A_YEAR = 52
CADENCES = (1, 2, 4, 13)
MIN_N_FLOOR = 20
_NORMAL = NormalDist()


class Direction(StrEnum):
    """What is watched for."""

    FALL = "fall"
    RISE = "rise"
    BOTH = "both"

    @property
    def sides(self) -> int:
        return 2 if self is Direction.BOTH else 1


class Verdict(StrEnum):
    """What a look found, in the order in which it is decided."""

    TOO_FEW = "too_few"
    WITHIN_NOISE = "within_noise"
    OTHER_WAY = "other_way"
    BELOW_THRESHOLD = "below_threshold"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Windows:
    """The answers of two windows, and how those who are in both answered.

    `shared` counts people by their answers then and now, each +1, 0 or −1; they are contained in `before` and `now`.
    """

    before: Counts
    now: Counts
    shared: Mapping[tuple[int, int], int]

    @property
    def pairs(self) -> int:
        return sum(self.shared.values())


@dataclass(frozen=True, slots=True)
class Change:
    """The difference now − before in points, unrounded, with the ends of its interval."""

    points: float
    low: float
    high: float
    z: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def looks_a_year(every_weeks: int) -> int:
    return math.ceil(WEEKS_A_YEAR / every_weeks)


def boundary(every_weeks: int, direction: Direction, *, alpha: float = ALPHA) -> float:
    """How many standard errors a change must be away from zero at each look, so that in a year without any change at most
    `alpha` of such series raise an alarm."""
    return _NORMAL.inv_cdf(1 - alpha / (looks_a_year(every_weeks) * direction.sides))


def confidence_of(z: float) -> float:
    """The two-sided confidence of an interval of ± z standard errors."""
    return 2 * _NORMAL.cdf(z) - 1


def _adjusted(counts: Counts) -> tuple[float, float]:
    """Centre and variance of a single answer by adjusted Wald."""
    n = counts.n + 3
    p, d = (counts.promoters + 0.75) / n, (counts.detractors + 0.75) / n
    return p - d, p + d - (p - d) ** 2


def _covariance(shared: Mapping[tuple[int, int], int], limit: float) -> float:
    """The covariance of the two answers of the same people, drawn towards nought, never beyond what variances allow."""
    m = sum(shared.values())
    if not m:
        return 0.0
    then = sum(number * a for (a, _), number in shared.items()) / m
    now = sum(number * b for (_, b), number in shared.items()) / m
    found = sum(number * (a - then) * (b - now) for (a, b), number in shared.items()) / (m + 3)
    return max(-limit, min(limit, found))


def change_of(windows: Windows, z: float) -> Change | None:
    """The difference with its interval of ± z standard errors; None where a window is empty."""
    before, now = windows.before, windows.now
    if before.exact is None or now.exact is None:
        return None
    centre_before, v_before = _adjusted(before)
    centre_now, v_now = _adjusted(now)
    shared = _covariance(windows.shared, math.sqrt(v_before * v_now))
    n_before, n_now = before.n + 3, now.n + 3
    variance = v_before / n_before + v_now / n_now - 2 * windows.pairs * shared / (n_before * n_now)
    half = z * math.sqrt(max(variance, 0.0))
    centre = centre_now - centre_before
    points = float(now.exact - before.exact)
    return Change(
        points=points,
        low=max(-200.0, min(100 * (centre - half), points)),
        high=min(200.0, max(100 * (centre + half), points)),
        z=z,
    )


def judge(
    windows: Windows, *, direction: Direction, every_weeks: int, min_n: int, threshold: int
) -> tuple[Verdict, Change | None]:
    """What one look finds. `threshold` is in points of NPS."""
    change = change_of(windows, boundary(every_weeks, direction))
    if change is None or min(windows.before.n, windows.now.n) < min_n:
        return Verdict.TOO_FEW, change
    if not change.excludes_zero:
        return Verdict.WITHIN_NOISE, change
    if (change.points < 0 and direction is Direction.RISE) or (
        change.points > 0 and direction is Direction.FALL
    ):
        return Verdict.OTHER_WAY, change
    if abs(change.points) < threshold:
        return Verdict.BELOW_THRESHOLD, change
    return Verdict.MOVED, change


# --- In words ------------------------------------------------------------------------------------------------
def signed(value: float) -> str:
    whole = round_half_away(value)
    return f"+{whole}" if whole > 0 else f"−{-whole}" if whole < 0 else "0"


def moved_words(points: float) -> str:
    """ "fell 9", "rose 4", "did not move"."""
    whole = round_half_away(points)
    return f"fell {-whole}" if whole < 0 else f"rose {whole}" if whole > 0 else "did not move"


def _bounds(change: Change) -> str:
    """The interval in whole points. A bound that only rounds to 0 is said as what it is: an interval without zero in it
    must not read as one that has it."""
    return f"{_bound(change.low, change.low > 0)} to {_bound(change.high, change.high < 0)}"


def _bound(value: float, is_beside_zero: bool) -> str:
    if not is_beside_zero or round_half_away(value):
        return signed(value)
    sign = "+" if value > 0 else "−"
    return f"{sign}{abs(value):.1f}" if abs(value) >= 0.05 else f"{sign}0.1 or less"


def sentence(
    verdict: Verdict, change: Change | None, *, n_before: int, n_now: int, min_n: int, threshold: int
) -> str:
    """A look as one honest sentence: "fell 9, within noise (−21 to +3, n 48 and 52)"."""
    if change is None:
        empty = "before" if not n_before else "now"
        return f"nothing to compare yet: no answers in the window {empty} (n {n_before:,} and {n_now:,})"
    numbers = f"{_bounds(change)}, n {n_before:,} and {n_now:,}"
    said = moved_words(change.points)
    match verdict:
        case Verdict.TOO_FEW:
            return f"{said}, from too few answers to say ({numbers}; at least {min_n:,} in both)"
        case Verdict.WITHIN_NOISE:
            return f"{said}, within noise ({numbers})"
        case Verdict.OTHER_WAY:
            return f"{said}, which is evidence, but not the way this alarm watches ({numbers})"
        case Verdict.BELOW_THRESHOLD:
            return f"{said}, which is evidence, but less than the {threshold} points asked for ({numbers})"
        case Verdict.MOVED:
            return f"{said}: more than noise ({numbers})"
