"""Channels, quiet hours and the share of an hour, as plain values."""

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.schedules import due_moment, exists
from workflows.domain import SATURDAY

HOUR = dt.timedelta(hours=1)


class Way(StrEnum):
    """How a person is told."""

    APP = "app"
    MAIL = "mail"


WAY_LABELS = {Way.APP: "In the app", Way.MAIL: "By mail"}


def quiet_end(
    now: dt.datetime,
    *,
    zone: ZoneInfo,
    quiet_from: dt.time | None,
    quiet_until: dt.time | None,
    at_weekends: bool,
) -> dt.datetime | None:
    """When the quiet time that `now` lies in ends, in UTC; None when it lies in none.

    Quiet hours may span midnight. A quiet weekend ends on Monday, with its quiet night where there is one. Local times that
    a daylight-saving change skips or repeats are taken as `core.schedules.due_moment` takes them.
    """
    found: dt.datetime | None = None
    at = now
    # A night that runs into a weekend that runs into a night: each end is looked at again.
    for _ in range(4):
        end = _end_of_night(at, zone, quiet_from, quiet_until) or (
            _end_of_weekend(at, zone) if at_weekends else None
        )
        if end is None or end <= at:
            break
        found = at = end
    return found


def _end_of_night(
    now: dt.datetime, zone: ZoneInfo, quiet_from: dt.time | None, quiet_until: dt.time | None
) -> dt.datetime | None:
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return None
    today = now.astimezone(zone).date()
    for day in (today - dt.timedelta(days=1), today):
        last = day if quiet_from < quiet_until else day + dt.timedelta(days=1)
        start, end = due_moment(day, quiet_from, zone), due_moment(last, quiet_until, zone)
        if start <= now < end:
            return end
    return None


def _end_of_weekend(now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
    day = now.astimezone(zone).date()
    if day.weekday() < SATURDAY:
        return None
    monday = day + dt.timedelta(days=7 - day.weekday())
    while not exists(monday, zone):
        monday += dt.timedelta(days=1)
    return due_moment(monday, dt.time(), zone)


def room_at(now: dt.datetime, sent: Sequence[dt.datetime], cap: int) -> dt.datetime:
    """When the next mail may go so that no hour holds more than `cap`: `now`, or an hour after the mail that makes room.

    `sent` are the times of the mails of the last hour."""
    recent = sorted(at for at in sent if at > now - HOUR)
    if len(recent) < cap:
        return now
    return recent[-cap] + HOUR
