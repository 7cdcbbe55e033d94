"""When a task comes again: an RRULE (RFC 5545) on the wall clock, with the few parts that recurring work needs.

Pure. Dates are those of the wall clock where the work is done; the zone is attached at the very end, so that the hour
stays the same when the clocks change.
"""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FREQUENCIES = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
MAX_INTERVAL = 99


class NotARule(ValueError):
    """A recurrence that is not one, or asks for more than recurring work needs; its text may be shown."""


def rule(frequency: str, *, interval: int = 1, weekdays: Sequence[str] = ()) -> str:
    """The RRULE of "every `interval` weeks on Monday and Thursday". Raises `NotARule`."""
    parts = [f"FREQ={frequency}", f"INTERVAL={interval}"]
    if weekdays:
        parts.append("BYDAY=" + ",".join(day for day in WEEKDAYS if day in weekdays))
    return checked(";".join(parts))


def checked(text: str) -> str:
    """The rule in one form. Only FREQ (daily to yearly), INTERVAL, and BYDAY of weekly rules are known."""
    parts = _parts(text)
    frequency = parts.pop("FREQ", "")
    if frequency not in FREQUENCIES:
        raise NotARule("It must come again daily, weekly, monthly or yearly.")
    interval = parts.pop("INTERVAL", "1")
    if not (interval.isascii() and interval.isdigit() and 1 <= int(interval) <= MAX_INTERVAL):
        raise NotARule(f"The interval is a number from 1 to {MAX_INTERVAL}.")
    found = f"FREQ={frequency};INTERVAL={int(interval)}"
    days = parts.pop("BYDAY", "")
    if days:
        if frequency != "WEEKLY":
            raise NotARule("Weekdays can be chosen for weekly work only.")
        chosen = days.split(",")
        if not set(chosen) <= set(WEEKDAYS):
            raise NotARule("Weekdays are MO, TU, WE, TH, FR, SA and SU.")
        found += ";BYDAY=" + ",".join(day for day in WEEKDAYS if day in chosen)
    if parts:
        raise NotARule(f"{next(iter(parts))} is not known here: use FREQ, INTERVAL and BYDAY.")
    return found


def _parts(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.upper().strip().split(";") if part]
    if any(not equals for _, equals, _ in pairs):
        raise NotARule("A recurrence reads like FREQ=WEEKLY;INTERVAL=2;BYDAY=MO.")
    return {name: value for name, _, value in pairs}


def first_on(text: str, starts_on: dt.date) -> dt.date:
    """The first day of the series, on `starts_on` or after it."""
    return next_on(text, starts_on, starts_on - dt.timedelta(days=1))


def next_on(text: str, starts_on: dt.date, after: dt.date) -> dt.date:
    """The first day of the series later than `after`.

    A month without the day (the 31st) takes its last one; so does 29 February in other years.
    """
    parts = _parts(text)
    if parts["FREQ"] in {"MONTHLY", "YEARLY"}:
        return _next_in_months(
            starts_on, after, int(parts["INTERVAL"]) * (12 if parts["FREQ"] == "YEARLY" else 1)
        )
    found = rrulestr(f"RRULE:{text}", dtstart=dt.datetime.combine(starts_on, dt.time())).after(
        dt.datetime.combine(after, dt.time())
    )
    return found.date()  # type: ignore[union-attr]  # without an end there is always a next one


def _next_in_months(starts_on: dt.date, after: dt.date, step: int) -> dt.date:
    passed = (after.year - starts_on.year) * 12 + after.month - starts_on.month
    number = max(0, passed // step - 1)
    while (day := _in_month(starts_on, number * step)) <= after:
        number += 1
    return day


def _in_month(starts_on: dt.date, months: int) -> dt.date:
    year, month = divmod(starts_on.year * 12 + starts_on.month - 1 + months, 12)
    following = dt.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(starts_on.day, last))


def moment(day: dt.date, at: dt.time, zone: ZoneInfo) -> dt.datetime:
    """When a day of the series is due: that hour of the wall clock, as much later as the clocks jump where they skip it."""
    return dt.datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(dt.UTC)


def words(text: str) -> str:
    """ "every 2 weeks on Monday and Thursday" """
    parts = _parts(text)
    unit, interval = FREQUENCIES[parts["FREQ"]], int(parts.get("INTERVAL", "1"))
    found = f"every {unit}" if interval == 1 else f"every {interval} {unit}s"
    days = [DAY_NAMES[WEEKDAYS.index(day)] for day in parts.get("BYDAY", "").split(",") if day]
    if days:
        found += " on " + (days[0] if len(days) == 1 else f"{', '.join(days[:-1])} and {days[-1]}")
    return found
