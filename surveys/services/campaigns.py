"""The life of a campaign: drafted, launched or scheduled, planned, paced, paused, resumed, stopped, finished.

    draft → scheduled → running ⇄ paused → finished
      └────────────────────┘   └────────┴→ stopped

Every step is taken under the campaign's row, writes its audit entry in the same transaction, and refuses with the remedy
what cannot be done from where the campaign stands.
"""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import timeline
from accounts.models import Contact
from core import clock, jobs, schedules
from core.errors import Invalid, Refused
from core.models import Job
from surveys import cadence, eligibility, pacing, planning
from surveys.campaign_plan import CHANGEABLE, Plan
from surveys.channels import sms
from surveys.channels.sms import text as sms_text
from surveys.choices import (
    Cadence,
    CampaignState,
    Channel,
    InvitationState,
    SuppressionReason,
    SurveyState,
    TriggerState,
    WaveState,
)
from surveys.content import Content
from surveys.models import Campaign, Delivery, Invitation, ScoreIntent, Wave
from surveys.queries.audience import audience
from surveys.services import ignoring, rounds, suppressions
from team import audit
from team import queries as team_queries
from team.models import User

PLAN = rounds.PLAN
# The outcome of an ask that a target of answers did without.
NOT_NEEDED = "not_needed"
# Providers close accounts at such rates; below so many messages a rate means nothing.
BOUNCE_SHARE, BOUNCE_MINIMUM = 0.05, 200
COMPLAINT_SHARE, COMPLAINT_MINIMUM = 0.001, 1000
# Between choosing "in two minutes" and pressing launch the time may pass.
LATE = dt.timedelta(hours=1)
OPEN_STATES = (CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED)


# --- Writing a draft -----------------------------------------------------------------------------------------
@transaction.atomic
def create_campaign(*, plan: Plan, actor: User | None) -> Campaign:
    """A draft: nothing is planned and nobody asked before `launch`."""
    campaign = Campaign(created_by=actor)
    _fill(campaign, plan)
    _save(campaign, actor)
    audit.record(action="campaign.created", actor=actor, obj=campaign, survey=plan.survey.pk)
    return campaign


@transaction.atomic
def update_campaign(*, campaign: Campaign, plan: Plan, actor: User | None) -> Campaign:
    """Change a draft. A scheduled campaign becomes a draft again, to be launched anew.

    Of a campaign that is under way only the name, the pace, the hours and the reminders can change
    (surveys.campaign_plan.CHANGEABLE).
    """
    campaign = _locked(campaign)
    if campaign.state in {CampaignState.STOPPED, CampaignState.FINISHED}:
        raise Refused("This campaign is over. Make a copy to ask again.")
    if campaign.state == CampaignState.SCHEDULED:
        campaign.state = CampaignState.DRAFT
    if campaign.state != CampaignState.DRAFT:
        plan = replace(plan, starts_at=campaign.starts_at)
        fixed = plan.tidy().differs(Plan.of(campaign).tidy()) - CHANGEABLE
        if fixed:
            raise Refused(
                "Survey, audience, channels, cadence and expiry cannot change once a campaign is launched. Stop it and"
                " make a new one.",
                field=sorted(fixed)[0],
            )
    _fill(campaign, plan)
    _save(campaign, actor)
    audit.record(action="campaign.updated", actor=actor, obj=campaign)
    return campaign


@transaction.atomic
def delete_draft(*, campaign: Campaign, actor: User) -> None:
    campaign = _locked(campaign)
    if campaign.state != CampaignState.DRAFT:
        raise Refused("Only a draft can be deleted. What was sent stays on record.")
    audit.record(action="campaign.deleted", actor=actor, obj=campaign)
    campaign.delete()


def _fill(campaign: Campaign, plan: Plan) -> None:
    plan = plan.tidy()
    plan.check()
    plan.apply(campaign)


def _save(campaign: Campaign, actor: User | None) -> None:
    campaign._history_user = actor  # type: ignore[attr-defined]  # read by simple-history
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError:
        raise Refused(
            f"There is a campaign “{campaign.name}” already. Choose another name.", field="name"
        ) from None


# --- Launching -----------------------------------------------------------------------------------------------
@transaction.atomic
def launch(*, campaign: Campaign, actor: User, at: dt.datetime | None = None) -> Campaign:
    """Start a draft now, or have it start at a time. The audience is what `actor` may see.

    Raises `Refused`: not a draft, no published survey, nobody in the audience, nobody of it can be asked now.
    """
    campaign = _locked(campaign)
    if campaign.state not in {CampaignState.DRAFT, CampaignState.SCHEDULED}:
        raise Refused("This campaign has been launched already.")
    now = clock.now()
    campaign.launched_by = actor
    check_launch(campaign=campaign, at=at)
    if at is not None and at > now:
        campaign.state, campaign.starts_at, campaign.pause_reason = CampaignState.SCHEDULED, at, ""
        _save(campaign, actor)
        audit.record(action="campaign.scheduled", actor=actor, obj=campaign, at=at.isoformat())
        return campaign
    if at is not None and at < now - LATE:
        raise Invalid(
            "The time it should start at is past. Choose a later one, or start now.", field="starts_at"
        )
    campaign.pause_reason = ""
    _start(campaign, actor, now)
    return campaign


def check_launch(*, campaign: Campaign, at: dt.datetime | None = None) -> None:
    """Raise `Refused` with the remedy when launching this campaign cannot do anybody any good."""
    if campaign.survey.state == SurveyState.ARCHIVED or campaign.survey.current_id is None:
        raise Refused("The survey is not published. Publish it first.", field="survey")
    if Channel.SMS in campaign.channels:
        _check_sms(campaign)
    if campaign.cadence in cadence.ENDLESS or campaign.asks_on_sight:
        return  # it waits for those who come
    people = audience(segment=campaign.segment, user=campaign.launched_by)
    if not people.exists():
        raise Refused(
            "Nobody is in its segment at present. Change its conditions or choose another audience."
            if campaign.segment
            else "There are no contacts yet. Import some first.",
            field="segment",
            code="empty_audience",
        )
    starts_now = at is None or at <= clock.now()
    if starts_now and not eligibility.preview(people, eligibility.asking_of(campaign)).asked:
        raise Refused(
            "Nobody in this audience can be asked now; the reasons are listed below. Start later, or choose another audience.",
            field="segment",
            code="nobody_eligible",
        )


def _check_sms(campaign: Campaign) -> None:
    """Raise `Refused` where SMS cannot be sent from here, or the survey is too long for one."""
    if not sms.is_configured():
        raise Refused(
            "SMS are not set up on this installation (NPS_SMS_PROVIDER). Leave them out of the channels.",
            field="channels",
            code="sms_not_set_up",
        )
    assert campaign.survey.current is not None, "Checked by the caller."
    content = Content.from_json(campaign.survey.current.content)
    issues = sms_text.problems(content, company=team_queries.workspace().name)
    if issues:
        raise Refused(f"{issues[0].label}: {issues[0].message}", field="channels", code="sms_too_long")


def _start(campaign: Campaign, actor: User | None, now: dt.datetime) -> None:
    zone = team_queries.zone()
    today = cadence.local_date(now, zone)
    campaign.state, campaign.launched_at, campaign.planned_on = CampaignState.RUNNING, now, today
    campaign.starts_at = campaign.starts_at or now
    _save(campaign, actor)
    if campaign.cadence != Cadence.EVENT and not campaign.asks_on_sight:
        rounds.open_round(campaign, day=today, now=now, zone=zone, requested_by=actor.pk if actor else None)
    audit.record(action="campaign.launched", actor=actor, obj=campaign)
    timeline.record(
        kind="campaign.launched",
        cause_key=f"campaign:{campaign.pk}:launched",
        actor=actor,
        subject=("campaign", campaign.pk),
        occurred_at=now,
        data={"survey": campaign.survey_id},
    )


def start_due() -> int:
    """Start scheduled campaigns whose time has come. Runs with the tick; safe on many machines at once."""
    due = Campaign.objects.filter(state=CampaignState.SCHEDULED, starts_at__lte=clock.now()).order_by(
        "starts_at", "pk"
    )
    return sum(_start_if_due(pk) for pk in due.values_list("pk", flat=True))


def _start_if_due(pk: int) -> bool:
    with transaction.atomic():
        campaign = _locked(Campaign(pk=pk))
        if campaign.state != CampaignState.SCHEDULED:
            return False
        try:
            if campaign.launched_by is None or not campaign.launched_by.is_active:
                raise Refused("Whoever scheduled this campaign is no longer here. Launch it again yourself.")
            check_launch(campaign=campaign)
        except Refused as refusal:
            campaign.state, campaign.pause_reason, campaign.starts_at = (
                CampaignState.DRAFT,
                refusal.message[:200],
                None,
            )
            _save(campaign, None)
            audit.record(action="campaign.not_started", actor=None, obj=campaign, code=refusal.code)
            return False
        campaign.pause_reason = ""
        _start(campaign, campaign.launched_by, clock.now())
        return True


def plan_due() -> int:
    """Have those planned who are due today, by every campaign that asks again and again. Runs with the tick.

    Once on each date of the workspace's zone, from the start of its working day on; several schedulers, a restart or a
    clock that is set back plan nobody twice. Returns how many campaigns were looked at.
    """
    workspace, now = team_queries.workspace(), clock.now()
    zone = ZoneInfo(workspace.time_zone)
    today = cadence.local_date(now, zone)
    if schedules.latest_due(now, workspace.day_start, zone) != today:
        return 0
    waiting = Campaign.objects.filter(
        Q(planned_on__isnull=True) | Q(planned_on__lt=today),
        state=CampaignState.RUNNING,
        cadence__in=[*cadence.DAILY, Cadence.CALENDAR],
    )
    return sum(
        _plan_if_due(pk, today, now, zone) for pk in waiting.order_by("pk").values_list("pk", flat=True)
    )


def _plan_if_due(pk: int, today: dt.date, now: dt.datetime, zone: ZoneInfo) -> bool:
    with transaction.atomic():
        campaign = _locked(Campaign(pk=pk))
        if campaign.state != CampaignState.RUNNING or (campaign.planned_on and campaign.planned_on >= today):
            return False
        why = ""
        if campaign.survey.state == SurveyState.ARCHIVED or campaign.survey.current_id is None:
            why = "Its survey was archived. Bring the survey back, or stop the campaign."
        elif campaign.launched_by is not None and not campaign.launched_by.is_active:
            why = "Whoever launched it is no longer here. Stop it and launch a copy yourself."
        if why:
            _pause(pk, why)
            return False
        # Not through history: it would gain a line a day.
        Campaign.objects.filter(pk=pk).update(planned_on=today)
        campaign.planned_on = today
        rounds.open_round(campaign, day=today, now=now, zone=zone)
        return True


def plan(job: jobs.JobContext) -> None:
    """The job behind a launch: plan the wave, then have the first chunk released."""
    assert job.subject_id is not None

    def report(wave: Wave) -> None:
        job.report(wave.planned_count + wave.excluded_count)

    planning.plan_wave(job.subject_id, after_slice=report)
    finish_if_done(job.subject_id)
    jobs.wake(pacing.RELEASE)


def planning_failed(job: Job) -> None:
    """The wave cannot be planned: the campaign waits, with the reason."""
    wave = Wave.objects.select_related("campaign").filter(pk=job.subject_id or 0).first()
    if wave is not None:
        _pause(wave.campaign_id, f"The audience could not be planned: {job.error}"[:200])


# --- Under way -----------------------------------------------------------------------------------------------
@transaction.atomic
def pause(*, campaign: Campaign, actor: User) -> Campaign:
    """Nothing more leaves from now on; what a mail server is being told this very moment still may."""
    if not _pause(campaign.pk, "", actor=actor):
        raise Refused("Only a running campaign can be paused.")
    campaign.refresh_from_db()
    return campaign


def _pause(campaign_id: int, reason: str, *, actor: User | None = None) -> bool:
    with transaction.atomic():
        campaign = _locked(Campaign(pk=campaign_id))
        if campaign.state != CampaignState.RUNNING:
            return False
        campaign.state, campaign.pause_reason = CampaignState.PAUSED, reason
        _save(campaign, actor)
        audit.record(action="campaign.paused", actor=actor, obj=campaign, automatic=actor is None)
        return True


@transaction.atomic
def resume(*, campaign: Campaign, actor: User) -> Campaign:
    """Go on where it was paused. Everybody still to be asked is judged again before sending."""
    campaign = _locked(campaign)
    if campaign.state != CampaignState.PAUSED:
        raise Refused("Only a paused campaign can be resumed.")
    campaign.state, campaign.pause_reason = CampaignState.RUNNING, ""
    _save(campaign, actor)
    audit.record(action="campaign.resumed", actor=actor, obj=campaign)
    for wave in campaign.waves.filter(state=WaveState.PLANNING):
        # A job that failed is over; the wave goes on where its planning stood.
        jobs.submit(
            PLAN, wave.pk, key=f"plan_wave:{wave.pk}:{clock.now().timestamp():.0f}", requested_by=actor.pk
        )
    jobs.wake(pacing.RELEASE)
    jobs.wake(pacing.MAIL)
    return campaign


@transaction.atomic
def stop(*, campaign: Campaign, actor: User) -> Campaign:
    """End it: what has not been sent never will be. Answers to what was sent are still welcome."""
    campaign = _locked(campaign)
    if campaign.state not in OPEN_STATES:
        raise Refused("This campaign is not under way.")
    campaign.state, campaign.finished_at, campaign.pause_reason = CampaignState.STOPPED, clock.now(), ""
    _save(campaign, actor)
    # Campaign, then waves, then the rest: whoever locks several of them keeps to this order.
    waves = [wave.pk for wave in campaign.waves.select_for_update().order_by("pk")]
    # Taken from whoever holds them: their fence then finds them gone. What is past its fence runs its course.
    Delivery.objects.filter(invitation__wave__campaign=campaign, state__in=["pending", "claimed"]).update(
        state="cancelled", error="The campaign was stopped", finished_at=Now(), lease_until=None
    )
    in_flight = Delivery.objects.filter(
        invitation__wave__campaign=campaign, state__in=["sending", "in_doubt"]
    )
    Invitation.objects.filter(
        wave__campaign=campaign, state__in=[InvitationState.PLANNED, InvitationState.SENDING]
    ).exclude(pk__in=in_flight.values("invitation_id")).update(
        state=InvitationState.WITHDRAWN, outcome_reason="stopped"
    )
    Wave.objects.filter(pk__in=waves).exclude(state=WaveState.FINISHED).update(state=WaveState.STOPPED)
    campaign.triggers.filter(state=TriggerState.WAITING).update(state=TriggerState.CANCELLED)
    audit.record(action="campaign.stopped", actor=actor, obj=campaign)
    return campaign


def finish_done() -> int:
    """Finish waves with nothing left to send. Runs with the tick."""
    waves = Wave.objects.filter(state=WaveState.SENDING, campaign__state=CampaignState.RUNNING)
    return sum(finish_if_done(pk) for pk in waves.values_list("pk", flat=True))


def finish_if_done(wave_id: int) -> bool:
    """Finish a wave when everybody was asked or has an outcome; doubtful messages do not hold it up.

    With its only wave a campaign that asks once is finished; the others run until somebody stops them.
    """
    with transaction.atomic():
        campaign = _locked(Campaign(pk=Wave.objects.values_list("campaign_id", flat=True).get(pk=wave_id)))
        wave = Wave.objects.select_for_update().get(pk=wave_id)
        if wave.state != WaveState.SENDING or campaign.state != CampaignState.RUNNING:
            return False
        workspace = team_queries.workspace()
        wave.campaign = campaign
        if pacing.is_past_target(wave, pacing.local_date(clock.now(), workspace), workspace):
            wave.invitations.filter(state=InvitationState.PLANNED).update(
                state=InvitationState.WITHDRAWN, outcome_reason=NOT_NEEDED
            )
        left = wave.invitations.filter(
            Q(state=InvitationState.PLANNED) | Q(state=InvitationState.SENDING, asked_at__isnull=True)
        )
        if left.exists():
            return False
        zone = team_queries.zone()
        if not cadence.is_over(campaign, wave.starts_on, cadence.local_date(clock.now(), zone), zone):
            return False
        wave.state = WaveState.FINISHED
        wave.save(update_fields=["state"])
        if campaign.cadence in cadence.ENDLESS or campaign.asks_on_sight:
            return True
        campaign.state, campaign.finished_at = CampaignState.FINISHED, clock.now()
        _save(campaign, None)
        return True


def expire_invitations() -> int:
    """Close invitations whose time to answer is over. Runs every hour.

    Somebody to be asked in the product who never came there for as long as answers are accepted is not waited for.
    """
    now = clock.now()
    over = ignoring.expire_sent(now)
    running = Campaign.objects.filter(state=CampaignState.RUNNING).values_list(
        "pk", "channels", "expires_after_days"
    )
    for pk, channels, days in running:
        if Channel.IN_APP in channels:
            over += _expire_unseen(pk, now - dt.timedelta(days=days))
    return over


@transaction.atomic
def _expire_unseen(campaign_id: int, planned_before: dt.datetime) -> int:
    waiting = Invitation.objects.filter(
        wave__campaign=campaign_id, state=InvitationState.SENDING, channel=Channel.IN_APP, asked_at__isnull=True,
        planned_at__lte=planned_before,
    )  # fmt: skip
    # Taken first: what is shown this very moment is no longer pending.
    shown = Delivery.objects.filter(invitation__in=waiting, channel=Channel.IN_APP, state="pending")
    ids = list(shown.values_list("invitation_id", flat=True)[:10_000])
    Delivery.objects.filter(invitation__in=ids, channel=Channel.IN_APP, state="pending").update(
        state="cancelled", error="Not seen in the product in time", finished_at=Now(), lease_until=None
    )
    return Invitation.objects.filter(pk__in=ids, state=InvitationState.SENDING, asked_at__isnull=True).update(
        state=InvitationState.EXPIRED
    )


def pause_if_bouncing(campaign_id: int) -> bool:
    """Pause a campaign whose mail bounces or is reported as spam more than providers bear."""
    invitations = Invitation.objects.filter(wave__campaign=campaign_id)
    bounced = invitations.filter(outcome_reason=SuppressionReason.BOUNCED).count()
    complained = invitations.filter(outcome_reason=SuppressionReason.COMPLAINED).count()
    asked = invitations.filter(
        Q(asked_at__isnull=False) | Q(outcome_reason=SuppressionReason.BOUNCED)
    ).count()
    if asked >= BOUNCE_MINIMUM and bounced > asked * BOUNCE_SHARE:
        why = f"{100 * bounced / asked:.1f} % of the mails bounced, more than 5 %. Check where the addresses come from before you resume."
    elif asked >= COMPLAINT_MINIMUM and complained > asked * COMPLAINT_SHARE:
        why = f"{100 * complained / asked:.2f} % of the people reported the mail as spam, more than 0.1 %. Check audience and wording."
    else:
        return False
    return _pause(campaign_id, why)


def _locked(campaign: Campaign) -> Campaign:
    return (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("survey__current", "segment", "launched_by")
        .get(pk=campaign.pk)
    )


def register() -> None:
    """Make planning and the rounds of campaigns known to the workers."""
    jobs.handler(PLAN, long=True, on_failed=planning_failed)(plan)
    jobs.on_tick("campaigns_start", start_due)
    jobs.on_tick("campaigns_plan", plan_due)
    jobs.on_tick("campaigns_finish", finish_done)
    jobs.hourly("invitations_expire", minute=5, func=lambda hour: expire_invitations())


def sending_is_off() -> bool:
    """Whether this installation is set never to write to customers."""
    return not settings.SENDING_ENABLED


# --- Merge and erase -----------------------------------------------------------------------------------------
@transaction.atomic
def forget_person(*, contact: Contact, stand_in: str) -> None:
    """An erased person's asks keep their numbers under a stand-in; what was planned for them is not sent.

    The address itself stays suppressed by its fingerprint, so that an import does not ask the person again.
    """
    asks = Invitation.objects.filter(contact=contact)
    keys = set(asks.values_list("recipient_key", flat=True)) | (
        {contact.address_key} if contact.address_key else set()
    )
    for key in sorted(keys - {contact.phone_key}):
        suppressions.suppress(address_key=key, reason=SuppressionReason.ERASED)
    if contact.phone_key:
        suppressions.suppress(
            address_key=contact.phone_key, reason=SuppressionReason.ERASED, channel=Channel.SMS
        )
    Delivery.objects.filter(invitation__in=asks, state__in=["pending", "claimed"]).update(
        state="cancelled", error="The person was erased", finished_at=Now(), lease_until=None
    )
    asks.filter(state__in=[InvitationState.PLANNED, InvitationState.SENDING], asked_at__isnull=True).update(
        state=InvitationState.WITHDRAWN, outcome_reason="contact_gone"
    )
    ScoreIntent.objects.filter(invitation__in=asks).update(
        comment="", answers={}, may_contact=False, may_quote=False
    )
    # What a server answered may name the address.
    Delivery.objects.filter(invitation__in=asks).exclude(error="").update(error="")
    asks.update(recipient_key=stand_in, context={}, override_reason="")
