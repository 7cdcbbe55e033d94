"""Figures about closed loops. Pure: plain numbers come in, figures with their n go out.

Sources: product-limit estimate by E. L. Kaplan and P. Meier (1958); degrees of freedom by B. L. Welch (1947).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from surveys.domain import Interval, student_t, wilson

MINIMUM = 20
"""Fewer people than these on either side say nothing about an effect."""


# --- How long people wait ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wait:
    """How long one customer waited, in hours; `is_over` False: they wait still."""

    hours: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Half waited at most `median` hours, nine of ten at most `p90`; None where that is not known yet because too many
    wait still. `n` customers, of whom `still` wait."""

    n: int
    still: int
    median: float | None
    p90: float | None

    @property
    def median_words(self) -> str:
        return wait_words(self.median)

    @property
    def p90_words(self) -> str:
        return wait_words(self.p90)


def wait_words(hours: float | None) -> str:
    """ "40 min", "5 h", "2 days 4 h"; nothing for a time that is not known yet."""
    if hours is None:
        return ""
    if hours < 1:
        return f"{round(hours * 60)} min"
    days, rest = divmod(round(hours), 24)
    if not days:
        return f"{rest} h"
    return f"{days} day{'' if days == 1 else 's'}{f' {rest} h' if rest else ''}"


def waiting(waits: Sequence[Wait]) -> Waiting:
    """The median and the ninth decile by the product-limit estimate.

    Who still waits counts with the time waited so far, as "at least so long". Leaving them out would make a slow team
    look fast: its slowest cases are the ones that are not over.
    """
    return Waiting(
        n=len(waits),
        still=sum(not wait.is_over for wait in waits),
        median=quantile(waits, 0.5),
        p90=quantile(waits, 0.9),
    )


def quantile(waits: Sequence[Wait], share: float) -> float | None:
    """The shortest time after which at least `share` are over, None if never reached."""
    at_risk, surviving = len(waits), 1.0
    by_time: dict[float, list[int]] = {}
    for wait in waits:
        ends = by_time.setdefault(wait.hours, [0, 0])
        ends[0 if wait.is_over else 1] += 1
    for hours in sorted(by_time):
        over, censored = by_time[hours]
        if over:
            surviving *= 1 - over / at_risk
            if surviving <= 1 - share + 1e-12:
                return hours
        at_risk -= over + censored
    return None


# --- How many promises were kept -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Share:
    """`kept` of `n`, and the share in percent with its 95 % interval; without any, no share."""

    kept: int
    n: int
    value: float | None
    interval: Interval | None


def share(kept: int, n: int) -> Share:
    """A share with its interval by Wilson, which stays between 0 and 100 also for small n."""
    return Share(kept, n, 100 * kept / n if n else None, wilson(kept, n))


# --- What following up changed -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Pair:
    """One person's score and the next one they gave."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Effect:
    """How the next score of people who were followed up compares with what was to be expected anyway.

    `expected` is the next score that people with the same scores gave whom nobody followed up: poor scores rise by
    themselves, since part of them was a bad day. `difference` is `after` minus `expected`, `low` and `high` its 95 %
    interval. `slope` is how much of a point of the first score remains in the next one.
    """

    n: int
    n_unfollowed: int
    before: float
    after: float
    expected: float
    slope: float
    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class TooFew:
    """Why there is no figure."""

    n: int
    n_unfollowed: int
    why: str


def effect(followed: Sequence[Pair], unfollowed: Sequence[Pair]) -> Effect | TooFew:
    """Compare the next scores of people who were followed up with those of comparable people who were not.

    A straight line through the unfollowed says what next score a first score leads to. Each followed person is compared
    with it; the interval counts both the scatter of the followed and the uncertainty of the line. One pair a person:
    several of the same are not independent. This is no experiment: whoever chose whom to call may have had reasons that
    also change the next score.
    """
    n, m = len(followed), len(unfollowed)
    if n < MINIMUM:
        return TooFew(
            n, m, f"{n} people who were followed up have answered again; at least {MINIMUM} are needed."
        )
    if m < MINIMUM:
        return TooFew(
            n, m,
            f"Only {m} people with such scores whom nobody followed up have answered again; at least {MINIMUM} are needed"
            " to know what would have happened anyway.",
        )  # fmt: skip
    centre = fmean(pair.before for pair in unfollowed)
    level = fmean(pair.after for pair in unfollowed)
    spread = sum((pair.before - centre) ** 2 for pair in unfollowed)
    mean_before = fmean(pair.before for pair in followed)
    if spread == 0 and mean_before != centre:
        return TooFew(
            n, m, "Those whom nobody followed up all gave one score, and the others gave other scores."
        )
    slope = (
        sum((pair.before - centre) * (pair.after - level) for pair in unfollowed) / spread if spread else 0.0
    )
    freedom = m - 2 if spread else m - 1
    scatter = sum((pair.after - level - slope * (pair.before - centre)) ** 2 for pair in unfollowed) / freedom
    from_line = scatter * (1 / m + ((mean_before - centre) ** 2 / spread if spread else 0.0))
    above = [pair.after - level - slope * (pair.before - centre) for pair in followed]
    from_followed = variance(above) / n
    total = from_line + from_followed
    difference = fmean(above)
    half = 0.0
    if total > 0:
        welch = total**2 / (from_line**2 / freedom + from_followed**2 / (n - 1))
        half = student_t(int(welch)) * math.sqrt(total)
    return Effect(
        n=n,
        n_unfollowed=m,
        before=mean_before,
        after=fmean(pair.after for pair in followed),
        expected=level + slope * (mean_before - centre),
        slope=slope,
        difference=difference,
        low=difference - half,
        high=difference + half,
    )
