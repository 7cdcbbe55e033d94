"""The arithmetic of experiments, on plain values: who belongs to which arm, and what may be said of a difference.

**Assignment.** A unit is an account (its people talk to each other, so they see the same), or a contact without one. It
falls on a line from 0 to 2³² by the first eight hexadecimal digits of MD5("experiment:<campaign>:<unit>"), and the line
is cut by the arms' weights. The same campaign always gives a unit the same arm; another campaign is another draw.
surveys/sql_experiments.py says the same to the database; a test compares them.

**Comparison.** Because whole accounts are assigned, people within one are not independent. Every interval is therefore
widened by the design effect: the variance between accounts (the ratio estimator's, linearised) over the one of
independent people, never below 1. Shares have Wilson's interval at the effective n, differences of shares Newcombe's
(method 10, 1998), NPS the house's adjusted Wald one.

**Verdict.** One test at a horizon that was fixed before: the first `horizon` people asked in every arm, each with SETTLED
to answer. What came later does not enter, so looking often changes nothing. All pairs of arms are compared at
0.05 divided by their number (Bonferroni); an arm wins only when it beats every other one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import md5
from statistics import NormalDist

from surveys.domain import Counts, Interval

ALPHA = 0.05
POWER = 0.8
SETTLED_DAYS = 7
MIN_ARMS, MAX_ARMS = 2, 4
MAX_WEIGHT = 100
# Below so many people an arm, normal approximations are not to be trusted whatever the horizon says.
MIN_HORIZON = 100
# A skewed split is a fault of the machinery, not a finding, so it must be rare by chance.
SRM_ALPHA = 0.001
_LINE = 2**32


# --- Who belongs to which arm --------------------------------------------------------------------------------
def unit_of(*, account_id: int | None, contact_id: int) -> str:
    """What is assigned as one: the account, or the contact where there is none."""
    return f"contact:{contact_id}" if account_id is None else f"account:{account_id}"


def place_of(campaign_id: int, unit: str) -> str:
    """Where on the line a unit lies, as eight hexadecimal digits."""
    text = f"experiment:{campaign_id}:{unit}"
    return md5(text.encode(), usedforsecurity=False).hexdigest()[:8]


def ends(weights: Sequence[int]) -> list[str]:
    """Up to where each arm but the last reaches, exclusive; eight hexadecimal digits, so text order is number order."""
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("Arms need weights of which at least one is above zero.")
    reached, found = 0, []
    for weight in weights[:-1]:
        reached += weight
        end = reached * _LINE // total
        # A border at the very end has nine digits; "g" is beyond every hexadecimal one.
        found.append(f"{end:08x}" if end < _LINE else "g")
    return found


def arm_of(campaign_id: int, *, account_id: int | None, contact_id: int, weights: Sequence[int]) -> int:
    """The position of the arm that a person belongs to. `weights` in the order of the arms' keys."""
    place = place_of(campaign_id, unit_of(account_id=account_id, contact_id=contact_id))
    return next((n for n, end in enumerate(ends(weights)) if place < end), len(weights) - 1)


# --- What was seen of an arm ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over units of a size n (people) and an amount y (those who answered; promoters less detractors)."""

    units: int = 0
    n: int = 0
    y: int = 0
    nn: int = 0
    yy: int = 0
    ny: int = 0

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> "Moments":
        """From (n, y) of each unit."""
        return cls(
            len(pairs),
            sum(n for n, _ in pairs),
            sum(y for _, y in pairs),
            sum(n * n for n, _ in pairs),
            sum(y * y for _, y in pairs),
            sum(n * y for n, y in pairs),
        )

    def design_effect(self, variance: float) -> float:
        """How much wider than for independent people; `variance` is that of one of those. At least 1."""
        if self.units < 2 or self.units == self.n or variance <= 0:
            return 1.0  # with one person a unit they are independent, and the plain intervals hold exactly
        mean = self.y / self.n
        between = max(0.0, self.yy - 2 * mean * self.ny + mean * mean * self.nn)
        clustered = self.units / (self.units - 1) * between / self.n**2
        return max(1.0, clustered / (variance / self.n))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of some people, between 0 and 1, with Wilson's interval at the effective n."""

    part: int
    whole: int
    effect: float
    low: float
    high: float

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None


def share(moments: Moments, *, z: float | None = None) -> Share:
    """The share y/n; without anybody it lies anywhere between 0 and 1."""
    if moments.n == 0:
        return Share(0, 0, 1.0, 0.0, 1.0)
    p = moments.y / moments.n
    effect = moments.design_effect(p * (1 - p))
    low, high = wilson(p, moments.n / effect, z=z)
    return Share(moments.y, moments.n, effect, low, high)


def wilson(p: float, n: float, *, z: float | None = None) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share p among n."""
    z = _z() if z is None else z
    if n <= 0:
        return 0.0, 1.0
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, min(p, (centre - half) / scale)), min(1.0, max(p, (centre + half) / scale))


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference, in points of a hundred, with its interval."""

    points: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        return self.low <= 0 <= self.high


def gap_of_shares(one: Moments, other: Moments, *, comparisons: int = 1) -> Gap | None:
    """By how many points the first share lies above the second: Newcombe's interval, corrected for `comparisons`."""
    if not one.n or not other.n:
        return None
    z = _z(comparisons)
    a, b = share(one, z=z), share(other, z=z)
    p, q = a.part / a.whole, b.part / b.whole
    low = (p - q) - math.hypot(p - a.low, b.high - q)
    high = (p - q) + math.hypot(a.high - p, q - b.low)
    return Gap(100 * (p - q), 100 * low, 100 * high)


def nps_interval(counts: Counts, effect: float = 1.0) -> Interval | None:
    """The 95 % interval of an NPS whose people come in accounts."""
    if not counts.n:
        return None
    centre, variance = counts._adjusted()
    half = _z() * math.sqrt(variance * effect)
    exact = float(counts.exact or 0)
    return Interval(
        low=min(max(-100.0, 100 * (centre - half)), exact),
        high=max(min(100.0, 100 * (centre + half)), exact),
        margin=100 * half,
    )


def nps_effect(counts: Counts, moments: Moments) -> float:
    """The design effect of an NPS; y of `moments` is promoters less detractors."""
    if not counts.n:
        return 1.0
    p, d = counts.promoters / counts.n, counts.detractors / counts.n
    return moments.design_effect(p + d - (p - d) ** 2)


def gap_of_nps(
    one: Counts, other: Counts, *, effects: tuple[float, float] = (1.0, 1.0), comparisons: int = 1
) -> Gap | None:
    """By how many points the first NPS lies above the second; adjusted Wald, variances added."""
    if one.exact is None or other.exact is None:
        return None
    a, variance_a = one._adjusted()
    b, variance_b = other._adjusted()
    half = 100 * _z(comparisons) * math.sqrt(variance_a * effects[0] + variance_b * effects[1])
    centre = 100 * (a - b)
    return Gap(float(one.exact - other.exact), centre - half, centre + half)


def _z(comparisons: int = 1) -> float:
    return NormalDist().inv_cdf(1 - ALPHA / (2 * max(1, comparisons)))


# --- How many are needed -------------------------------------------------------------------------------------
def needed(baseline: float, points: float, *, arms: int = 2) -> int:
    """How many people an arm show a difference of `points` from a share of `baseline` in four of five cases.

    The two-sample formula with unpooled variances, at the level the pairs are compared at. For people who answer
    independently; accounts with several people need more, by the design effect.
    """
    delta = points / 100
    other = baseline + delta if baseline + delta < 1 else baseline - delta
    if not 0 < baseline < 1 or not 0 < other < 1 or delta <= 0:
        raise ValueError("A share between 0 and 1 and a difference that fits are needed.")
    z = _z(pairs_of(arms)) + NormalDist().inv_cdf(POWER)
    return math.ceil(z * z * (baseline * (1 - baseline) + other * (1 - other)) / delta**2)


def visible(baseline: float, n: int, *, arms: int = 2) -> float:
    """The difference in points that n people an arm show in four of five cases: `needed` read the other way."""
    low, high = 0.01, 100 * max(baseline, 1 - baseline) - 0.01
    for _ in range(60):
        middle = (low + high) / 2
        if needed(baseline, middle, arms=arms) > n:
            low = middle
        else:
            high = middle
    return high


def pairs_of(arms: int) -> int:
    return arms * (arms - 1) // 2


# --- Was the split what it should be -------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Split:
    """Pearson's chi-square of units in arms against their weights; `is_skewed` is a fault to be found first."""

    chi_square: float
    p: float

    @property
    def is_skewed(self) -> bool:
        return self.p < SRM_ALPHA


def split(units: Sequence[int], weights: Sequence[int]) -> Split | None:
    """None while there are too few units (five expected in every arm) for the test to mean anything."""
    total, weight = sum(units), sum(weights)
    if not weight or any(total * w / weight < 5 for w in weights):
        return None
    chi = sum(
        (n - total * w / weight) ** 2 / (total * w / weight) for n, w in zip(units, weights, strict=True)
    )
    return Split(chi, _chi_square_tail(chi, len(units) - 1))


def _chi_square_tail(x: float, freedom: int) -> float:
    """P(X > x), closed forms for 1 to 3 degrees of freedom: up to four arms."""
    if x <= 0:
        return 1.0
    if freedom == 2:
        return math.exp(-x / 2)
    tail = math.erfc(math.sqrt(x / 2))
    return tail if freedom == 1 else tail + math.sqrt(2 * x / math.pi) * math.exp(-x / 2)


# --- What may be said ----------------------------------------------------------------------------------------
class Outcome(StrEnum):
    SKEWED = "skewed"
    WAITING = "waiting"
    SETTLING = "settling"
    NOISE = "noise"
    WINNER = "winner"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the experiment says. `winner` is an arm's key, set exactly for WINNER; `gap` is to the runner-up."""

    outcome: Outcome
    sentence: str
    winner: str = ""
    gap: Gap | None = None


def judge(
    frozen: Mapping[str, Moments],
    *,
    names: Mapping[str, str],
    asked: Mapping[str, int],
    horizon: int,
    is_settled: bool,
    is_skewed: bool = False,
) -> Verdict:
    """The one verdict on who answers more, from the people within the horizon (`frozen`, by arm).

    `asked` is how many were asked so far. Names no winner before the horizon is reached and settled, within noise, or
    when the split itself is wrong.
    """
    if is_skewed:
        return Verdict(
            Outcome.SKEWED,
            "The arms are not split as their weights say, by more than chance explains. Until the cause is found no"
            " difference between them can be trusted.",
        )
    horizon = max(horizon, MIN_HORIZON)
    fewest = min(asked, key=lambda key: (asked[key], key))
    if asked[fewest] < horizon:
        return Verdict(
            Outcome.WAITING,
            f"Too early. The arms are compared once, when {horizon:,} people have been asked in each;"
            f" “{names[fewest]}” stands at {asked[fewest]:,}.",
        )
    if not is_settled:
        return Verdict(
            Outcome.SETTLING,
            f"All {horizon:,} people an arm have been asked. The last of them have {SETTLED_DAYS} days to answer; then"
            " the arms are compared, once.",
        )
    order = sorted(frozen, key=lambda key: (-(share(frozen[key]).value or 0), key))
    comparisons = pairs_of(len(order))
    best = order[0]
    gaps = [gap_of_shares(frozen[best], frozen[other], comparisons=comparisons) for other in order[1:]]
    runner_up = gaps[0]
    if runner_up is not None and all(gap is not None and gap.low > 0 for gap in gaps):
        return Verdict(
            Outcome.WINNER,
            f"More people answer “{names[best]}”: {_points(runner_up.points)} more than “{names[order[1]]}”"
            f" (between {_points(runner_up.low)} and {_points(runner_up.high)}), among the first {horizon:,} asked in"
            " each arm.",
            winner=best,
            gap=runner_up,
        )
    if runner_up is None:
        return Verdict(Outcome.NOISE, "There is nothing to compare.")
    return Verdict(
        Outcome.NOISE,
        f"No winner. Among the first {horizon:,} asked in each arm the difference between the two best,"
        f" “{names[best]}” and “{names[order[1]]}”, is {_points(runner_up.points)}, within noise"
        f" ({_signed(runner_up.low)} to {_signed(runner_up.high)}). Keep whichever you like better.",
        gap=runner_up,
    )


def _points(value: float) -> str:
    number = f"{value:.1f}".replace("-", "\N{MINUS SIGN}")
    return f"{number} point" if number == "1.0" else f"{number} points"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def letters(count: int) -> list[str]:
    """The keys of the arms in order: a, b, c, d."""
    return [chr(ord("a") + n) for n in range(count)]
