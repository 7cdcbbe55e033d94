"""How many asks leave when: limits a day and an hour, an even spread, a number of answers wanted, turns of accounts.

Promised: on no date of the workspace's zone are more invitations released than the campaign's daily limit, in no hour
more than its hourly limit, and within seven days no more of one account than its limit, whatever the clocks do, however
often the worker restarts and however many of them release at once. What is not released now is released later, in the
order of planning, which takes turns between accounts.

All of it is counted in the ledger of local dates (WaveDay), under the campaign's row. What a date is to bring by spread,
target and limit of answers is worked out once, when it begins, and kept there.

Invitations become deliveries when they are due, a chunk at a time: a pause leaves few behind, and campaigns that run
side by side take turns. A campaign with a limit but no hours of its own begins with its launch on the first day, and
with the workspace's working day on every further one.
"""

import datetime as dt
import hmac
import math
from collections import Counter
from functools import lru_cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from core import clock, jobs, schedules
from core.mail.address import BadAddress
from surveys import answer_rate, cadence, windows
from surveys.answer_rate import Asked, Rate
from surveys.channels import email, link
from surveys.choices import Cadence, CampaignState, Channel, InvitationState, WaveState
from surveys.models import Campaign, Delivery, Invitation, Wave, WaveDay
from team import queries as team_queries
from team.models import Workspace

MAIL = "survey_mail"
RELEASE = "survey_release"
# Not a multiple of a batch: the last batch of a chunk is short, which is how the sender sees that more is wanted.
CHUNK = 1_010
FIRST_STEP = "first"
WEEK = dt.timedelta(days=7)
# What past campaigns say of a channel: a year back, without those who may still answer.
HISTORY, SETTLED = dt.timedelta(days=365), dt.timedelta(days=14)
_LIMITS = ("daily_limit", "hourly_limit", "spread_days", "daily_answers_limit", "target_answers")


def release_due() -> int:
    """Release the next chunk of every running wave; returns how many invitations became deliveries."""
    if not settings.SENDING_ENABLED:
        return 0
    running = Wave.objects.filter(state=WaveState.SENDING, campaign__state=CampaignState.RUNNING).order_by(
        "pk"
    )
    released = sum(release(wave_id) for wave_id in running.values_list("pk", flat=True))
    if released:
        jobs.wake(MAIL)
    return released


def release(wave_id: int, *, now: dt.datetime | None = None, chunk: int = CHUNK) -> int:
    """Make the next due invitations of a wave into deliveries, in one transaction; returns how many."""
    now = now or clock.now()
    with transaction.atomic():
        # Whoever releases of this campaign holds its row, so the ledger below is read and written by one at a time.
        campaign = Campaign.objects.select_for_update(of=("self",)).get(waves=wave_id)
        wave = Wave.objects.select_for_update(of=("self",)).get(pk=wave_id)
        wave.campaign = campaign
        if wave.state != WaveState.SENDING or campaign.state != CampaignState.RUNNING:
            return 0
        workspace = team_queries.workspace()
        today = local_date(now, workspace)
        if is_limited(campaign) and now < opens_at(campaign, today, workspace):
            return 0
        day, _ = WaveDay.objects.get_or_create(wave=wave, local_date=today)
        number = min(room(campaign, day, now=now, workspace=workspace), chunk - _waiting(wave))
        if number <= 0:
            return 0
        ids = _next(wave, number, now=now, workspace=workspace)
        if not ids:
            return 0
        Invitation.objects.filter(pk__in=ids).update(state=InvitationState.SENDING)
        # Personal links are ready at once: nobody sends them from here.
        ready = link.hand_out(ids, now=now)
        write_deliveries([pk for pk in ids if pk not in ready])
        day.released += len(ids)
        day.hours[_hour(now)] = day.hours.get(_hour(now), 0) + len(ids)
        day.save(update_fields=["released", "hours"])
        return len(ids)


def local_date(now: dt.datetime, workspace: Workspace) -> dt.date:
    return now.astimezone(ZoneInfo(workspace.time_zone)).date()


# --- How many ------------------------------------------------------------------------------------------------
def is_limited(campaign: Campaign) -> bool:
    """Whether anything but its hours holds a campaign back."""
    return campaign.cadence == Cadence.CALENDAR or any(getattr(campaign, name) for name in _LIMITS)


def opens_at(campaign: Campaign, day: dt.date, workspace: Workspace) -> dt.datetime:
    """From when on a limited campaign sends on a date: its first day from the launch, others from the working day on.

    One with hours of its own goes by these (surveys/windows.py).
    """
    zone = ZoneInfo(workspace.time_zone)
    if campaign.send_from is not None:
        return cadence.start_of(day, zone) - dt.timedelta(days=1)
    launched = campaign.launched_at
    if launched is not None and local_date(launched, workspace) == day:
        return launched
    return schedules.due_moment(day, workspace.day_start, zone)


def room(campaign: Campaign, day: WaveDay, *, now: dt.datetime, workspace: Workspace) -> int:
    """How many more of a wave may be released on `day`, the present local date, before its hours are looked at."""
    if not is_limited(campaign):
        return CHUNK
    if now < opens_at(campaign, day.local_date, workspace):
        return 0
    rooms = [CHUNK]
    of_campaign = WaveDay.objects.filter(wave__campaign=campaign)
    if campaign.daily_limit is not None:
        released = of_campaign.filter(local_date=day.local_date).aggregate(n=Sum("released"))["n"] or 0
        rooms.append(campaign.daily_limit - released)
    if campaign.hourly_limit is not None:
        rooms.append(campaign.hourly_limit - released_in_hour(campaign, day.local_date, now))
    enough = campaign.daily_answers_limit
    if enough is not None and answers_on(campaign, day.local_date, workspace) >= enough:
        return 0
    if has_quota(day.wave):
        if day.quota is None:
            day.quota = quota(day.wave, day, now=now, workspace=workspace)
            day.save(update_fields=["quota"])
        rooms.append(day.quota - day.released)
    return max(0, min(rooms))


def released_in_hour(campaign: Campaign, today: dt.date, now: dt.datetime) -> int:
    """How many were released in the present hour; `today` is the local date."""
    # An hour of the world's clock may belong to two local dates.
    near = WaveDay.objects.filter(
        wave__campaign=campaign,
        local_date__range=(today - dt.timedelta(days=1), today + dt.timedelta(days=1)),
    )
    return sum(one.get(_hour(now), 0) for one in near.values_list("hours", flat=True))


def _hour(now: dt.datetime) -> str:
    return now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H")


def answers_on(campaign: Campaign, day: dt.date, workspace: Workspace) -> int:
    """How many answered a campaign on a local date."""
    zone = ZoneInfo(workspace.time_zone)
    since, until = cadence.start_of(day, zone), cadence.start_of(day + dt.timedelta(days=1), zone)
    found = Invitation.objects.filter(
        wave__campaign=campaign, scored_at__gte=since, scored_at__lt=until, is_test=False
    )
    return found.count()


def has_quota(wave: Wave) -> bool:
    """Whether each date of a wave has a number of asks worked out for it."""
    campaign = wave.campaign
    return (
        wave.spread_until is not None
        or campaign.target_answers is not None
        or campaign.daily_answers_limit is not None
    )


def quota(wave: Wave, day: WaveDay, *, now: dt.datetime, workspace: Workspace) -> int:
    """How many of a wave are to be asked on a date that begins: the least of what spread, target and limit allow."""
    campaign, found = wave.campaign, []
    if wave.spread_until is not None:
        found.append(_spread_quota(wave, day, workspace))
    if campaign.target_answers is not None or campaign.daily_answers_limit is not None:
        others = WaveDay.objects.filter(wave__campaign=campaign, local_date=day.local_date).exclude(pk=day.pk)
        taken = others.aggregate(n=Sum("quota"))["n"] or 0
        start = period_start(wave, day.local_date, workspace)
        seen = asked_by_day(campaign, since=start, now=now, workspace=workspace)
        rate = answer_rate.estimate(history(campaign, now=now), seen)
        if campaign.daily_answers_limit is not None:
            found.append(max(0, math.ceil(campaign.daily_answers_limit / rate.mean) - taken))
        if campaign.target_answers is not None and campaign.target_days is not None:
            days = _days_left(campaign, day.local_date, start)
            wanted = campaign.target_answers
            target = answer_rate.asks_for_target(wanted=wanted, rate=rate, seen=seen, days_left=days)
            found.append(max(0, target - taken))
    return min(found)


def _spread_quota(wave: Wave, day: WaveDay, workspace: Workspace) -> int:
    """What is left, evenly over the sending days that are left: days lost to a pause make the others a little fuller."""
    assert wave.spread_until is not None
    left = wave.invitations.filter(state=InvitationState.PLANNED).count()
    last = local_date(wave.spread_until - dt.timedelta(seconds=1), workspace)
    if last <= day.local_date:
        return left
    return math.ceil(left / windows.sending_days(windows.hours_of(wave.campaign), day.local_date, last))


def period_start(wave: Wave, day: dt.date, workspace: Workspace) -> dt.date:
    """Since when answers count towards the target: the round's start, or the period of so many days since the launch."""
    campaign = wave.campaign
    at = campaign.launched_at or campaign.created_at
    launched = local_date(at, workspace)
    if campaign.cadence == Cadence.CALENDAR and wave.starts_on is not None:
        return wave.starts_on
    if campaign.cadence not in cadence.ENDLESS or not campaign.target_days:
        return launched
    return day - dt.timedelta(days=(day - launched).days % campaign.target_days)


def is_past_target(wave: Wave, day: dt.date, workspace: Workspace) -> bool:
    """Whether the days are over in which a round was to get its answers: nobody more of it is asked then."""
    campaign = wave.campaign
    if campaign.target_days is None or campaign.cadence in cadence.ENDLESS - {Cadence.CALENDAR}:
        return False
    return day >= period_start(wave, day, workspace) + dt.timedelta(days=campaign.target_days)


def _days_left(campaign: Campaign, today: dt.date, start: dt.date) -> list[float]:
    """For today and each sending day after it within the target's period: how many days are left after its asks.

    Asks of a day leave in its middle on average.
    """
    assert campaign.target_days is not None
    end = start + dt.timedelta(days=campaign.target_days)
    weekdays = windows.hours_of(campaign).weekdays
    days = [today + dt.timedelta(days=n) for n in range((end - today).days)]
    return [(end - day).days - 0.5 for day in days if day == today or day.isoweekday() in weekdays]


def asked_by_day(
    campaign: Campaign, *, since: dt.date, now: dt.datetime, workspace: Workspace
) -> list[Asked]:
    """Whom a campaign asked since a date, by the local date, before today, with the answers until now."""
    zone = ZoneInfo(workspace.time_zone)
    today = local_date(now, workspace)
    rows = (
        Invitation.objects.filter(
            wave__campaign=campaign,
            is_test=False,
            asked_at__gte=cadence.start_of(since, zone),
            asked_at__lt=cadence.start_of(today, zone),
        )
        .order_by()
        .values(day=TruncDate("asked_at", tzinfo=zone))
        .annotate(asked=Count("pk"), answered=Count("scored_at"))
    )
    return [Asked(max(0.0, (today - row["day"]).days - 0.5), row["asked"], row["answered"]) for row in rows]


def history(campaign: Campaign, *, now: dt.datetime) -> Rate:
    """The rate to expect before anything is seen: what the campaign's first channel has brought in the past year."""
    past = Invitation.objects.filter(
        channel=campaign.channels[0], is_test=False, asked_at__gt=now - HISTORY, asked_at__lte=now - SETTLED
    ).exclude(wave__campaign=campaign)
    counts = past.aggregate(asked=Count("pk"), answered=Count("scored_at"))
    return answer_rate.prior(asked=counts["asked"], answered=counts["answered"])


# --- Which ---------------------------------------------------------------------------------------------------
def _next(wave: Wave, number: int, *, now: dt.datetime, workspace: Workspace) -> list[int]:
    """The next planned invitations whose hours are now and whose account has not had its share of the week."""
    campaign = wave.campaign
    planned = wave.invitations.filter(state=InvitationState.PLANNED).order_by("pk")
    used: Counter[int] = Counter()
    limit = campaign.account_week_limit
    if limit is not None:
        planned = planned.exclude(account__isnull=False, account__in=full_accounts(campaign, limit, now))
    found: list[int] = []
    for pk, account_id in _open_now(planned, campaign, number, now=now, workspace=workspace):
        if limit is not None and account_id is not None:
            if account_id not in used:
                used[account_id] = _of_last_week(campaign, now).filter(account=account_id).count()
            if used[account_id] >= limit:
                continue
            used[account_id] += 1
        found.append(pk)
    return found


def full_accounts(campaign: Campaign, limit: int, now: dt.datetime) -> QuerySet[Invitation, Any]:
    """The accounts of which `limit` people or more were asked within seven days."""
    recent = _of_last_week(campaign, now)
    return recent.values("account").annotate(n=Count("pk")).filter(n__gte=limit).values("account")


def _of_last_week(campaign: Campaign, now: dt.datetime) -> QuerySet[Invitation]:
    found: QuerySet[Invitation] = Invitation.objects.filter(
        Q(asked_at__gt=now - WEEK) | Q(asked_at__isnull=True, state=InvitationState.SENDING),
        wave__campaign=campaign,
        is_test=False,
        account__isnull=False,
    ).order_by()
    return found


def places(asks: QuerySet[Invitation], campaign: Campaign) -> tuple[QuerySet[Invitation], tuple[str, ...]]:
    """Asks with what decides their hours, as far as this campaign minds it: the columns of a windows.Place."""
    hours = windows.hours_of(campaign)
    has_sms = Channel.SMS in campaign.channels
    return (
        asks.annotate(
            place_zone=Coalesce(F("contact__time_zone"), Value(""))
            if hours.in_contact_zone or has_sms
            else Value(""),
            place_country=Coalesce(F("account__country"), Value("")) if hours.skip_holidays else Value(""),
        ),
        ("place_zone", "place_country", "channel", "variant__send_hour"),
    )


def minds_the_hour(campaign: Campaign) -> bool:
    """Whether it matters to a campaign at what hour it is."""
    return (
        not windows.hours_of(campaign).is_always
        or Channel.SMS in campaign.channels
        or campaign.variants.filter(Q(send_hour__isnull=False) | Q(channel=Channel.SMS)).exists()
    )


def _open_now(
    planned: QuerySet[Invitation], campaign: Campaign, number: int, *, now: dt.datetime, workspace: Workspace
) -> list[tuple[int, int | None]]:
    """The first so many whose hours are now, with their accounts, in order.

    Reads along the order of planning; zones and countries found closed on the way are left out of the next look, so
    that there are no more looks than kinds of place.
    """
    if not minds_the_hour(campaign):
        return list(planned.values_list("pk", "account_id")[:number])
    hours, default = windows.hours_of(campaign), ZoneInfo(workspace.time_zone)
    placed, columns = places(planned, campaign)
    verdicts: dict[windows.Place, bool] = {}
    while True:
        rows = list(placed.values_list("pk", "account_id", *columns)[:number])
        known = len(verdicts)
        for _, _, *place in rows:
            key = windows.Place(*place)
            if key not in verdicts:
                verdicts[key] = windows.is_open(hours, key, now, default=default)
        if all(verdicts[windows.Place(*place)] for _, _, *place in rows):
            return [(pk, account_id) for pk, account_id, *_ in rows]
        if len(verdicts) == known:
            return [(pk, account_id) for pk, account_id, *place in rows if verdicts[windows.Place(*place)]]
        for closed in [place for place, is_open in verdicts.items() if not is_open]:
            placed = placed.exclude(**at_place(closed))


def at_place(place: windows.Place) -> dict[str, object]:
    """What picks out the asks of a place among those of `places`."""
    hour = (
        {"variant__send_hour__isnull": True}
        if place.send_hour is None
        else {"variant__send_hour": place.send_hour}
    )
    return {"place_zone": place.zone, "place_country": place.country, "channel": place.channel, **hour}


def _waiting(wave: Wave) -> int:
    """Messages made and not yet sent. What waits in a customer's product for its person is in nobody's way."""
    waiting = Delivery.objects.filter(invitation__wave=wave, state="pending")
    return waiting.exclude(channel=Channel.IN_APP).count()


def write_deliveries(ids: list[int], *, step: str = FIRST_STEP, cost: int | None = None) -> None:
    """One delivery for each invitation on its channel, in their order, in one statement. The first costs what the
    invitation does."""
    if not ids:
        return
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(ids)) if connection.vendor != "postgresql" else ""
        chosen = f"IN ({marks})" if marks else "= ANY(%s)"
        cursor.execute(
            "INSERT INTO surveys_delivery (key, state, attempts, owner, epoch, error, invitation_id, step, channel,"
            " message_id, provider_id, code, cost)"
            " SELECT 'delivery:' || id || ':' || %s || ':' || channel, 'pending', 0, '', 1, '', id, %s, channel,"
            f" '<' || MD5(%s || id) || '@' || %s || '>', '', '', {'cost' if cost is None else int(cost)}"
            f" FROM surveys_invitation WHERE id {chosen} ORDER BY id ON CONFLICT DO NOTHING",
            [step, step, message_id_seed(step), sender_domain(), *(ids if marks else [ids])],
        )


@lru_cache(maxsize=8)
def message_id_seed(step: str) -> str:
    """What makes a Message-ID unguessable from the number of its invitation, and differ between deployments."""
    return hmac.new(settings.SECRET_KEY.encode(), f"message-id:{step}".encode(), sha256).hexdigest()


def sender_domain() -> str:
    try:
        return email.sender_address().domain
    except BadAddress:
        return "localhost"
