"""Why people of a running campaign still wait, and when the next of them is asked: the rules of surveys/pacing.py, read.

Nothing is written and nothing released here; where several things hold a campaign up, the first that does is said.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Sum

from surveys import pacing, windows
from surveys.choices import CampaignState, InvitationState, WaveState
from surveys.models import Campaign, Invitation, Wave, WaveDay
from team import queries as team_queries
from team.models import Workspace

HOUR = dt.timedelta(hours=1)
# More kinds of place than this are not looked at for a sentence.
PLACES = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a campaign up, as a sentence, and when it goes on by itself; None where that is not known."""

    sentence: str
    until: dt.datetime | None


def hold(campaign: Campaign, *, now: dt.datetime) -> Hold | None:
    """Why nobody of those who wait is asked at this moment; None when nobody waits or nothing holds them up."""
    if campaign.state != CampaignState.RUNNING:
        return None
    waves = list(campaign.waves.filter(state=WaveState.SENDING))
    waiting = Invitation.objects.filter(wave__in=waves, state=InvitationState.PLANNED, is_test=False)
    if not waiting.exists():
        return None
    workspace = team_queries.workspace()
    return (
        _of_pace(campaign, waves, now=now, workspace=workspace)
        or _of_hours(campaign, waves, now=now, workspace=workspace)
        or _of_accounts(campaign, waves, now=now)
    )


def _of_pace(
    campaign: Campaign, waves: Sequence[Wave], *, now: dt.datetime, workspace: Workspace
) -> Hold | None:
    if not pacing.is_limited(campaign):
        return None
    today = pacing.local_date(now, workspace)
    opens = pacing.opens_at(campaign, today, workspace)
    if now < opens:
        return Hold("The working day has not begun.", opens)
    tomorrow = pacing.opens_at(campaign, today + dt.timedelta(days=1), workspace)
    if campaign.send_from is not None:
        # Sent by its own hours, which `opens_at` leaves out.
        hours, zone = windows.hours_of(campaign), ZoneInfo(workspace.time_zone)
        start = dt.datetime.combine(today + dt.timedelta(days=1), campaign.send_from, tzinfo=zone)
        tomorrow = windows.next_open(hours, windows.Place(), start, default=zone) or start
    days = WaveDay.objects.filter(wave__campaign=campaign, local_date=today)
    released = days.aggregate(n=Sum("released"))["n"] or 0
    if campaign.daily_limit is not None and released >= campaign.daily_limit:
        return Hold(f"Today's {campaign.daily_limit:,} are sent.", tomorrow)
    enough = campaign.daily_answers_limit
    if enough is not None and pacing.answers_on(campaign, today, workspace) >= enough:
        what = "1 answer" if enough == 1 else f"{enough:,} answers"
        return Hold(f"Today brought {what}, which is enough for a day.", tomorrow)
    if waves and all(pacing.has_quota(wave) for wave in waves):
        begun = list(days.filter(wave__in=waves))
        shares = {day.wave_id: day.quota for day in begun if day.quota is not None}
        sent = {day.wave_id: day.released for day in begun}
        if all(wave.pk in shares and sent.get(wave.pk, 0) >= shares[wave.pk] for wave in waves):
            return Hold(f"Today's share of {sum(shares.values()):,} is sent.", tomorrow)
    if (
        campaign.hourly_limit is not None
        and pacing.released_in_hour(campaign, today, now) >= campaign.hourly_limit
    ):
        next_hour = now.replace(minute=0, second=0, microsecond=0) + HOUR
        return Hold(f"This hour's {campaign.hourly_limit:,} are sent.", next_hour)
    return None


def _of_hours(
    campaign: Campaign, waves: Sequence[Wave], *, now: dt.datetime, workspace: Workspace
) -> Hold | None:
    if not pacing.minds_the_hour(campaign):
        return None
    hours, default = windows.hours_of(campaign), ZoneInfo(workspace.time_zone)
    waiting = Invitation.objects.filter(wave__in=waves, state=InvitationState.PLANNED, is_test=False)
    placed, columns = pacing.places(waiting, campaign)
    found = placed.order_by().values_list(*columns).distinct()[:PLACES]
    openings = [windows.next_open(hours, windows.Place(*place), now, default=default) for place in found]
    known = [at for at in openings if at is not None]
    if not known:
        return Hold("Its hours leave no time to ask those who wait within the next 30 days.", None)
    first = min(known)
    if first <= now:
        return None
    return Hold("It is outside the hours of everybody who waits.", first)


def _of_accounts(campaign: Campaign, waves: Sequence[Wave], *, now: dt.datetime) -> Hold | None:
    """Whether everybody who waits belongs to accounts of which enough were asked within seven days."""
    limit = campaign.account_week_limit
    if limit is None:
        return None
    waiting = Invitation.objects.filter(wave__in=waves, state=InvitationState.PLANNED, is_test=False)
    full = pacing.full_accounts(campaign, limit, now)
    if waiting.exclude(account__isnull=False, account__in=full).exists():
        return None
    return Hold(f"Of every account that waits, {limit:,} were asked within seven days.", None)
