"""Events that make a campaign ask: heard on the timeline, kept as triggers, judged when they fire.

Promised: an event makes a campaign ask at most once, however often it is heard; events that happened before the launch,
or more than seven days ago, make nobody be asked; whoever may not be asked when the trigger fires is left out with the
reason. An event asks the person it happened to, so one that names an account alone asks nobody.
"""

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts import conditions, timeline
from accounts.models import Event, TrackedEvent
from accounts.services.tracked import KIND
from core import clock, jobs, outbox
from surveys import cadence, pacing, planning, trigger_conditions
from surveys.choices import Cadence, CampaignState, Reason, TriggerState
from surveys.models import Campaign, Exclusion, Invitation, Trigger, Wave
from surveys.queries.audience import audience
from surveys.services import rounds
from team import queries as team_queries

TRIGGERS = "survey_triggers"
MAX_AGE = dt.timedelta(days=7)
BATCH = 2_000


def register() -> None:
    """Hear tracked events, and fire what is due."""
    timeline.subscribe("surveys.triggers", hear, kinds=[KIND], live_only=True)
    outbox.register(outbox.Kind(TRIGGERS, "surveys.Trigger", _never, pump=fire_due))


def _never(batch: "outbox.Batch[Any]") -> None:
    raise AssertionError("A pump has no batches.")


# --- Hearing -------------------------------------------------------------------------------------------------
def hear(event: Event) -> None:
    """Keep a trigger for each running campaign that waits for this event. Idempotent."""
    now = clock.now()
    if event.contact_id is None or event.occurred_at < now - MAX_AGE:
        return
    told = TrackedEvent.objects.filter(pk=event.subject_id or 0).first()
    if told is None or told.contact_id is None:
        return
    waiting = Campaign.objects.filter(
        state=CampaignState.RUNNING,
        cadence=Cadence.EVENT,
        trigger_event=told.name,
        launched_at__lte=told.occurred_at,
    )
    found = [
        Trigger(
            campaign=campaign,
            event=told,
            contact_id=told.contact_id,
            fires_at=max(told.occurred_at + dt.timedelta(minutes=campaign.delay_minutes), now),
            created_at=now,
        )
        for campaign in waiting
        if _fulfils(told, campaign)
    ]
    Trigger.objects.bulk_create(found, ignore_conflicts=True)
    if any(trigger.fires_at <= now for trigger in found):
        jobs.wake(TRIGGERS)


def _fulfils(told: TrackedEvent, campaign: Campaign) -> bool:
    zone = team_queries.zone()
    at = conditions.Now(today=clock.now().astimezone(zone).date(), zone=zone)
    return trigger_conditions.matches(trigger_conditions.parse(campaign.trigger_conditions), told.data, at)


# --- Firing --------------------------------------------------------------------------------------------------
def fire_due() -> int:
    """Judge the triggers whose time has come; returns how many were settled."""
    now = clock.now()
    due = Trigger.objects.filter(
        state=TriggerState.WAITING, fires_at__lte=now, campaign__state=CampaignState.RUNNING
    )
    campaigns = list(due.order_by("campaign_id").values_list("campaign_id", flat=True).distinct())
    settled = sum(fire(campaign_id, now=now) for campaign_id in campaigns)
    if settled:
        jobs.wake(pacing.RELEASE)
    return settled


def fire(campaign_id: int, *, now: dt.datetime, limit: int = BATCH) -> int:
    """Settle the due triggers of one campaign, oldest first, in one transaction under the planning lock."""
    with transaction.atomic():
        planning.take_lock()
        campaign = (
            Campaign.objects.select_for_update(of=("self",))
            .select_related("survey__current", "segment", "launched_by")
            .get(pk=campaign_id)
        )
        if campaign.state != CampaignState.RUNNING or campaign.survey.current_id is None:
            return 0
        due = campaign.triggers.filter(state=TriggerState.WAITING, fires_at__lte=now)
        # Kept waiting by a pause until nobody remembers what it was about.
        stale = due.filter(fires_at__lt=now - MAX_AGE).update(state=TriggerState.CANCELLED)
        rows = list(due.order_by("fires_at", "event_id").values_list("pk", "contact_id")[:limit])
        if not rows:
            return stale
        zone = team_queries.zone()
        wave = rounds.event_round(campaign, day=cadence.local_date(now, zone), now=now, zone=zone)
        # Of several events of one person the first one asks; the others find the person planned.
        first: dict[int, int] = {}
        for pk, contact_id in rows:
            first.setdefault(contact_id, pk)
        people = audience(segment=campaign.segment, user=campaign.launched_by).filter(pk__in=list(first))
        planning.write(wave, people, now, again=True)
        _settle(wave, campaign.triggers.filter(pk__in=[pk for pk, _ in rows]), list(first.values()))
        return stale + len(rows)


def _settle(wave: Wave, judged: QuerySet[Trigger], chosen: list[int]) -> None:
    made = Invitation.objects.filter(wave=wave, contact=OuterRef("contact"), trigger__isnull=True)
    judged.filter(Exists(made), pk__in=chosen).update(
        state=TriggerState.ASKED, invitation=Subquery(made.values("pk")[:1])
    )
    data = Trigger.objects.filter(invitation=OuterRef("pk")).values("event__data")[:1]
    asked = judged.filter(state=TriggerState.ASKED).values("invitation")
    Invitation.objects.filter(pk__in=asked).update(context=Subquery(data))
    here = Exclusion.objects.filter(wave=wave, contact=OuterRef("contact"))
    planned = Invitation.objects.filter(wave=wave, contact=OuterRef("contact"))
    left = judged.filter(state=TriggerState.WAITING)
    left.update(
        state=TriggerState.LEFT_OUT,
        reason=Coalesce(
            Case(When(Exists(planned), then=Value(Reason.ALREADY_PLANNED.value))),
            Subquery(here.values("reason")[:1]),
            Value(""),
        ),
        next_eligible_at=Subquery(here.values("next_eligible_at")[:1]),
    )
    # Neither asked nor left out by a rule: the person is not in the campaign's audience (any more).
    judged.filter(state=TriggerState.LEFT_OUT, reason="").update(state=TriggerState.CANCELLED)
