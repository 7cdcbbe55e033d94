"""Back-tests as plain values: which days are evaluated, and the words of states."""

import datetime as dt
from enum import StrEnum

HORIZONS = (90, 180)
MOST_DAYS = 24


class Against(StrEnum):
    """What the score is held against."""

    CHURN = "churn"
    CHURN_OR_DOWNGRADE = "churn_or_downgrade"


class BackTestState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


def evaluation_days(today: dt.date, since: dt.date, horizon: int) -> list[dt.date]:
    """One day for every stretch of `horizon` days whose end is over, oldest first.

    The stretches (day, day + horizon] lie end to end, so that each outcome belongs to exactly one of them and an account
    is evaluated once in each. At most 24, the newest.
    """
    found: list[dt.date] = []
    day = today - dt.timedelta(days=horizon + 1)
    while day >= since and len(found) < MOST_DAYS:
        found.append(day)
        day -= dt.timedelta(days=horizon)
    return found[::-1]
