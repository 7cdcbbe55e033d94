"""Rounds of a campaign: opened when their date comes, planned by a job, never twice.

Every function here is called with the campaign's row locked.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import Max, Q

from core import jobs
from surveys import cadence
from surveys.choices import WaveState
from surveys.models import Campaign, Exclusion, SurveyVersion, Wave
from surveys.services import experiments

PLAN = "surveys.plan_wave"


def open_round(
    campaign: Campaign, *, day: dt.date, now: dt.datetime, zone: ZoneInfo, requested_by: int | None = None
) -> Wave | None:
    """Have everybody planned who is due on `day`, into the round that day belongs to. Harmless when it was done.

    None where no round has begun, or the one that has was planned already.
    """
    starts_on = cadence.round_start(campaign, day, zone)
    if starts_on is None:
        return None
    wave, is_new = _round(campaign, starts_on, now=now, zone=zone, state=WaveState.PLANNING)
    if not is_new and campaign.cadence not in cadence.DAILY:
        return None
    if not is_new:
        Wave.objects.filter(pk=wave.pk).exclude(state=WaveState.STOPPED).update(
            state=WaveState.PLANNING, planned_through=0
        )
        # People without an account are found by having no line yet, so those who may be tried again lose theirs.
        Exclusion.objects.filter(wave=wave, contact__account__isnull=True).filter(
            Q(next_eligible_at__isnull=True) | Q(next_eligible_at__lte=now)
        ).delete()
    key = f"plan_wave:{wave.pk}" if is_new else f"plan_wave:{wave.pk}:{day}"
    jobs.submit(PLAN, wave.pk, key=key, requested_by=requested_by)
    return wave


def event_round(campaign: Campaign, *, day: dt.date, now: dt.datetime, zone: ZoneInfo) -> Wave:
    """The round of a day, into which whoever an event happened to is planned one by one."""
    wave, is_new = _round(campaign, day, now=now, zone=zone, state=WaveState.SENDING)
    if not is_new and wave.state == WaveState.FINISHED:
        wave.state = WaveState.SENDING
        wave.save(update_fields=["state"])
    return wave


def _round(
    campaign: Campaign, starts_on: dt.date, *, now: dt.datetime, zone: ZoneInfo, state: WaveState
) -> tuple[Wave, bool]:
    """The round that began on a date, made if need be: it asks the survey as it is worded at that moment."""
    found = campaign.waves.filter(starts_on=starts_on).first()
    if found is not None:
        return found, False
    version = campaign.survey.current
    assert version is not None, "Checked: the survey is published."
    SurveyVersion.objects.filter(pk=version.pk, used_at__isnull=True).update(used_at=now)
    experiments.settle(campaign=campaign, version=version, now=now)
    number = campaign.waves.aggregate(last=Max("number"))["last"] or 0
    is_spread = campaign.cadence in {"once", "calendar"} or not number
    wave = Wave.objects.create(
        campaign=campaign,
        number=number + 1,
        version=version,
        created_at=now,
        starts_on=starts_on,
        spread_until=cadence.spread_until(campaign, _first_day(campaign, starts_on, now, zone), zone)
        if is_spread
        else None,
        state=state,
        planned_at=now if state == WaveState.SENDING else None,
    )
    return wave, True


def _first_day(campaign: Campaign, starts_on: dt.date, now: dt.datetime, zone: ZoneInfo) -> dt.date:
    """From when a round is spread: rounds of a month are opened somewhere within it."""
    return starts_on if campaign.cadence == "calendar" else cadence.local_date(now, zone)
