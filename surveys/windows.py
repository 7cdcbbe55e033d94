"""At what hours somebody may be written to: weekdays, hours, holidays, and the night for SMS.

Pure: times come in, answers go out. Everything is judged by the clock on the wall of the place that counts, the
person's zone or the workspace's, so that a change to summer time moves nothing. Holidays are the national ones of the
account's country, from the library `holidays`; of a country it does not know, none.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from core import schedules
from surveys.choices import Channel
from surveys.models import Campaign

# No SMS at night, whatever a campaign says: the strictest of the laws we know of (USA: 21 to 8 local time).
SMS_FROM, SMS_UNTIL = dt.time(8), dt.time(21)
MIDNIGHT = dt.time(0)
EVERY_DAY = frozenset(range(1, 8))
HORIZON_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When messages may leave. `until` midnight means the end of the day."""

    weekdays: frozenset[int] = EVERY_DAY
    start: dt.time = MIDNIGHT
    until: dt.time = MIDNIGHT
    in_contact_zone: bool = True
    skip_holidays: bool = False

    @property
    def is_always(self) -> bool:
        return self.weekdays == EVERY_DAY and self.start == self.until == MIDNIGHT and not self.skip_holidays


@dataclass(frozen=True, slots=True)
class Place:
    """What decides the hours of a person: zone ("" is the workspace's), country, channel, and an arm's hour."""

    zone: str = ""
    country: str = ""
    channel: str = Channel.EMAIL.value
    send_hour: int | None = None


def hours_of(campaign: Campaign) -> Hours:
    return Hours(
        weekdays=frozenset(map(int, campaign.send_weekdays)) or EVERY_DAY,
        start=campaign.send_from or MIDNIGHT,
        until=campaign.send_until or MIDNIGHT,
        in_contact_zone=campaign.in_contact_zone,
        skip_holidays=campaign.skip_holidays,
    )


def is_open(hours: Hours, place: Place, at: dt.datetime, *, default: ZoneInfo) -> bool:
    """Whether a message may leave at this moment."""
    local = at.astimezone(_zone(place, hours, default))
    if not _is_sending_day(hours, place, local.date()):
        return False
    start, until = _span(hours, place)
    if start is None:
        return False
    return start <= local.time() and (until == MIDNIGHT or local.time() < until)


def next_open(hours: Hours, place: Place, at: dt.datetime, *, default: ZoneInfo) -> dt.datetime | None:
    """The next moment from `at` on at which a message may leave; None if there is none within thirty days."""
    if is_open(hours, place, at, default=default):
        return at
    start, _ = _span(hours, place)
    if start is None:
        return None
    zone = _zone(place, hours, default)
    day = at.astimezone(zone).date()
    for _ in range(HORIZON_DAYS):
        moment = schedules.due_moment(day, start, zone)
        if moment >= at and is_open(hours, place, moment, default=default):
            return moment
        day += dt.timedelta(days=1)
    return None


def sending_days(hours: Hours, first: dt.date, last: dt.date) -> int:
    """On how many dates from `first` to `last`, both included, something may be sent; at least one."""
    count = sum(
        (first + dt.timedelta(days=n)).isoweekday() in hours.weekdays for n in range((last - first).days + 1)
    )
    return max(1, count)


def _span(hours: Hours, place: Place) -> tuple[dt.time | None, dt.time]:
    """From when until when on a day; None where nothing is left of it."""
    start, until = hours.start, hours.until
    if place.send_hour is not None:
        start = dt.time(place.send_hour)
        if until != MIDNIGHT and until <= start:
            until = MIDNIGHT  # an arm that tries a later hour is not to be shut out
    if place.channel == Channel.SMS:
        start = max(start, SMS_FROM)
        until = SMS_UNTIL if until == MIDNIGHT else min(until, SMS_UNTIL)
    return (None, until) if until != MIDNIGHT and until <= start else (start, until)


def _zone(place: Place, hours: Hours, default: ZoneInfo) -> ZoneInfo:
    # The night is the person's own, also where a campaign goes by the workspace's clock.
    if place.zone and (hours.in_contact_zone or place.channel == Channel.SMS):
        return _known_zone(place.zone) or default
    return default


@lru_cache(maxsize=1024)
def _known_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # not a name, a folder of names, not found
        return None


def _is_sending_day(hours: Hours, place: Place, day: dt.date) -> bool:
    if day.isoweekday() not in hours.weekdays:
        return False
    return not (hours.skip_holidays and place.country and is_holiday(place.country, day))


@lru_cache(maxsize=4096)
def is_holiday(country: str, day: dt.date, region: str = "") -> bool:
    """Whether a date is a national holiday of a country, by its code of two letters, or one of its region ("BY")."""
    calendar = _calendar(country.upper(), region.upper(), day.year)
    return calendar is not None and day in calendar


@lru_cache(maxsize=512)
def _calendar(country: str, region: str, year: int) -> Any:
    # Imported when first asked for: the library is large, and most installations skip no holidays.
    import holidays

    build: Callable[..., Any] = holidays.country_holidays
    try:
        return build(country, subdiv=region or None, years=year)
    except NotImplementedError:
        # Of a region it does not know, the days of the whole country.
        return _calendar(country, "", year) if region else None


def is_known_country(country: str) -> bool:
    """Whether the holidays of a country, by its code of two letters, are known."""
    return country in _supported()


def is_known_region(country: str, region: str) -> bool:
    """Whether a region of the country has a calendar of its own."""
    return region in _supported().get(country, ())


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    import holidays

    found: dict[str, list[str]] = holidays.list_supported_countries(include_aliases=False)
    return found
