"""Messages after the first: reminders, and the next channel where the first was not answered.

Promised: a person is reminded at most as often as the campaign says, never sooner than its gap after the last message,
within its hours, and not once they have answered, declined, unsubscribed, bounced or run out of time; a pause delays,
and what a pause delayed does not come all at once. A message is made by one statement for all whose time has come, and
judged once more when it is sent: it is exempt from the quiet time, but not from the budget (surveys/ask_rules.py).

Steps of deliveries: "reminder1" to "reminder3", and "fallback". When somebody was asked stays the moment of the first.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from core import clock, jobs
from core.outbox import State
from surveys import pacing, windows
from surveys.ask_rules import REMINDER_COST, cost_of
from surveys.choices import CampaignState, Channel, InvitationState
from surveys.models import Campaign, Delivery, Invitation, Suppression, Visitor
from team import queries as team_queries

REMINDER, FALLBACK = "reminder", "fallback"
STATES = (CampaignState.RUNNING, CampaignState.FINISHED)
# More wait for the next minute: a statement stays short.
AT_ONCE = 2_000
# Whoever has not been in the product for so long will not be reached there soon.
SEEN_WITHIN = dt.timedelta(days=30)
_OPEN = (State.PENDING, State.CLAIMED, State.SENDING, State.IN_DOUBT)


def make_due() -> int:
    """Make the reminders and fall-backs whose time has come; returns how many. Runs with the tick."""
    if not settings.SENDING_ENABLED:
        return 0
    now = clock.now()
    # Nobody can be waiting for a message of a campaign that finished longer ago than answers are accepted.
    recent = Q(state=CampaignState.RUNNING) | Q(
        state=CampaignState.FINISHED, finished_at__gt=now - dt.timedelta(days=400)
    )
    wanting = Campaign.objects.filter(recent).filter(Q(reminders__gt=0) | Q(fallback_days__isnull=False))
    made = sum(_make(pk, now) for pk in wanting.order_by("pk").values_list("pk", flat=True))
    if made:
        jobs.wake(pacing.MAIL)
    return made


def _make(campaign_id: int, now: dt.datetime) -> int:
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign_id)
        if campaign.state not in STATES:
            return 0
        return fall_back(campaign, now=now) + remind(campaign, now=now)


def unanswered(campaign: Campaign, now: dt.datetime) -> QuerySet[Invitation]:
    """Whom a campaign asked who may still answer, has said nothing, and has no message on its way."""
    on_its_way = Delivery.objects.filter(
        Q(state__in=_OPEN) & ~Q(state=State.PENDING, channel=Channel.IN_APP), invitation=OuterRef("pk")
    )
    found: QuerySet[Invitation] = Invitation.objects.filter(
        ~Exists(on_its_way),
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        wave__campaign=campaign,
        is_test=False,
        scored_at__isnull=True,
        declined_at__isnull=True,
        outcome_reason="",
    )
    return found


# --- Reminders -----------------------------------------------------------------------------------------------
def remind(campaign: Campaign, *, now: dt.datetime) -> int:
    """Make the reminders that are due. The caller holds the campaign's row."""
    last = now - dt.timedelta(days=campaign.reminder_gap_days)
    made = 0
    for number in range(campaign.reminders):
        due = unanswered(campaign, now).filter(
            Q(reminded_at__lte=last) | Q(reminded_at__isnull=True, asked_at__lte=last),
            state=InvitationState.SENT,
            asked_at__lte=last,
            reminders=number,
            channel__in=[Channel.EMAIL, Channel.SMS],
        )
        ids = _within_hours(due, campaign, now)
        if not ids:
            continue
        pacing.write_deliveries(ids, step=f"{REMINDER}{number + 1}", cost=REMINDER_COST)
        made += Invitation.objects.filter(pk__in=ids).update(
            reminders=number + 1, reminded_at=now, cost=F("cost") + REMINDER_COST
        )
    return made


def _within_hours(due: QuerySet[Invitation], campaign: Campaign, now: dt.datetime) -> list[int]:
    """The ids of those whose hours are now: one look for the kinds of place, one for the people."""
    if pacing.minds_the_hour(campaign):
        hours, default = windows.hours_of(campaign), ZoneInfo(team_queries.workspace().time_zone)
        due, columns = pacing.places(due, campaign)
        is_open = Q(pk__in=[])
        for columns_of_place in due.order_by().values_list(*columns).distinct():
            place = windows.Place(*columns_of_place)
            if windows.is_open(hours, place, now, default=default):
                is_open |= Q(**pacing.at_place(place))
        due = due.filter(is_open)
    return list(due.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])


# --- The next channel ----------------------------------------------------------------------------------------
def fall_back(campaign: Campaign, *, now: dt.datetime) -> int:
    """Try the next channel with those who have not answered on theirs. The caller holds the campaign's row.

    Somebody to be asked in the product who has not been seen there since is asked elsewhere instead; that is their
    first ask then, and it is no longer shown in the product.
    """
    if campaign.fallback_days is None:
        return 0
    last = now - dt.timedelta(days=campaign.fallback_days)
    made = 0
    for index, channel in enumerate(campaign.channels[:-1]):
        since = (
            Coalesce("asked_at", "planned_at")
            if index == 0
            else Coalesce("reminded_at", "asked_at", "planned_at")
        )
        waiting = Q(state=InvitationState.SENT)
        if channel == Channel.IN_APP:
            waiting |= Q(state=InvitationState.SENDING, asked_at__isnull=True)
        due = (
            unanswered(campaign, now).annotate(since=since).filter(waiting, since__lte=last, channel=channel)
        )
        for following in campaign.channels[index + 1 :]:
            made += _move(due.filter(_reached(Channel(following), now)), campaign, Channel(following), now)
    return made


def _reached(channel: Channel, now: dt.datetime) -> Q:
    """Whether a channel leads to the person."""
    key = "contact__phone_key" if channel is Channel.SMS else "contact__address_key"
    barred = Suppression.objects.filter(address_key=OuterRef(key), channel=channel, lifted_at__isnull=True)
    if channel is Channel.IN_APP:
        seen = Visitor.objects.filter(contact=OuterRef("contact"), last_seen_at__gt=now - SEEN_WITHIN)
        return Q(Exists(seen))
    return Q(~Exists(barred), **{f"{key}__isnull": False})


def _move(due: QuerySet[Invitation], campaign: Campaign, channel: Channel, now: dt.datetime) -> int:
    """Have these people reached on another channel, as far as its hours allow it now."""
    tried = Delivery.objects.filter(invitation=OuterRef("pk"), channel=channel)
    hours, default = windows.hours_of(campaign), ZoneInfo(team_queries.workspace().time_zone)
    placed, columns = pacing.places(due.filter(~Exists(tried)), campaign)
    # The hours that count are those of the channel to come.
    zone, country, _, hour = columns
    is_open = Q(pk__in=[])
    for zone_of, country_of, hour_of in placed.order_by().values_list(zone, country, hour).distinct():
        place = windows.Place(zone_of, country_of, channel, hour_of)
        if windows.is_open(hours, place, now, default=default):
            picked = {key: value for key, value in pacing.at_place(place).items() if key != "channel"}
            is_open |= Q(**picked)
    ids = list(placed.filter(is_open).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if not ids:
        return 0
    moved = Invitation.objects.filter(pk__in=ids)
    shown = Delivery.objects.filter(invitation__in=ids, channel=Channel.IN_APP, state=State.PENDING)
    shown.update(state=State.CANCELLED, error="Asked on another channel", finished_at=now)
    # Somebody who was never asked has cost nothing yet.
    moved.filter(asked_at__isnull=True).update(cost=Value(cost_of(channel)))
    moved.filter(asked_at__isnull=False).update(cost=F("cost") + cost_of(channel))
    moved.update(channel=channel, reminded_at=now)
    pacing.write_deliveries(ids, step=FALLBACK, cost=cost_of(channel))
    return len(ids)


def register() -> None:
    """Have reminders made with the tick."""
    jobs.on_tick("survey_reminders", make_due)
