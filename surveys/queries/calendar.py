"""The calendar of asks: what was asked on the days of a month, what waves begin, and who comes due.

Dates are local dates of the workspace's zone. People are counted whom the reader may see, before any rule of eligibility;
counts of the future are what the dates of today say.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Max, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import TruncDate

from accounts.models import Contact
from core.errors import Refused
from surveys import cadence
from surveys.campaign_plan import CUSTOM, parse_offset
from surveys.choices import Cadence, CampaignState
from surveys.models import Campaign, Invitation
from surveys.queries.audience import audience
from team.models import User

SHOWN = (
    CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.FINISHED,
    CampaignState.STOPPED,
)  # fmt: skip
AHEAD = frozenset({CampaignState.SCHEDULED, CampaignState.RUNNING})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a day. `people` is None where nobody can say yet."""

    campaign: Campaign
    what: str
    people: int | None = None


@dataclass(slots=True)
class Day:
    date: dt.date
    in_month: bool
    is_today: bool
    entries: list[Entry] = field(default_factory=list)


def weeks(first: dt.date, *, user: User, today: dt.date, zone: ZoneInfo) -> list[list[Day]]:
    """The weeks of the month that begins on `first`, Monday to Sunday, with what happens on each day."""
    start = first - dt.timedelta(days=first.weekday())
    after = (first + dt.timedelta(days=32)).replace(day=1)
    days: dict[dt.date, Day] = {}
    day = start
    while day < after or day.weekday():
        days[day] = Day(day, first <= day < after, day == today)
        day += dt.timedelta(days=1)
    for campaign in _campaigns(start, day, zone):
        for date, entry in _entries(campaign, start, day, user=user, today=today, zone=zone):
            days[date].entries.append(entry)
    ordered = list(days.values())
    return [ordered[n : n + 7] for n in range(0, len(ordered), 7)]


def waiting_for_events() -> QuerySet[Campaign]:
    """Campaigns that no calendar can show: they ask when something happens."""
    return Campaign.objects.filter(state=CampaignState.RUNNING, cadence=Cadence.EVENT).order_by("name", "pk")


def _campaigns(start: dt.date, end: dt.date, zone: ZoneInfo) -> QuerySet[Campaign]:
    """Those that may have something in the days from `start` up to `end`."""
    since, until = cadence.start_of(start, zone), cadence.start_of(end, zone)
    found = Campaign.objects.filter(state__in=SHOWN).exclude(starts_at__gte=until)
    return (
        found.exclude(finished_at__lt=since)
        .select_related("survey", "segment", "launched_by")
        .order_by("name", "pk")
    )


def _entries(
    campaign: Campaign, start: dt.date, end: dt.date, *, user: User, today: dt.date, zone: ZoneInfo
) -> Iterator[tuple[dt.date, Entry]]:
    """What a campaign has in the days from `start` up to `end`."""
    for date, people in _asked(campaign, start, end, user, zone).items():
        yield date, Entry(campaign, "asked", people)
    if campaign.state not in AHEAD:
        return
    begin = cadence.first_date(campaign, zone)
    if campaign.state == CampaignState.SCHEDULED and start <= begin < end:
        yield begin, Entry(campaign, "starts")
    coming = _COMING.get(Cadence(campaign.cadence))
    if coming is None:
        return
    first = max(start, today + dt.timedelta(days=1), begin)
    if first < end:
        try:
            found = coming(campaign, first, end, user, zone)
        except Refused:  # a field that the segment asks for was taken away; the campaign page says so
            return
        for date, number, what in found:
            yield date, Entry(campaign, what, number)


def coming(campaign: Campaign, first: dt.date, end: dt.date, user: User, zone: ZoneInfo) -> Counter[dt.date]:
    """How many people a campaign has fall due on the days from `first` up to `end`, where a date says so."""
    found: Counter[dt.date] = Counter()
    known = _COMING.get(Cadence(campaign.cadence))
    for day, number, _ in known(campaign, first, end, user, zone) if known else ():
        found[day] += number or 0
    return found


def _asked(
    campaign: Campaign, start: dt.date, end: dt.date, user: User, zone: ZoneInfo
) -> Mapping[dt.date, int]:
    rows = (
        Invitation.objects.visible_to(user)
        .filter(
            wave__campaign=campaign,
            asked_at__gte=cadence.start_of(start, zone),
            asked_at__lt=cadence.start_of(end, zone),
        )
        .values_list(TruncDate("asked_at", tzinfo=zone))
        .annotate(people=Count("pk"))
    )
    return dict(rows)


Coming = list[tuple[dt.date, int | None, str]]


def _waves(campaign: Campaign, first: dt.date, end: dt.date, user: User, zone: ZoneInfo) -> Coming:
    found: Coming = []
    day = cadence.next_round(campaign, first - dt.timedelta(days=1), zone)
    while day is not None and day < end:
        found.append((day, None, "a wave begins"))
        day = cadence.next_round(campaign, day, zone)
    return found


def _around_dates(campaign: Campaign, first: dt.date, end: dt.date, user: User, zone: ZoneInfo) -> Coming:
    """By how many people's accounts the anchor, moved by a distance, comes to lie on each day."""
    due: Counter[dt.date] = Counter()
    people = audience(segment=campaign.segment, user=campaign.launched_by).filter(
        pk__in=Contact.objects.visible_to(user)
    )
    for offset in map(parse_offset, campaign.offsets):
        # Months differ in length, so some days of slack; what falls outside is left out below.
        low, high = first - offset - dt.timedelta(days=4), end - offset + dt.timedelta(days=4)
        for date, count in _by_anchor(people, campaign.anchor, low, high):
            if first <= date + offset < end:
                due[date + offset] += count
    return [(day, count, "due") for day, count in sorted(due.items())]


def _by_anchor(
    people: QuerySet[Contact], anchor: str, low: dt.date, high: dt.date
) -> Iterator[tuple[dt.date, int]]:
    custom = anchor.startswith(CUSTOM)
    value = (
        KeyTextTransform(anchor.removeprefix(CUSTOM), "account__custom")
        if custom
        else F(f"account__{anchor}")
    )
    between = (low.isoformat(), high.isoformat()) if custom else (low, high)
    rows = (
        people.order_by().annotate(anchor_date=value).filter(anchor_date__range=between).values("anchor_date")
    )
    for row in rows.annotate(people=Count("pk")):
        date = row["anchor_date"]
        yield (dt.date.fromisoformat(date) if isinstance(date, str) else date), row["people"]


def _again(campaign: Campaign, first: dt.date, end: dt.date, user: User, zone: ZoneInfo) -> Coming:
    """Whose last ask by this survey lies `every_days` before each day."""
    gap = dt.timedelta(days=campaign.every_days or 1)
    last = (
        Invitation.objects.visible_to(user)
        .filter(
            version__survey=campaign.survey_id, is_test=False, asked_at__isnull=False, contact__isnull=False
        )
        .values("contact")
        .annotate(last=Max("asked_at"))
        .filter(last__gte=cadence.start_of(first - gap, zone), last__lt=cadence.start_of(end - gap, zone))
    )
    due = Counter(cadence.local_date(moment, zone) + gap for moment in last.values_list("last", flat=True))
    return [(day, count, "due again") for day, count in sorted(due.items())]


_COMING: Mapping[Cadence, Callable[[Campaign, dt.date, dt.date, User, ZoneInfo], Coming]] = {
    Cadence.CALENDAR: _waves,
    Cadence.ACCOUNT_DATE: _around_dates,
    Cadence.RECURRING: _again,
}
