"""How the demo's customers feel: a base mood of each account, bent by its segment, the season and the story.

The story: since the September release reports are slow, and the mid-market suffers; the new onboarding lifts small
businesses; before Christmas everybody is tense; accounts that leave were unhappy before they said so.
"""

import datetime as dt
import math
import random
from dataclasses import dataclass

from nps_crm.demo import comments

ENTERPRISE, MID_MARKET, SMALL = "Enterprise", "Mid-market", "Small business"
PLANS = {ENTERPRISE: "Enterprise", MID_MARKET: "Business", SMALL: "Team"}


@dataclass(frozen=True, slots=True)
class Mood:
    """What decides an answer on a date: `base` is the expected score of a satisfied, settled customer."""

    base: float
    segment: str
    churned_on: dt.date | None


def expected(mood: Mood, day: dt.date, today: dt.date) -> float:
    """The expected score on `day`."""
    months_ago = (today - day).days / 30.4
    score = mood.base
    if mood.segment == MID_MARKET:
        score -= 2.6 / (1 + math.exp((months_ago - 3.0) * 1.1))
    elif mood.segment == SMALL:
        score += 1.5 / (1 + math.exp((months_ago - 9.0) * 0.5)) - 0.7
    if day.month == 12:
        score -= 0.5
    if mood.churned_on is not None:
        days_to_end = (mood.churned_on - day).days
        if days_to_end < 270:
            score -= 3.2 * (1 - max(days_to_end, 0) / 270)
    return score


def draw_score(rng: random.Random, mood: Mood, day: dt.date, today: dt.date) -> int:
    """One answer: people differ, and those who answer like the ends of the scale."""
    value = rng.gauss(expected(mood, day, today), 1.9)
    if value > 8.6 and rng.random() < 0.35:
        value += 1
    return max(0, min(10, round(value)))


def draw_comment(
    rng: random.Random, *, score: int, language: str, segment: str, day: dt.date, today: dt.date
) -> str:
    """What the person adds, in their language; unhappy people write more often."""
    recent = (today - day).days < 110
    if score >= 9:
        pool = comments.PROMOTER
        if segment == SMALL and (today - day).days < 280 and rng.random() < 0.4:
            pool = comments.BETTER_ONBOARDING
    elif score >= 7:
        pool = comments.PASSIVE
    else:
        pool = comments.DETRACTOR
        if segment == MID_MARKET and recent and rng.random() < 0.7:
            pool = comments.SLOW_REPORTS
    if rng.random() < (0.42 if score >= 7 else 0.24):
        return ""
    return rng.choice(pool.get(language) or pool["en"])
