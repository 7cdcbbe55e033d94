"""Closing the loop as plain values: what the two clocks of an answer measure, and what stops them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from workflows.calendars.domain import WorkCalendar, day_length, time_between


class LoopClock(StrEnum):
    """The two promises of a loop."""

    CONTACT = "contact"
    RESOLUTION = "resolution"


class LoopPause(StrEnum):
    """Why the clocks stand still. Snoozing an alert is not among them."""

    EXCLUDED = "excluded"
    DELETED = "deleted"
    RESCORED = "rescored"
    ERASED = "erased"


class ContactBy(StrEnum):
    """How the first human contact became known: by something a person logged or wrote, or by their word for it."""

    LOGGED = "logged"
    STATED = "stated"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clock of a loop shows: the words, and whether it is "good", "watch", "bad" or "" (it stands still)."""

    words: str
    tone: str
    clock: LoopClock | None = None


def amount_words(amount: dt.timedelta, day: dt.timedelta) -> str:
    """Working time in the largest unit that fits, rounded down: "3 days", "2 h", "25 min". `day` is a working day."""
    if amount >= day:
        days = amount // day
        return f"{days} day{'' if days == 1 else 's'}"
    minutes = int(amount.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes >= 60 else f"{max(minutes, 1)} min"


def reading(
    *,
    now: dt.datetime,
    calendar: WorkCalendar,
    due: Mapping[LoopClock, dt.datetime],
    contacted_at: dt.datetime | None,
    resolved_at: dt.datetime | None,
    pause: LoopPause | None,
) -> Reading:
    """What to show of a loop now: the time left until the next promise, in working time of its owner's calendar.

    "2 h left" turns to watch when a quarter of a working day is left, and to "1 day over" once the moment has passed.
    """
    if resolved_at is not None:
        late = resolved_at > due[LoopClock.RESOLUTION]
        return Reading("closed late" if late else "closed in time", "watch" if late else "good")
    if pause is not None:
        return Reading("stopped" if pause == LoopPause.ERASED else "paused", "")
    clock = LoopClock.CONTACT if contacted_at is None else LoopClock.RESOLUTION
    day = day_length(calendar)
    left = time_between(calendar, now, due[clock])
    if now > due[clock]:
        return Reading(f"{amount_words(-left, day)} over", "bad", clock)
    return Reading(f"{amount_words(left, day)} left", "watch" if left <= day / 4 else "", clock)
