"""What the demo asks beside its quarterly rounds: after tickets, before renewals, by links, and what comes back.

Everything here is history of origin demo, so that no rule acts on it. The campaigns run: the planner goes on with them
from the day the demo is started.
"""

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simple_history.utils import bulk_create_with_history

from accounts.domain import Origin
from accounts.models import Account, Contact, Segment, TrackedEvent
from nps_crm.demo import comments, company, story
from surveys import ingest
from surveys.choices import (
    Cadence,
    CampaignState,
    Channel,
    InvitationState,
    MessageKind,
    Reason,
    SuppressionReason,
    SurveyKind,
    SurveyState,
    TriggerState,
    WaveState,
)
from surveys.models import (
    Campaign,
    Exclusion,
    ExternalAsk,
    InboundMessage,
    Invitation,
    PublicLink,
    Response,
    Suppression,
    Survey,
    SurveyVersion,
    Trigger,
    Wave,
)
from surveys.starters import STARTERS
from team.models import User

BATCH = 500
TICKETS = 420
TICKET_DAYS = 150
# Nobody is asked twice within so many days, whatever it is about; the rules of the demo say the same.
QUIET_DAYS = 8
RENEWAL_DAYS = 90
RENEWAL_HISTORY = 150
REMINDED_AFTER, MOVED_AFTER = 5, 10
LINK_ANSWERS = 46

Asked = dict[int, list[dt.datetime]]


def fill(
    *,
    rng: random.Random,
    now: dt.datetime,
    contacts: Sequence[Contact],
    moods: Mapping[int, story.Mood],
    people: Mapping[str, User],
    relationship: Survey,
) -> None:
    """Make all of it. Statements, not loops of them: a few thousand rows in some seconds."""
    asked: Asked = defaultdict(list)
    for contact_id, at in Invitation.objects.values_list("contact_id", "asked_at"):
        if contact_id is not None and at is not None:
            asked[contact_id].append(at)
    lead = people["lead"]
    reachable = [c for c in contacts if c.address_key and c.account and c.account.churned_on is None]
    _after_tickets(rng, now, reachable, moods, lead, asked)
    _before_renewals(rng, now, reachable, moods, lead, asked, relationship)
    _links(rng, now, lead, relationship)
    _written_back(rng, now, reachable, people)
    _other_tools(rng, now, reachable, asked)


# --- After a support ticket ----------------------------------------------------------------------------------
def _support_survey(now: dt.datetime, lead: User) -> Survey:
    starter = next(one for one in STARTERS if one.key == "support_csat")
    content = starter.build(
        tags=["en", "de"], default="en", subject_name=company.COMPANY, brand_name=company.COMPANY,
        brand_colour=company.COLOUR, sender_name=f"{company.COMPANY} Support", reply_to="support@fleetdesk.example",
    )  # fmt: skip
    survey = Survey.objects.create(
        name=starter.name, metric=starter.metric, kind=SurveyKind.TRANSACTIONAL, state=SurveyState.ACTIVE,
        external_id="support", created_by=lead,
    )  # fmt: skip
    survey.current = SurveyVersion.objects.create(
        survey=survey, number=1, content=content.to_json(), created_by=lead, used_at=now
    )
    survey.save(update_fields=["current"])
    return survey


def _after_tickets(
    rng: random.Random,
    now: dt.datetime,
    contacts: Sequence[Contact],
    moods: Mapping[int, story.Mood],
    lead: User,
    asked: Asked,
) -> None:
    """Support tells when a ticket is solved; two hours later the person is asked, by SMS where there is a number."""
    survey = _support_survey(now, lead)
    launched = (now - dt.timedelta(days=TICKET_DAYS)).replace(hour=8, minute=20)
    campaign = Campaign.objects.create(
        name="After a support ticket", survey=survey, state=CampaignState.RUNNING, cadence=Cadence.EVENT,
        trigger_event="ticket_solved", delay_minutes=120, channels=[Channel.SMS.value, Channel.EMAIL.value],
        send_from=dt.time(9), send_until=dt.time(18), send_weekdays="12345", expires_after_days=14,
        created_by=lead, created_at=launched, launched_by=lead, launched_at=launched, starts_at=launched,
    )  # fmt: skip
    tickets = []
    for number, contact in enumerate(rng.choices(contacts, k=TICKETS)):
        day = now - dt.timedelta(days=rng.uniform(1, TICKET_DAYS - 1))
        while day.weekday() > 4:
            day -= dt.timedelta(days=1)
        tickets.append((day.replace(hour=rng.randrange(7, 14), microsecond=0), number, contact))
    tickets = [ticket for ticket in sorted(tickets, key=lambda one: one[:2]) if ticket[0] > launched]
    events = TrackedEvent.objects.bulk_create(
        [
            TrackedEvent(
                name="ticket_solved", account=contact.account, contact=contact, source="helpdesk",
                external_id=f"T-{40_000 + number}", origin=Origin.DEMO, occurred_at=at, received_at=at,
                data={
                    "ticket": f"T-{40_000 + number}",
                    "agent": rng.choice(("Ines", "Piotr", "Yusuf", "Hanna")),
                    "topic": rng.choice(("Import", "Reports", "Driver app", "Invoices", "Access")),
                },
            )
            for at, number, contact in tickets
        ],
        batch_size=BATCH,
    )  # fmt: skip
    waves = _waves(campaign, survey, sorted({at.date() for at, _, _ in tickets}), now)
    invitations: list[Invitation] = []
    triggers: list[Trigger] = []
    exclusions: dict[tuple[int, int], Exclusion] = {}
    for (at, _, contact), event in zip(tickets, events, strict=True):
        fires = at + dt.timedelta(hours=2)
        trigger = Trigger(campaign=campaign, event=event, contact=contact, fires_at=fires, created_at=at)
        triggers.append(trigger)
        wave = waves[at.date()]
        if _is_recent(asked, contact, fires, QUIET_DAYS):
            trigger.state, trigger.reason = TriggerState.LEFT_OUT, Reason.RECENTLY_ASKED
            exclusions[wave.pk, contact.pk] = Exclusion(
                wave=wave, contact=contact, reason=Reason.RECENTLY_ASKED
            )
            continue
        trigger.state = TriggerState.ASKED
        asked[contact.pk].append(fires)
        trigger.invitation = _invitation(
            rng, wave, contact, fires, Channel.SMS if contact.phone_key else Channel.EMAIL, 14, now
        )
        trigger.invitation.context = {"event": "ticket_solved", **event.data}
        invitations.append(trigger.invitation)
    Invitation.objects.bulk_create(invitations, batch_size=BATCH)
    Trigger.objects.bulk_create(triggers, batch_size=BATCH)
    Exclusion.objects.bulk_create(exclusions.values(), batch_size=BATCH)
    _count(waves.values(), invitations)
    answers = []
    for invitation in invitations:
        person, since = invitation.contact, invitation.asked_at
        if person is None or since is None or rng.random() > 0.42:
            continue
        when = since + dt.timedelta(minutes=rng.randrange(2, 2000))
        if when > now - dt.timedelta(hours=1):
            continue
        felt = story.draw_score(rng, moods[person.account_id or 0], when.date(), now.date())
        score = 5 if felt >= 8 else 4 if felt >= 6 else 3 if felt >= 5 else 2 if felt >= 3 else 1
        said = {"solved": "yes" if score >= 4 else rng.choice(("partly", "no"))}
        pool = comments.SUPPORT_GOOD if score >= 4 else comments.SUPPORT_BAD
        text = rng.choice(pool.get(person.language) or pool["en"]) if rng.random() < 0.3 else None
        answers.append(
            ingest.Answer(
                survey_id=survey.pk, version_id=invitation.version_id, invitation_id=invitation.pk,
                contact_id=person.pk, score=score, comment=text, source=invitation.channel,
                channel=invitation.channel, responded_at=when, language=invitation.language, completed=True,
                answers=said, origin=Origin.DEMO, attributes=invitation.context,
            )
        )  # fmt: skip
    _take_in(answers)


# --- Before a renewal ----------------------------------------------------------------------------------------
def _before_renewals(
    rng: random.Random,
    now: dt.datetime,
    contacts: Sequence[Contact],
    moods: Mapping[int, story.Mood],
    lead: User,
    asked: Asked,
    survey: Survey,
) -> None:
    """Ninety days before the renewal the champions are asked, reminded once, and then tried by SMS."""
    today = now.date()
    launched = (now - dt.timedelta(days=RENEWAL_HISTORY + 5)).replace(hour=9, minute=5)
    segment = Segment.objects.create(
        name="Champions", target="contact", owner=lead,
        conditions={"all": [{"field": "role", "op": "in", "value": ["champion"]}]},
    )  # fmt: skip
    campaign = Campaign.objects.create(
        name="Before the renewal", survey=survey, segment=segment, state=CampaignState.RUNNING,
        cadence=Cadence.ACCOUNT_DATE, anchor="renewal_on", offsets=[f"-{RENEWAL_DAYS}d"], grace_days=14,
        channels=[Channel.EMAIL.value, Channel.SMS.value], fallback_days=MOVED_AFTER, send_as_owner=True,
        reminders=1, reminder_gap_days=REMINDED_AFTER, send_weekdays="12345", send_from=dt.time(9),
        send_until=dt.time(17), skip_holidays=True, account_week_limit=3,
        created_by=lead, created_at=launched, launched_by=lead, launched_at=launched, starts_at=launched,
    )  # fmt: skip
    renewals = dict(
        Account.objects.filter(renewal_on__isnull=False, churned_on__isnull=True).values_list(
            "pk", "renewal_on"
        )
    )
    due: list[tuple[dt.datetime, Contact]] = []
    for contact in contacts:
        renewal = renewals.get(contact.account_id or 0)
        day = renewal - dt.timedelta(days=RENEWAL_DAYS) if renewal else None
        if contact.role != "champion" or day is None or not 1 <= (today - day).days <= RENEWAL_HISTORY:
            continue
        while day.weekday() > 4:
            day += dt.timedelta(days=1)
        at = dt.datetime.combine(day, dt.time(8, rng.randrange(60)), tzinfo=dt.UTC)
        if day < today and not _is_recent(asked, contact, at, 60):
            due.append((at, contact))
    waves = _waves(campaign, survey, sorted({at.date().replace(day=1) for at, _ in due}), now)
    invitations, answers = [], []
    for at, contact in sorted(due, key=lambda one: (one[0], one[1].pk)):
        asked[contact.pk].append(at)
        invitation = _invitation(rng, waves[at.date().replace(day=1)], contact, at, Channel.EMAIL, 30, now)
        invitation.answer_at = None  # type: ignore[attr-defined]
        if invitation.state != InvitationState.FAILED and rng.random() < 0.5:
            invitation.answer_at = at + dt.timedelta(minutes=rng.randrange(5, 11_000))  # type: ignore[attr-defined]
        _chase(invitation, contact, now)
        invitations.append(invitation)
    Invitation.objects.bulk_create(invitations, batch_size=BATCH)
    _count(waves.values(), invitations)
    for invitation in invitations:
        person, when = invitation.contact, invitation.answer_at  # type: ignore[attr-defined]
        if person is None or when is None or when > now - dt.timedelta(hours=1):
            continue
        mood = moods[person.account_id or 0]
        score = story.draw_score(rng, mood, when.date(), now.date())
        text = story.draw_comment(
            rng,
            score=score,
            language=person.language,
            segment=mood.segment,
            day=when.date(),
            today=now.date(),
        )
        answers.append(
            ingest.Answer(
                survey_id=survey.pk, version_id=invitation.version_id, invitation_id=invitation.pk,
                contact_id=person.pk, score=score, comment=text or None, source="email",
                channel=invitation.channel, responded_at=when, language=invitation.language, completed=True,
                may_contact=True, origin=Origin.DEMO,
            )
        )  # fmt: skip
    _take_in(answers)


def _chase(invitation: Invitation, contact: Contact, now: dt.datetime) -> None:
    """What was sent after the first mail by now, to who had not answered it then."""
    at, answered = invitation.asked_at, invitation.answer_at  # type: ignore[attr-defined]
    assert at is not None
    if invitation.state == InvitationState.FAILED:
        return
    reminded, moved = at + dt.timedelta(days=REMINDED_AFTER), at + dt.timedelta(days=MOVED_AFTER)
    if reminded < now - dt.timedelta(days=1) and (answered is None or answered > reminded):
        invitation.reminders, invitation.reminded_at, invitation.cost = 1, reminded, 15
    if moved < now - dt.timedelta(days=1) and answered is None and contact.phone_key:
        invitation.channel, invitation.reminded_at, invitation.cost = Channel.SMS, moved, 25


# --- Links ---------------------------------------------------------------------------------------------------
def _links(rng: random.Random, now: dt.datetime, lead: User, survey: Survey) -> None:
    """A screen at the trade fair, and the address under every mail of support."""
    fair, _ = PublicLink.objects.bulk_create(
        [
            PublicLink(
                survey=survey, name="Trade fair stand", source_tag="trade-fair", is_kiosk=True, created_by=lead,
                created_at=now - dt.timedelta(days=40),
            ),
            PublicLink(
                survey=survey, name="Customer portal", source_tag="portal", asks_email=True, created_by=lead,
                origins=["https://portal.fleetdesk.example"], created_at=now - dt.timedelta(days=65),
            ),
        ]
    )  # fmt: skip
    start = (now - dt.timedelta(days=38)).replace(hour=8, minute=0)
    _take_in(
        ingest.Answer(
            survey_id=survey.pk, version_id=survey.current_id, score=rng.choice((10, 10, 9, 9, 9, 8, 8, 7, 6, 4)),
            source=f"link:{fair.source_tag}", channel=Channel.LINK, external_id=f"{fair.pk}:demo{number}",
            responded_at=start + dt.timedelta(days=rng.randrange(3), minutes=rng.randrange(540)),
            comment=rng.choice(comments.PROMOTER["en"]) if rng.random() < 0.15 else None,
            language=rng.choice(("en", "de")), completed=True, origin=Origin.DEMO,
            attributes={"link": fair.pk, "source_tag": fair.source_tag},
        )
        for number in range(LINK_ANSWERS)
    )  # fmt: skip


# --- What comes back, and other tools ------------------------------------------------------------------------
def _written_back(
    rng: random.Random, now: dt.datetime, contacts: Sequence[Contact], people: Mapping[str, User]
) -> None:
    """Replies to survey mails and SMS: two to read, the others dealt with."""
    rows: list[tuple[MessageKind, Channel, str, str, float]] = [
        (MessageKind.REPLY, Channel.EMAIL, "Re: A quick question from Fleetdesk", comments.REPLIES[0], 0.4),
        (MessageKind.REPLY, Channel.SMS, "", comments.REPLIES[1], 1.6),
        (MessageKind.AUTO_REPLY, Channel.EMAIL, "Out of office", comments.REPLIES[2], 3.2),
        (MessageKind.REPLY, Channel.EMAIL, "Re: A quick question from Fleetdesk", comments.REPLIES[3], 9.1),
        (MessageKind.STOP, Channel.SMS, "", "STOP", 21.5),
    ]
    with_phone = [c for c in contacts if c.phone_key and c.language == "en"]
    asks = dict(
        Invitation.objects.filter(asked_at__isnull=False).order_by("asked_at").values_list("contact_id", "pk")
    )
    made = []
    for number, ((kind, channel, subject, body, days), contact) in enumerate(
        zip(rows, rng.sample([c for c in with_phone if c.pk in asks], len(rows)), strict=True)
    ):
        at = now - dt.timedelta(days=days)
        is_mail = channel is Channel.EMAIL
        made.append(
            InboundMessage(
                channel=channel, provider="demo", provider_id=f"demo-{number}", kind=kind,
                from_key=(contact.address_key if is_mail else contact.phone_key) or "",
                from_address=contact.email if is_mail else contact.phone, subject=subject, body=body,
                received_at=at, contact=contact, account=contact.account, invitation_id=asks[contact.pk],
                handled_at=None if days < 3 else at + dt.timedelta(hours=3),
                handled_by=people["lead"] if days > 3 and kind == MessageKind.REPLY else None,
            )
        )  # fmt: skip
    InboundMessage.objects.bulk_create(made)
    stopped = [one for one in made if one.kind == MessageKind.STOP]
    bulk_create_with_history(
        [
            Suppression(
                address_key=one.from_key, channel=Channel.SMS, reason=SuppressionReason.UNSUBSCRIBED,
                created_at=one.received_at,
            )
            for one in stopped
        ],
        Suppression,
    )  # fmt: skip


def _other_tools(rng: random.Random, now: dt.datetime, contacts: Sequence[Contact], asked: Asked) -> None:
    """Asks that the training portal made and reported: they take from the same budget."""
    made = []
    for number, contact in enumerate(rng.sample(contacts, 60)):
        at = now - dt.timedelta(days=rng.uniform(10, 100))
        if not _is_recent(asked, contact, at, QUIET_DAYS):
            made.append(
                ExternalAsk(
                    source="training-portal", external_id=f"course-{number}", contact=contact,
                    account=contact.account, recipient_key=contact.address_key or "",
                    kind=SurveyKind.TRANSACTIONAL, asked_at=at, reported_at=at,
                )
            )  # fmt: skip
    ExternalAsk.objects.bulk_create(made)


# --- Shared --------------------------------------------------------------------------------------------------
def _is_recent(asked: Asked, contact: Contact, at: dt.datetime, days: int) -> bool:
    return any(abs(at - other) < dt.timedelta(days=days) for other in asked[contact.pk])


def _waves(
    campaign: Campaign, survey: Survey, starts: Sequence[dt.date], now: dt.datetime
) -> dict[dt.date, Wave]:
    """The rounds that began on these dates, over by now."""
    made = Wave.objects.bulk_create(
        Wave(
            campaign=campaign, number=number, version_id=survey.current_id or 0, starts_on=day,
            state=WaveState.FINISHED, created_at=min(at, now), planned_at=min(at, now),
        )
        for number, day in enumerate(starts, 1)
        for at in [dt.datetime.combine(day, dt.time(6), tzinfo=dt.UTC)]
    )  # fmt: skip
    return {wave.starts_on: wave for wave in made if wave.starts_on is not None}


def _count(waves: Iterable[Wave], invitations: Sequence[Invitation]) -> None:
    planned: dict[int, int] = defaultdict(int)
    for invitation in invitations:
        planned[invitation.wave_id or 0] += 1
    for wave in waves:
        wave.planned_count = planned[wave.pk]
    Wave.objects.bulk_update(waves, ["planned_count"], batch_size=BATCH)


def _invitation(
    rng: random.Random,
    wave: Wave,
    contact: Contact,
    at: dt.datetime,
    channel: Channel,
    days: int,
    now: dt.datetime,
) -> Invitation:
    """One ask that was sent: most arrive, and after `days` no answer is taken any more."""
    is_bounced = channel is Channel.EMAIL and rng.random() < 0.01
    expires = at + dt.timedelta(days=days)
    state = InvitationState.EXPIRED if expires < now else InvitationState.SENT
    return Invitation(
        wave=wave, version_id=wave.version_id, contact=contact, account_id=contact.account_id,
        recipient_key=contact.address_key or "",
        channel=channel, cost=10, language="de" if contact.language == "de" else "en",
        state=InvitationState.FAILED if is_bounced else state, planned_at=at, asked_at=at,
        delivered_at=None if is_bounced else at + dt.timedelta(seconds=rng.randrange(2, 40)),
        opened_at=at + dt.timedelta(minutes=rng.randrange(1, 600))
        if channel is Channel.EMAIL and not is_bounced and rng.random() < 0.6
        else None,
        expires_at=expires, outcome_reason="bounced" if is_bounced else "",
    )  # fmt: skip


def _take_in(answers: Iterable[ingest.Answer]) -> None:
    """Through the one door, and then as if their hours of correction were long over."""
    rows: list[Any] = []
    listed = list(answers)
    for first in range(0, len(listed), BATCH):
        rows += ingest.ingest(listed[first : first + BATCH])
    if refused := [row for row in rows if row.result == "refused"]:
        raise RuntimeError(f"The demo's own answers were refused: {refused[0].message}")
    found = list(Response.objects.filter(pk__in=[row.response_id for row in rows]))
    for response in found:
        at = response.responded_at
        response.received_at = at
        response.finalised_at, response.locked_at = at + dt.timedelta(hours=12), at + dt.timedelta(hours=24)
    Response.objects.bulk_update(found, ["received_at", "finalised_at", "locked_at"], batch_size=BATCH)
    answered = list(
        Invitation.objects.filter(response__in=[one.pk for one in found]).select_related("response")
    )
    for invitation in answered:
        at = invitation.response.responded_at
        invitation.scored_at, invitation.commented_at = at, at if invitation.response.comment else None
    Invitation.objects.bulk_update(answered, ["scored_at", "commented_at"], batch_size=BATCH)
