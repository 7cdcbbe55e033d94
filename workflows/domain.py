"""Rules, runs, tasks and alerts as plain values."""

import datetime as dt
from collections.abc import Container
from enum import StrEnum
from zoneinfo import ZoneInfo

SATURDAY = 5


class RunState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    EXITED = "exited"
    FAILED = "failed"
    STOPPED = "stopped"


UNDER_WAY = (RunState.RUNNING, RunState.WAITING, RunState.HELD)


class AlertState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class TaskState(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


def add_business_days(
    start: dt.datetime,
    days: int,
    *,
    zone: ZoneInfo,
    day_start: dt.time,
    day_end: dt.time,
    holidays: Container[dt.date] = (),
) -> dt.datetime:
    """The moment `days` business days after `start`, in UTC.

    Business days are Monday to Friday without `holidays`, counted in `zone`. The clock time is kept but pulled into
    the working hours; a start outside working days counts from the next working morning. So one
    business day after Friday 16:00 is Monday 16:00, and after Saturday it is Tuesday morning. A local time that a daylight-saving
    change skips moves forward by the gap.
    """
    local = start.astimezone(zone)
    day, at = local.date(), local.time().replace(tzinfo=None, fold=0)
    if not _is_working(day, holidays):
        at = day_start
        while not _is_working(day, holidays):
            day += dt.timedelta(days=1)
    elif at >= day_end:
        at = day_end
    at = max(at, day_start)
    for _ in range(days):
        day += dt.timedelta(days=1)
        while not _is_working(day, holidays):
            day += dt.timedelta(days=1)
    return dt.datetime.combine(day, at, tzinfo=zone).astimezone(dt.UTC)


def _is_working(day: dt.date, holidays: Container[dt.date]) -> bool:
    return day.weekday() < SATURDAY and day not in holidays
