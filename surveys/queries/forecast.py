"""What the forecast of a campaign starts from: who falls due when, and what past asks have shown."""

import datetime as dt
from collections import Counter
from copy import copy
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from accounts.models import TrackedEvent
from core import clock
from surveys import cadence, eligibility, pacing
from surveys.choices import Cadence, MetricFamily
from surveys.domain import Counts
from surveys.forecast import ENDLESS_DAYS, USUAL, Forecast, forecast
from surveys.models import Campaign, Response
from surveys.queries import calendar
from surveys.queries.audience import audience
from team import queries as team_queries
from team.models import User

# Enough answers to say how they are divided.
KNOWN = 30
EVENT_DAYS = 28


def of_campaign(campaign: Campaign, user: User) -> Forecast:
    """The forecast of a draft or scheduled campaign, as if started when it is set to, or now.

    Raises `Invalid` when its segment can no longer be read.
    """
    now, zone = clock.now(), team_queries.zone()
    draft = copy(campaign)
    draft.starts_at = max(campaign.starts_at or now, now)
    draft.launched_by = campaign.launched_by or user
    first = cadence.local_date(draft.starts_at, zone)
    people = audience(segment=draft.segment, user=user)
    sizes = None
    if draft.account_week_limit is not None:
        by_account = people.filter(account__isnull=False).order_by().values("account").annotate(n=Count("pk"))
        sizes = Counter(by_account.values_list("n", flat=True))
    return forecast(
        draft,
        first=first,
        zone=zone,
        arrivals=_arrivals(draft, user, first=first, now=now, zone=zone),
        rate=pacing.history(draft, now=now),
        mix=_mix(draft, now),
        account_sizes=sizes,
    )


def _arrivals(
    campaign: Campaign, user: User, *, first: dt.date, now: dt.datetime, zone: ZoneInfo
) -> Counter[dt.date]:
    """How many fall due on each date. Of those due later the same share is taken to be eligible as of everybody now."""
    people = audience(segment=campaign.segment, user=user)
    asking = eligibility.asking_of(campaign, now=now)
    found: Counter[dt.date] = Counter()
    if campaign.cadence in {Cadence.ONCE, Cadence.CALENDAR}:
        asked = eligibility.preview(people, asking, now=now).asked
        day: dt.date | None = first
        while day is not None and (day - first).days < ENDLESS_DAYS:
            found[day] += asked
            day = cadence.next_round(campaign, day, zone)
        return found
    if campaign.cadence == Cadence.RECURRING:
        due = cadence.due(people, campaign, day=first, zone=zone)
        found[first] += eligibility.preview(due, asking, now=now).asked
        for day, number in calendar.coming(
            campaign, first + dt.timedelta(days=1), _end(first), user, zone
        ).items():
            found[day] += number
        return found
    whole = eligibility.preview(people, asking, now=now)
    share = whole.asked / whole.audience if whole.audience else 0.0
    if campaign.cadence == Cadence.ACCOUNT_DATE:
        for day, number in calendar.coming(campaign, first, _end(first), user, zone).items():
            found[day] += round(number * share)
        return found
    told = TrackedEvent.objects.filter(
        name=campaign.trigger_event, contact__in=people, occurred_at__gt=now - dt.timedelta(days=EVENT_DAYS)
    )
    persons = told.values("contact").distinct().count()
    for number in range(ENDLESS_DAYS):
        # Whole people: the remainder of a day goes to the next.
        rate = persons * share / EVENT_DAYS
        found[first + dt.timedelta(days=number)] = int(rate * (number + 1)) - int(rate * number)
    return found


def _end(first: dt.date) -> dt.date:
    return first + dt.timedelta(days=ENDLESS_DAYS)


def _mix(campaign: Campaign, now: dt.datetime) -> Counts | None:
    """How the answers of the past year were divided; the usual where there are few. None where there is no NPS."""
    if campaign.survey.metric != MetricFamily.NPS:
        return None
    counts = Response.objects.filter(
        metric=MetricFamily.NPS, excluded_reason="", responded_at__gt=now - dt.timedelta(days=365)
    ).aggregate(
        promoters=Count("pk", filter=Q(score__gte=9)),
        passives=Count("pk", filter=Q(score__in=[7, 8])),
        detractors=Count("pk", filter=Q(score__lte=6)),
    )
    found = Counts(**counts)
    return found if found.n >= KNOWN else USUAL
