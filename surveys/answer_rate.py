"""How many of those who are asked answer, and how soon: what pacing by target and the forecast reckon with.

Pure arithmetic. The rate is a Beta estimate: it begins as what the workspace has seen on the channel so far, worth
PRIOR_WEIGHT asks, and is drawn to what this campaign sees. People answer after a while: of those who ever do, a share
of 1 − exp(−t / LAG_DAYS) has within t days, so that half of the answers are there after a day.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LAG_DAYS = 1.5
PRIOR_RATE = 0.2
PRIOR_WEIGHT = 50.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A response rate as `answered` of `asked`, either of which may be a fraction."""

    answered: float
    asked: float

    @property
    def mean(self) -> float:
        return self.answered / self.asked

    def interval(self, deviations: float = 1.96) -> tuple[float, float]:
        """The rate's likely range: mean ± so many standard deviations of the Beta distribution, within 0 and 1."""
        spread = math.sqrt(self.mean * (1 - self.mean) / (self.asked + 1))
        return max(0.0, self.mean - deviations * spread), min(1.0, self.mean + deviations * spread)


@dataclass(frozen=True, slots=True)
class Asked:
    """So many people were asked `age` days ago, of whom so many have answered."""

    age: float
    asked: int
    answered: int


def share_by(days: float) -> float:
    """Of those who will answer, the share that has after so many days."""
    return 1 - math.exp(-days / LAG_DAYS) if days > 0 else 0.0


def prior(*, asked: int, answered: int) -> Rate:
    """What to expect of a channel on which so many were asked, long enough ago, and so many answered."""
    rate = (PRIOR_RATE * PRIOR_WEIGHT + answered) / (PRIOR_WEIGHT + asked)
    return Rate(rate * PRIOR_WEIGHT, PRIOR_WEIGHT)


def estimate(before: Rate, seen: Sequence[Asked]) -> Rate:
    """The rate after what a campaign has seen; those asked lately count by the share of answers due by now."""
    answered = sum(group.answered for group in seen)
    asked = sum(max(group.asked * share_by(group.age), group.answered) for group in seen)
    return Rate(before.answered + answered, before.asked + asked)


def to_come(rate: Rate, seen: Sequence[Asked], *, within: float) -> float:
    """How many answers those asked so far may still give within so many days."""
    return sum(
        group.asked * rate.mean * (share_by(group.age + within) - share_by(group.age)) for group in seen
    )


def asks_for_target(*, wanted: int, rate: Rate, seen: Sequence[Asked], days_left: Sequence[float]) -> int:
    """How many to ask today so that `wanted` answers are there in time, asking as many on each sending day left.

    `days_left` are, for today and each further sending day, the days from its asks to the end.
    """
    if not days_left:
        return 0
    needed = wanted - sum(group.answered for group in seen) - to_come(rate, seen, within=max(days_left))
    yields = rate.mean * sum(share_by(days) for days in days_left)
    return max(0, math.ceil(needed / yields)) if needed > 0 and yields > 0 else 0
