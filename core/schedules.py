"""Schedules in local time, computed by us: once per local date, whatever the clocks do.

django-q2's own calendar drifts over daylight-saving changes and one bad row stops all of it, so it only ticks once a
minute (core.jobs.tick) and this module decides what is due.
"""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import transaction

from core import clock
from core.failures import log_failure
from core.models import ScheduleSlot

logger = logging.getLogger(__name__)
Zone = Callable[[], str]


def utc() -> str:
    return "UTC"


def due_moment(day: dt.date, at: dt.time, zone: ZoneInfo) -> dt.datetime:
    """When `at` comes on `day`: the first of two, and for a time that the clocks skip, as much later as they jump."""
    return dt.datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(dt.UTC)


def exists(day: dt.date, zone: ZoneInfo) -> bool:
    """False for a date that a zone left out (Samoa had no 30 December 2011)."""
    noon = dt.datetime.combine(day, dt.time(12), tzinfo=zone)
    return noon.astimezone(dt.UTC).astimezone(zone).date() == day


def latest_due(now: dt.datetime, at: dt.time, zone: ZoneInfo) -> dt.date | None:
    """The last local date whose `at` has come, today or one of the two days before."""
    today = now.astimezone(zone).date()
    for back in range(3):
        day = today - dt.timedelta(days=back)
        if exists(day, zone) and due_moment(day, at, zone) <= now:
            return day
    return None


@dataclass(frozen=True)
class Daily:
    name: str
    at: dt.time
    zone: Zone
    func: Callable[[dt.date], object]


@dataclass(frozen=True)
class Hourly:
    name: str
    minute: int
    func: Callable[[dt.datetime], object]


_schedules: dict[str, Daily | Hourly] = {}


def daily(name: str, *, at: dt.time, zone: Zone, func: Callable[[dt.date], object]) -> None:
    """Call `func(local_date)` once per local date, at `at` or as soon after as a worker runs.

    The call and the proof that it ran are one transaction: if it raises, it is tried again with the next tick. Keep it
    short; submit a job for what takes longer. Days on which no worker ran are not made up for.
    """
    _schedules[name] = Daily(name, at, zone, func)


def hourly(name: str, *, minute: int = 0, func: Callable[[dt.datetime], object]) -> None:
    """Call `func(start_of_hour)` once per UTC hour, from `minute` past on; otherwise like `daily`."""
    _schedules[name] = Hourly(name, minute, func)


def forget(name: str) -> None:
    _schedules.pop(name, None)


def run_due() -> None:
    """Run what is due now, each schedule within its own error boundary."""
    now = clock.now()
    for schedule in list(_schedules.values()):
        try:
            _run(schedule, now)
        except Exception as error:
            log_failure(logger, f"schedule {schedule.name}", error)


def _run(schedule: Daily | Hourly, now: dt.datetime) -> None:
    if isinstance(schedule, Daily):
        day = latest_due(now, schedule.at, ZoneInfo(schedule.zone()))
        if day is not None:
            _once(schedule.name, day.isoformat(), lambda: schedule.func(day))
        return
    hour = now.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
    if now < hour + dt.timedelta(minutes=schedule.minute):
        hour -= dt.timedelta(hours=1)
    _once(schedule.name, hour.isoformat(timespec="minutes"), lambda: schedule.func(hour))


def _once(job: str, slot: str, func: Callable[[], object]) -> None:
    if ScheduleSlot.objects.filter(job=job, slot=slot).exists():
        return
    with transaction.atomic():
        _, is_first = ScheduleSlot.objects.get_or_create(job=job, slot=slot)
        if is_first:
            func()
