"""When a campaign asks, and who of its audience is due on a date. Dates are local dates of the workspace's zone.

- once: everybody, when it starts.
- recurring: everybody whom this survey asked last at least `every_days` days ago, or never.
- calendar: everybody, in a round every `period_months` months from the date it started.
- account_date: the people of accounts one of whose dates lies the given distance back or ahead; for `grace_days` days
  those are tried again whom something kept from being asked.
- event: whoever an event happened to (surveys/triggers.py).

Recurring and account-date campaigns are planned once on every date, into the round of the month; see
surveys/services/rounds.py. The rules are set-based: who is due is a queryset, whatever the number of people.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db import connection
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from accounts.models import Contact
from core import schedules
from surveys.campaign_plan import CUSTOM, parse_offset
from surveys.choices import Cadence, InvitationState
from surveys.models import Campaign, Invitation

# Planned a little every day for as long as they run.
DAILY = frozenset({Cadence.RECURRING, Cadence.ACCOUNT_DATE})
# Over only when somebody stops them.
ENDLESS = DAILY | {Cadence.CALENDAR, Cadence.EVENT}


def local_date(now: dt.datetime, zone: ZoneInfo) -> dt.date:
    return now.astimezone(zone).date()


def start_of(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first moment of a local date."""
    return schedules.due_moment(day, dt.time(0), zone)


# --- Rounds --------------------------------------------------------------------------------------------------
def round_start(campaign: Campaign, day: dt.date, zone: ZoneInfo) -> dt.date | None:
    """The date on which the round began that asks on `day`; None before the first."""
    match campaign.cadence:
        case Cadence.RECURRING | Cadence.ACCOUNT_DATE:
            return day.replace(day=1)
        case Cadence.EVENT:
            return day
        case Cadence.CALENDAR:
            return calendar_round(first_date(campaign, zone), campaign.period_months or 3, day)
        case _:
            return first_date(campaign, zone)


def first_date(campaign: Campaign, zone: ZoneInfo) -> dt.date:
    """The date a campaign started, or will: rounds by calendar count from here."""
    at = campaign.starts_at or campaign.launched_at
    assert at is not None, "A campaign has started when its rounds are asked for."
    return local_date(at, zone)


def calendar_round(first: dt.date, months: int, day: dt.date) -> dt.date | None:
    """The latest of first, first + months, first + 2·months… that is not after `day`. The 31st becomes the last."""
    if day < first:
        return None
    number = ((day.year - first.year) * 12 + day.month - first.month) // months
    start = first + relativedelta(months=number * months)
    return start if start <= day else first + relativedelta(months=(number - 1) * months)


def next_round(campaign: Campaign, day: dt.date, zone: ZoneInfo) -> dt.date | None:
    """When the next round begins after `day`; None where there is no such date."""
    if campaign.cadence != Cadence.CALENDAR:
        return None
    first, months = first_date(campaign, zone), campaign.period_months or 3
    if day < first:
        return first
    number = ((day.year - first.year) * 12 + day.month - first.month) // months
    return next(
        start for step in (number, number + 1) if (start := first + relativedelta(months=step * months)) > day
    )


def spread_until(campaign: Campaign, starts_on: dt.date, zone: ZoneInfo) -> dt.datetime | None:
    """By when the last of a round is to be sent; None: as fast as the limits allow.

    A round by calendar is spread over its period unless a shorter time is set. Of the others only the first is spread:
    it is the one in which everybody is due at once.
    """
    days = campaign.spread_days
    if campaign.cadence == Cadence.CALENDAR:
        following = next_round(campaign, starts_on, zone)
        assert following is not None
        end = following if days is None else min(following, starts_on + dt.timedelta(days=days))
        return start_of(end, zone)
    return None if days is None else start_of(starts_on + dt.timedelta(days=days), zone)


def is_over(campaign: Campaign, starts_on: dt.date | None, today: dt.date, zone: ZoneInfo) -> bool:
    """Whether nothing can be added to a round any more."""
    if campaign.cadence == Cadence.ONCE or starts_on is None:
        return True
    if campaign.cadence == Cadence.CALENDAR:
        return True  # planned whole when it begins
    return starts_on < (round_start(campaign, today, zone) or starts_on)


# --- Who is due ----------------------------------------------------------------------------------------------
def due(people: QuerySet[Contact], campaign: Campaign, *, day: dt.date, zone: ZoneInfo) -> QuerySet[Contact]:
    """Those of `people` whom the cadence has asked on `day`, before any rule of eligibility.

    For events it is everybody: whose event it was is decided by the trigger.
    """
    if campaign.cadence == Cadence.RECURRING:
        return _due_again(people, campaign, day, zone)
    if campaign.cadence == Cadence.ACCOUNT_DATE:
        return _due_by_date(people, campaign, day, zone)
    return people


def _due_again(
    people: QuerySet[Contact], campaign: Campaign, day: dt.date, zone: ZoneInfo
) -> QuerySet[Contact]:
    too_late = start_of(day - dt.timedelta(days=(campaign.every_days or 1) - 1), zone)
    recent = Invitation.objects.filter(
        Q(asked_at__gte=too_late)
        | Q(asked_at__isnull=True, state__in=[InvitationState.PLANNED, InvitationState.SENDING]),
        contact=OuterRef("pk"),
        version__survey=campaign.survey_id,
        is_test=False,
    )
    return people.filter(~Exists(recent))


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Account dates from `low` to `high` lead to an ask that is due on `day`."""

    low: dt.date
    high: dt.date
    day: dt.date


def occurrences(offset: relativedelta, days: Iterable[dt.date]) -> list[Occurrence]:
    """Which dates, moved by `offset`, come to lie on each of `days`; none may, where months differ in length.

    Several do where months are cut: 28, 29, 30 and 31 January are all one month before 28 February.
    """
    found = []
    for day in days:
        middle = day - offset
        dates = [one for step in range(-4, 5) if (one := middle + dt.timedelta(days=step)) + offset == day]
        if dates:
            found.append(Occurrence(dates[0], dates[-1], day))
    return found


def window(campaign: Campaign, day: dt.date, zone: ZoneInfo) -> list[dt.date]:
    """The dates whose asks are made, or tried again, on `day`: not before the launch, and not longer back than the grace."""
    first = day - dt.timedelta(days=campaign.grace_days)
    if campaign.launched_at is not None:
        first = max(first, local_date(campaign.launched_at, zone))
    return [first + dt.timedelta(days=n) for n in range((day - first).days + 1)] or [day]


def _due_by_date(
    people: QuerySet[Contact], campaign: Campaign, day: dt.date, zone: ZoneInfo
) -> QuerySet[Contact]:
    days = window(campaign, day, zone)
    by_offset = [occurrences(parse_offset(one), days) for one in campaign.offsets]
    rows = [row for found in by_offset for row in found]
    if not rows:
        return people.none()
    date, params_of_date, one, at = _anchor(campaign.anchor)
    ranges = [(found[0].low, found[-1].high) for found in by_offset if found]
    is_near = " OR ".join([f"{date} BETWEEN {one} AND {one}"] * len(ranges))
    values = ", ".join([f"({one}, {one}, {at})"] * len(rows))
    # First by the few ranges, which an index may answer; then which of the dates it is, and whether it was served.
    text = (
        f"accounts_contact.account_id IN (SELECT da.id FROM accounts_account da WHERE {is_near})"
        f" AND EXISTS (WITH due(low, high, since) AS (VALUES {values})"
        f" SELECT 1 FROM accounts_account da JOIN due ON {date} BETWEEN due.low AND due.high"
        " WHERE da.id = accounts_contact.account_id AND NOT EXISTS (SELECT 1 FROM surveys_invitation di"
        " JOIN surveys_wave dw ON dw.id = di.wave_id WHERE di.contact_id = accounts_contact.id"
        " AND dw.campaign_id = %s AND di.planned_at >= due.since))"
    )
    params: list[Any] = []
    for low, high in ranges:
        params += [*params_of_date, low.isoformat(), high.isoformat()]
    for row in rows:
        since = connection.ops.adapt_datetimefield_value(start_of(row.day, zone))
        params += [row.low.isoformat(), row.high.isoformat(), since]
    params += [*params_of_date, campaign.pk]
    return people.filter(RawSQL(text, params, output_field=BooleanField()))  # noqa: S611 - constant text, values as parameters


def _anchor(name: str) -> tuple[str, Sequence[Any], str, str]:
    """The account's date as SQL with its parameters, and the placeholders of a date and a moment to compare with.

    A custom date is text of the form 2026-01-31, which sorts like the date.
    """
    typed = connection.vendor == "postgresql"
    moment = "%s::timestamptz" if typed else "%s"
    if name.startswith(CUSTOM):
        text = "%s::text" if typed else "%s"
        return f"(da.custom ->> {text})", [name.removeprefix(CUSTOM)], text, moment
    assert name in {"customer_since", "renewal_on"}, "Checked with the plan."
    return f"da.{name}", [], "%s::date" if typed else "%s", moment
