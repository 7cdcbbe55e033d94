"""Business time: when a person works, and how much of their working time lies between two moments.

Pure. A calendar is a person's weekdays and hours on the wall clock of their zone, without the days off that are given
with it (holidays, leave). Two ways of counting stand side by side:

- **days**: "two business days after Friday 16:00 is Tuesday 16:00". The hour of the clock is kept.
- **time**: "ninety working minutes after Friday 16:00 is Monday 9:30". Real seconds within the hours are counted, so a
  day on which the clocks jump within working hours is an hour shorter or longer, as it is for the person.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

HORIZON_DAYS = 800
"""How far ahead a working day is looked for. Leave of more than two years is somebody who left."""


class NewWork(StrEnum):
    """What becomes of new work while somebody is on leave."""

    STAND_IN = "stand_in"
    WAIT = "wait"


class OpenWork(StrEnum):
    """What becomes of the work that is open when leave begins."""

    KEEP = "keep"
    MOVE = "move"
    HAND_OVER = "hand_over"


def never(_day: dt.date) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """When one person works. `weekdays` are ISO numbers (Monday is 1); `is_off(day)` tells of holidays and leave."""

    zone: ZoneInfo
    weekdays: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    start: dt.time = dt.time(9)
    end: dt.time = dt.time(17)
    is_off: Callable[[dt.date], bool] = field(default=never, compare=False)

    def is_working_day(self, day: dt.date) -> bool:
        return day.isoweekday() in self.weekdays and not self.is_off(day)

    def is_working(self, at: dt.datetime) -> bool:
        """Whether the person works at this moment; the end of the day is not part of it."""
        local = at.astimezone(self.zone)
        return self.is_working_day(local.date()) and self.start <= local.time() < self.end


class NoWorkingTime(ValueError):
    """A calendar without a working day as far as is looked."""


def add_days(calendar: WorkCalendar, start: dt.datetime, days: int) -> dt.datetime:
    """The moment `days` business days after `start`, or before it where negative, in UTC.

    The clock time is kept but pulled into the working hours; a start outside working days counts from the next working
    morning. So one business day after Friday 16:00 is Monday 16:00, and after Saturday it is Tuesday morning. A local
    time that a daylight-saving change skips moves forward by the gap.
    """
    local = start.astimezone(calendar.zone)
    day, at = local.date(), local.time().replace(tzinfo=None, fold=0)
    if not calendar.is_working_day(day):
        at, day = calendar.start, next_working_day(calendar, day)
    at = min(max(at, calendar.start), calendar.end)
    return _moment(calendar, step_days(calendar, day, days), at)


def step_days(calendar: WorkCalendar, day: dt.date, days: int) -> dt.date:
    """The working day `days` steps from `day`; 0 is the day itself, or the next working day."""
    day = next_working_day(calendar, day)
    direction = 1 if days >= 0 else -1
    for _ in range(abs(days)):
        day = next_working_day(calendar, day + dt.timedelta(days=direction), direction)
    return day


def next_working_day(calendar: WorkCalendar, day: dt.date, direction: int = 1) -> dt.date:
    """`day`, or the nearest working day after it (before it, with direction -1)."""
    for _ in range(HORIZON_DAYS):
        if calendar.is_working_day(day):
            return day
        day += dt.timedelta(days=direction)
    raise NoWorkingTime(f"No working day within {HORIZON_DAYS} days of {day}")


def end_of(calendar: WorkCalendar, day: dt.date) -> dt.datetime:
    """The end of the person's working day on a date, in UTC."""
    return _moment(calendar, day, calendar.end)


def add_time(calendar: WorkCalendar, start: dt.datetime, amount: dt.timedelta) -> dt.datetime:
    """The moment at which `amount` of working time has passed since `start`, in UTC.

    Of the moments that fit, the earliest: eight hours from nine are over at the end of that day, not the next morning.
    Nothing from a moment outside working hours is the next beginning of work.
    """
    if amount < dt.timedelta(0):
        raise ValueError("Working time is counted forward")
    left = amount
    for opens, closes in _spans(calendar, start):
        begin = max(opens, start)
        if begin > closes:
            continue
        if left <= closes - begin:
            return begin + left
        left -= closes - begin
    raise NoWorkingTime(f"No working time within {HORIZON_DAYS} days of {start:%Y-%m-%d}")


def time_between(calendar: WorkCalendar, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
    """How much working time lies between two moments; negative where `end` is the earlier one."""
    if end < start:
        return -time_between(calendar, end, start)
    total = dt.timedelta(0)
    for opens, closes in _spans(calendar, start):
        if opens >= end:
            break
        total += max(dt.timedelta(0), min(closes, end) - max(opens, start))
    return total


def day_length(calendar: WorkCalendar) -> dt.timedelta:
    """The working time of an ordinary day."""
    today = dt.date(2000, 1, 1)
    return dt.datetime.combine(today, calendar.end) - dt.datetime.combine(today, calendar.start)


def _spans(calendar: WorkCalendar, start: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The working hours of each working day from that of `start` on, in UTC; empty where the clocks skip all of them."""
    day = start.astimezone(calendar.zone).date()
    idle = 0
    while idle < HORIZON_DAYS:
        idle += 1
        if calendar.is_working_day(day):
            opens, closes = _moment(calendar, day, calendar.start), _moment(calendar, day, calendar.end)
            if opens < closes:
                idle = 0
                yield opens, closes
        day += dt.timedelta(days=1)


def _moment(calendar: WorkCalendar, day: dt.date, at: dt.time) -> dt.datetime:
    return dt.datetime.combine(day, at, tzinfo=calendar.zone).astimezone(dt.UTC)
