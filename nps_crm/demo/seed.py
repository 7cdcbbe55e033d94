"""Filling an empty database with the demo company. One seed, so that every newcomer meets the same customers."""

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from simple_history.utils import bulk_create_with_history

from accounts.domain import ContractOutcome, Origin, normalise_email
from accounts.models import (
    Account,
    AccountOwner,
    Contact,
    Contract,
    Event,
    Interaction,
    LifecycleStage,
    Segment,
)
from core import clock, secrets
from nps_crm.demo import (
    alerts,
    asking,
    comments,
    company,
    files,
    health,
    in_app,
    insight,
    listening,
    profiles,
    rewards,
    story,
    telling,
    working,
)
from surveys import ingest
from surveys.choices import (
    CampaignState,
    Channel,
    InvitationState,
    Reason,
    SuppressionReason,
    SurveyState,
    WaveState,
)
from surveys.models import Campaign, Exclusion, Invitation, Response, Suppression, Survey, SurveyVersion, Wave
from surveys.quarters import quarter_of
from surveys.widget import manage
from team.models import NotificationPreference, Team, User, Workspace
from workflows.alerting.domain import severity_of_score, worst
from workflows.calendars.domain import WorkCalendar, add_days
from workflows.domain import Priority
from workflows.models import Alert, AlertCause, Rule, Run, RunStep, Task
from workflows.rules import library
from workflows.services import authoring

SEED = 20260
ACCOUNTS = 120
CONTACTS = 1500
WAVES = 8
DAYS_BETWEEN_WAVES = 91
LAST_WAVE_DAYS_AGO = 87
DAYS_TO_SEND = 84
CHURNED = 6
BATCH = 500


@dataclass(slots=True)
class Cast:
    """What has been made so far, and the dice."""

    rng: random.Random
    today: dt.date
    now: dt.datetime
    people: dict[str, User] = field(default_factory=dict)
    stages: dict[str, LifecycleStage] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    moods: dict[int, story.Mood] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def moment(
        self, day: dt.date, zone: str = "Europe/Berlin", *, start: int = 8, end: int = 18
    ) -> dt.datetime:
        """A time of a working day in a zone, never in the future."""
        at = dt.time(self.rng.randrange(start, end), self.rng.randrange(60), self.rng.randrange(60))
        return min(dt.datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC), self.now)


def is_filled() -> bool:
    """Whether there is anything in the database that a demo must not touch."""
    return User.objects.exists() or Account.objects.exists()


def fill(say: Callable[[str], object]) -> None:
    """Fill the empty database, all or nothing. `say` is told what is going on."""
    now = clock.now()
    cast = Cast(rng=random.Random(SEED), today=now.date(), now=now)
    with transaction.atomic():
        _people(cast)
        say("people")
        _accounts(cast)
        say(f"{len(cast.accounts)} accounts")
        _contacts(cast)
        say(f"{len(cast.contacts)} contacts")
        _contracts(cast)
        survey = _survey(cast)
        answers = _waves(cast, survey)
        _suppressions(cast)
        say(f"{answers} answers of two years")
        asking.fill(
            rng=random.Random(SEED + 1),
            now=now,
            contacts=cast.contacts,
            moods=cast.moods,
            people=cast.people,
            relationship=survey,
        )
        say("asking after tickets, before renewals, by links")
        _interactions(cast)
        _segments(cast)
        # What rules did says which event they did it for, so the answers' events are there before.
        Event.objects.bulk_create(cast.events, batch_size=BATCH)
        cast.events.clear()
        _work_under_way(cast)
        _rule_in_preparation(cast)
        alerts.fill(rng=random.Random(SEED + 3), now=now, people=cast.people)
        Event.objects.bulk_create(cast.events, batch_size=BATCH)
        _next_campaign(cast, survey)
        _in_the_app(cast, survey)
        working.fill(rng=random.Random(SEED + 3), now=now, people=cast.people)
        say("promises, playbooks, who works when")
        listening.fill(
            rng=random.Random(SEED + 2),
            now=now,
            contacts=cast.contacts,
            moods=cast.moods,
            people=cast.people,
            relationship=survey,
        )
        say("another system's answers")
        files.fill(rng=random.Random(SEED + 3), now=now, contacts=cast.contacts, people=cast.people)
        say("files of accounts, people and answers")
        telling.fill(rng=random.Random(SEED + 8), now=now, admin=cast.people["admin"])
        kept = health.fill(rng=random.Random(SEED + 5), now=now, moods=cast.moods, people=cast.people)
        say(f"{kept} weekly states of health")
        profiles.fill(rng=random.Random(SEED + 6), now=now, accounts=cast.accounts, lead=cast.people["lead"])
        insight.fill(cast.people["lead"])
        rewards.fill(rng=random.Random(SEED + 9), now=now, lead=cast.people["lead"])
        in_app.fill(rng=random.Random(SEED + 10), now=now, lead=cast.people["lead"])
        say("alarms, lists, messages in the product")
    say("done")


def _people(cast: Cast) -> None:
    Workspace.objects.update_or_create(
        pk=1,
        defaults={
            "name": company.COMPANY,
            "postal_address": company.POSTAL_ADDRESS,
            "colour": company.COLOUR,
            "time_zone": "Europe/Berlin",
            "currency": "EUR",
            "is_demo": True,
        },
    )
    teams = {name: Team.objects.create(name=name) for name in ("North", "South")}
    password = make_password(company.PASSWORD)
    for person in company.PEOPLE:
        user = User.objects.create(
            email=person.email,
            name=person.name,
            title=person.title,
            role=person.role,
            team=teams.get(person.team),
            password=password,
            time_zone="Europe/Berlin",
        )
        NotificationPreference.objects.get_or_create(user=user)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        cast.people[person.email.split("@")[0]] = user
    Workspace.objects.filter(pk=1).update(fallback_owner=cast.people["lead"])
    for position, (name, is_customer) in enumerate(company.STAGES):
        cast.stages[name], _ = LifecycleStage.objects.get_or_create(
            name=name, defaults={"position": position, "is_customer": is_customer}
        )


def _csms(cast: Cast) -> list[User]:
    return [user for user in cast.people.values() if user.role == "csm"]


def _accounts(cast: Cast) -> None:
    rng, csms = cast.rng, _csms(cast)
    names: set[str] = set()
    made: list[Account] = []
    while len(made) < ACCOUNTS:
        market = rng.choices(company.MARKETS, weights=(9, 4, 5, 3, 3, 3))[0]
        stem = rng.choice(company.STEMS_BY_LANGUAGE[market.language])
        trade = rng.choice(company.TRADES_BY_LANGUAGE[market.language])
        name = f"{stem} {trade} {rng.choice(market.forms)}"
        if f"{stem} {trade}" in names:
            continue
        names.add(f"{stem} {trade}")
        segment = rng.choices((story.ENTERPRISE, story.MID_MARKET, story.SMALL), weights=(22, 43, 55))[0]
        seats = {story.ENTERPRISE: (150, 900), story.MID_MARKET: (40, 180), story.SMALL: (5, 45)}[segment]
        count = rng.randrange(*seats)
        since = cast.today - dt.timedelta(days=rng.randrange(120, 1900))
        slug = "".join(c for c in f"{stem}{trade}".lower() if c.isascii() and c.isalnum())
        domain = f"{slug}.example"
        stage = (
            "Onboarding"
            if (cast.today - since).days < 170
            else rng.choice(("Adoption", "Adoption", "Growth"))
        )
        country_team = "North" if market.language in {"de", "en"} else "South"
        owner = rng.choice([u for u in csms if u.team and u.team.name == country_team])
        made.append(
            Account(
                name=name,
                external_id=f"FD-{1000 + len(made)}",
                domain=domain,
                stage=cast.stages[stage],
                stage_since=max(since, cast.today - dt.timedelta(days=rng.randrange(20, 600))),
                owner=owner if rng.random() > 0.03 else None,
                plan=story.PLANS[segment],
                segment=segment,
                industry=rng.choice(company.INDUSTRIES),
                country=market.country,
                city=rng.choice(market.cities),
                seats=count,
                currency={"GB": "GBP", "US": "USD"}.get(market.country, "EUR"),
                arr=Decimal(round(count * rng.uniform(380, 620), -2)).quantize(Decimal("0.01")),
                customer_since=since,
            )
        )
    for account in rng.sample([a for a in made if a.segment != story.SMALL], CHURNED):
        account.churned_on = cast.today - dt.timedelta(days=rng.randrange(20, 330))
        account.stage = cast.stages["Churned"]
        account.stage_since = account.churned_on
    bulk_create_with_history(made, Account, batch_size=BATCH)
    cast.accounts = list(Account.objects.select_related("owner", "stage").order_by("pk"))
    # A few groups: small subsidiaries under a large parent.
    large = [a for a in cast.accounts if a.segment == story.ENTERPRISE and a.churned_on is None]
    for child in rng.sample([a for a in cast.accounts if a.segment == story.SMALL], 9):
        Account.objects.filter(pk=child.pk).update(parent=rng.choice(large))
    owners = [AccountOwner(account=a, user=a.owner, role="csm") for a in cast.accounts if a.owner]
    owners += [
        AccountOwner(account=a, user=cast.people["tom"], role="onboarding")
        for a in cast.accounts
        if a.stage and a.stage.name == "Onboarding"
    ]
    owners += [AccountOwner(account=a, user=cast.people["lead"], role="executive") for a in large[:8]]
    bulk_create_with_history(owners, AccountOwner, batch_size=BATCH)
    for account in cast.accounts:
        base = rng.gauss(8.1, 0.85)
        cast.moods[account.pk] = story.Mood(base=base, segment=account.segment, churned_on=account.churned_on)


def _contacts(cast: Cast) -> None:
    rng = cast.rng
    weights = [{story.ENTERPRISE: 34, story.MID_MARKET: 14, story.SMALL: 5}[a.segment] for a in cast.accounts]
    homes = [a for a in cast.accounts for _ in range(3)]
    homes += rng.choices(cast.accounts, weights=weights, k=CONTACTS - len(homes))
    markets = {m.country: m for m in company.MARKETS}
    taken: set[str] = set()
    made: list[Contact] = []
    for account in homes:
        market = markets[account.country]
        first, last = rng.choice(market.first), rng.choice(market.last)
        local = "".join(c for c in f"{first[0]}.{last}".lower() if c.isascii() and (c.isalnum() or c == "."))
        address, number = f"{local}@{account.domain}", 2
        while address in taken:
            address, number = f"{local}{number}@{account.domain}", number + 1
        taken.add(address)
        role = rng.choices(("decision_maker", "champion", "user", "billing"), weights=(2, 2, 8, 1))[0]
        has_address = rng.random() > 0.02
        key = normalise_email(address) if has_address else None
        made.append(
            Contact(
                account=account,
                external_id=f"P-{10_000 + len(made)}",
                first_name=first,
                last_name=last,
                email=address if has_address else "",
                email_key=key,
                address_key=secrets.address_key(key) if key else None,
                phone=(phone := f"+49405550{len(made):04d}" if rng.random() < 0.4 else ""),
                phone_key=secrets.address_key(phone) if phone else None,
                job_title=rng.choice(company.JOBS[role]),
                role=role,
                language=market.language,
                time_zone=market.zone,
                created_at=cast.moment(
                    max(account.customer_since or cast.today, cast.today - dt.timedelta(days=900))
                ),
            )
        )
    bulk_create_with_history(made, Contact, batch_size=BATCH)
    cast.contacts = list(Contact.objects.select_related("account").order_by("pk"))


def _contracts(cast: Cast) -> None:
    rng = cast.rng
    made: list[Contract] = []
    for account in cast.accounts:
        starts = account.customer_since or cast.today
        arr = (account.arr or Decimal(10_000)) * Decimal("0.82")
        while True:
            ends = _a_year_later(starts) - dt.timedelta(days=1)
            left = account.churned_on is not None and ends >= account.churned_on
            if left:
                ends = max(account.churned_on or ends, starts)
            is_open = ends >= cast.today and not left
            outcome = ContractOutcome.OPEN
            if left:
                outcome = ContractOutcome.CHURNED
            elif not is_open:
                outcome = ContractOutcome.DOWNGRADED if rng.random() < 0.09 else ContractOutcome.RENEWED
            made.append(
                Contract(
                    account=account,
                    starts_on=starts,
                    ends_on=ends,
                    arr=Decimal(round(arr, -2)),
                    currency=account.currency,
                    outcome=outcome,
                    outcome_on=None if is_open else ends,
                )
            )
            if is_open:
                Account.objects.filter(pk=account.pk).update(renewal_on=ends, arr=Decimal(round(arr, -2)))
            if is_open or left:
                break
            arr *= (
                Decimal("0.85")
                if outcome == ContractOutcome.DOWNGRADED
                else Decimal(str(round(rng.uniform(1.0, 1.14), 3)))
            )
            starts = ends + dt.timedelta(days=1)
    bulk_create_with_history(made, Contract, batch_size=BATCH)


def _a_year_later(day: dt.date) -> dt.date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + 1, day=28)


# --- Asking and answering -------------------------------------------------------------------------------------
def _survey(cast: Cast) -> Survey:
    """The relationship survey in English and German, active."""
    content = {
        "subject_name": company.COMPANY,
        "brand_name": company.COMPANY,
        "brand_colour": company.COLOUR,
        "sender_name": f"{company.COMPANY} Customer Success",
        "reply_to": "success@fleetdesk.example",
        "default_language": "en",
        "languages": {
            "en": {
                "intro": "Hi {{ first_name|there }},\n\nyou plan your routes with {brand}. One question, ten seconds:",
                "follow_up": {
                    "promoter": "What do you like most about {subject}?",
                    "passive": "What would have made it a 9 or 10?",
                    "detractor": "What went wrong, and what should we do about it?",
                },
                "thanks": {
                    "promoter": {
                        "text": "Thank you. It means a lot to the team.",
                        "link_label": "Tell others about us",
                        "link_url": "https://reviews.example/fleetdesk",
                    },
                    "detractor": {
                        "text": "Thank you for telling us. The person who looks after you reads this today."
                    },
                },
            },
            "de": {
                "follow_up": {
                    "promoter": "Was gefällt Ihnen an {subject} am meisten?",
                    "passive": "Was hätte es zu einer 9 oder 10 gemacht?",
                    "detractor": "Was ist schiefgelaufen, und was sollten wir tun?",
                },
            },
        },
    }
    survey = Survey.objects.create(
        name="Relationship NPS",
        state=SurveyState.ACTIVE,
        external_id="relationship",
        created_by=cast.people["lead"],
    )
    survey.current = SurveyVersion.objects.create(
        survey=survey, number=1, content=content, created_by=cast.people["lead"], used_at=cast.now
    )
    survey.save(update_fields=["current"])
    return survey


def _waves(cast: Cast, survey: Survey) -> int:
    """Eight quarterly rounds, each asking half of the people; every contact is asked about twice a year."""
    answered = 0
    for number in range(WAVES):
        start = cast.today - dt.timedelta(days=LAST_WAVE_DAYS_AGO + DAYS_BETWEEN_WAVES * (WAVES - 1 - number))
        answered += _wave(cast, survey, number, start)
    return answered


def _wave(cast: Cast, survey: Survey, number: int, start: dt.date) -> int:
    rng, lead = cast.rng, cast.people["lead"]
    launched = cast.moment(start, start=9, end=10)
    campaign = Campaign.objects.create(
        name=f"Relationship {quarter_of(start).label}",
        survey=survey,
        state=CampaignState.FINISHED,
        created_by=lead,
        created_at=launched - dt.timedelta(days=3),
        launched_at=launched,
        starts_at=launched,
        daily_limit=40,
        finished_at=launched + dt.timedelta(days=DAYS_TO_SEND + 1),
    )
    wave = Wave.objects.create(
        campaign=campaign, number=1, version_id=survey.current_id or 0, state=WaveState.FINISHED, created_at=launched,
        planned_at=launched,
    )  # fmt: skip
    asked: list[tuple[Contact, dt.datetime]] = []
    left_out: list[Exclusion] = []
    for contact in cast.contacts:
        account = contact.account
        if account is None:
            continue
        if reason := _why_not(contact, account, number, start):
            left_out.append(Exclusion(wave=wave, contact=contact, reason=reason))
            continue
        day = start + dt.timedelta(days=rng.randrange(DAYS_TO_SEND))
        while day.weekday() > 4:
            day += dt.timedelta(days=1)
        asked.append((contact, cast.moment(day, contact.time_zone, start=9, end=11)))
    made = Invitation.objects.bulk_create(
        [_invitation(cast, wave, contact, at) for contact, at in asked], batch_size=BATCH
    )
    Exclusion.objects.bulk_create(left_out, batch_size=BATCH)
    Wave.objects.filter(pk=wave.pk).update(planned_count=len(made))
    answers = [
        answer
        for invitation, (contact, at) in zip(made, asked, strict=True)
        if (answer := _answer(cast, survey, invitation, contact, at)) is not None
    ]
    outcomes = []
    for first in range(0, len(answers), BATCH):
        outcomes += ingest.ingest(answers[first : first + BATCH])
    if refused := [outcome for outcome in outcomes if outcome.result == "refused"]:
        raise RuntimeError(f"The demo's own answers were refused: {refused[0].message}")
    _let_time_pass(cast, wave)
    return len(answers)


def _why_not(contact: Contact, account: Account, number: int, start: dt.date) -> Reason | None:
    """Why somebody is not asked in the round that begins on `start`, or nothing."""
    if account.churned_on and account.churned_on <= start:
        return Reason.ACCOUNT_CHURNED
    if not contact.address_key:
        return Reason.NO_ADDRESS
    if (account.customer_since or start) > start - dt.timedelta(days=30):
        return Reason.TENURE
    return Reason.RECENTLY_ASKED if contact.pk % 2 != number % 2 else None


def _invitation(cast: Cast, wave: Wave, contact: Contact, at: dt.datetime) -> Invitation:
    rng = cast.rng
    fate = rng.random()
    is_bounced, is_declined = fate < 0.012, 0.012 <= fate < 0.02
    is_opened = not is_bounced and rng.random() < 0.72
    return Invitation(
        wave=wave,
        version=wave.version,
        contact=contact,
        account_id=contact.account_id,
        recipient_key=contact.address_key or "",
        language="de" if contact.language == "de" else "en",
        state=InvitationState.FAILED
        if is_bounced
        else InvitationState.DECLINED
        if is_declined
        else InvitationState.SENT,
        planned_at=wave.created_at,
        asked_at=at,
        cost=10,
        delivered_at=None if is_bounced else at + dt.timedelta(seconds=rng.randrange(2, 40)),
        opened_at=at + dt.timedelta(minutes=rng.randrange(1, 900)) if is_opened else None,
        declined_at=at + dt.timedelta(hours=2) if is_declined else None,
        expires_at=at + dt.timedelta(days=30),
        outcome_reason="bounced" if is_bounced else "",
    )


def _answer(
    cast: Cast, survey: Survey, invitation: Invitation, contact: Contact, at: dt.datetime
) -> ingest.Answer | None:
    rng = cast.rng
    if invitation.state != InvitationState.SENT or invitation.opened_at is None or rng.random() > 0.66:
        return None
    when = invitation.opened_at + dt.timedelta(minutes=rng.randrange(0, 4000))
    if when > cast.now - dt.timedelta(hours=1) or contact.account is None:
        return None
    mood, day = cast.moods[contact.account.pk], when.date()
    score = story.draw_score(rng, mood, day, cast.today)
    comment = story.draw_comment(
        rng, score=score, language=contact.language, segment=mood.segment, day=day, today=cast.today
    )
    return ingest.Answer(
        survey_id=survey.pk,
        version_id=invitation.version_id,
        invitation_id=invitation.pk,
        contact_id=contact.pk,
        score=score,
        comment=comment or None,
        source="email",
        channel=Channel.EMAIL,
        responded_at=when,
        language=invitation.language,
        completed=True,
        may_contact=rng.random() < 0.7,
        origin=Origin.DEMO,
    )


def _let_time_pass(cast: Cast, wave: Wave) -> None:
    """Answers of long ago were finalised, locked and, mostly, dealt with long ago."""
    rng = cast.rng
    old = cast.now - dt.timedelta(days=21)
    for response in Response.objects.filter(invitation__wave=wave).select_related("contact", "account"):
        status = (
            "closed"
            if response.score <= 6 and (response.responded_at < old or rng.random() < 0.4)
            else "open"
        )
        if status == "closed" and rng.random() < 0.12:
            status = "contacted"
        Response.objects.filter(pk=response.pk).update(
            loop_status=status,
            received_at=response.responded_at,
            finalised_at=response.responded_at + dt.timedelta(hours=12),
            locked_at=response.responded_at + dt.timedelta(hours=24),
        )
        Invitation.objects.filter(pk=response.invitation_id or 0).update(
            scored_at=response.responded_at, commented_at=response.responded_at if response.comment else None
        )
    Invitation.objects.filter(wave=wave, state=InvitationState.SENT, expires_at__lt=cast.now).update(
        state=InvitationState.EXPIRED
    )


def _suppressions(cast: Cast) -> None:
    """Whose mail of the last two rounds came back, or who unsubscribed then, is not asked again."""
    found: dict[str, Suppression] = {}
    gone = Invitation.objects.filter(state__in=[InvitationState.FAILED, InvitationState.DECLINED])
    for invitation in gone.filter(asked_at__gte=cast.now - dt.timedelta(days=2 * DAYS_BETWEEN_WAVES)):
        is_bounced = invitation.state == InvitationState.FAILED
        found[invitation.recipient_key] = Suppression(
            address_key=invitation.recipient_key,
            reason=SuppressionReason.BOUNCED if is_bounced else SuppressionReason.UNSUBSCRIBED,
            detail="550 5.1.1 no such user" if is_bounced else "",
            created_at=invitation.declined_at or invitation.asked_at or cast.now,
        )
    bulk_create_with_history(list(found.values()), Suppression, batch_size=BATCH)


# --- The work around it ---------------------------------------------------------------------------------------
def _interactions(cast: Cast) -> None:
    rng = cast.rng
    by_account: dict[int, list[Contact]] = {}
    for contact in cast.contacts:
        by_account.setdefault(contact.account_id or 0, []).append(contact)
    made: list[Interaction] = []
    for account in cast.accounts:
        if account.owner is None:
            continue
        since = max(account.customer_since or cast.today, cast.today - dt.timedelta(days=700))
        until = account.churned_on or cast.today
        span = max((until - since).days, 1)
        told = rng.sample(comments.INTERACTIONS, rng.randrange(2, min(10, len(comments.INTERACTIONS))))
        for kind, subject, body, outcome in told:
            day = since + dt.timedelta(days=rng.randrange(span))
            made.append(
                Interaction(
                    account=account,
                    contact=rng.choice(by_account[account.pk]),
                    user=account.owner,
                    kind=kind,
                    subject=subject,
                    body=body,
                    outcome=outcome,
                    happened_at=cast.moment(day),
                )
            )
    bulk_create_with_history(made, Interaction, batch_size=BATCH)
    for interaction in Interaction.objects.order_by("pk"):
        cast.events.append(
            Event(
                kind="interaction.logged",
                cause_key=f"interaction:{interaction.pk}:logged",
                account_id=interaction.account_id,
                contact_id=interaction.contact_id,
                actor_id=interaction.user_id,
                subject_type="interaction",
                subject_id=interaction.pk,
                origin=Origin.DEMO,
                occurred_at=interaction.happened_at,
                data={"kind": interaction.kind, "has_outcome": bool(interaction.outcome)},
            )
        )


def _segments(cast: Cast) -> None:
    lead = cast.people["lead"]
    described: list[tuple[str, str, dict[str, Any]]] = [
        ("Mid-market", "account", {"all": [{"field": "segment", "op": "in", "value": [story.MID_MARKET]}]}),
        (
            "Renewing within 90 days",
            "account",
            {"all": [{"field": "renewal_on", "op": "within_next", "value": 90}]},
        ),
        ("Decision makers", "contact", {"all": [{"field": "role", "op": "in", "value": ["decision_maker"]}]}),
        (
            "German enterprise contacts",
            "contact",
            {
                "all": [
                    {"field": "account.country", "op": "in", "value": ["DE"]},
                    {"field": "account.segment", "op": "in", "value": [story.ENTERPRISE]},
                ]
            },
        ),
    ]
    for name, target, conditions in described:
        Segment.objects.create(name=name, target=target, conditions=conditions, owner=lead)


def _work_under_way(cast: Cast) -> None:
    """What the rules would have left behind for the youngest detractors: alerts, tasks, a late one."""
    rule = Rule.objects.get(key="detractor-recovery")
    recent = (
        Response.objects.filter(
            metric="nps", score__lte=6, loop_status="open", account__churned_on__isnull=True
        )  # the open loops
        .select_related("account__owner", "contact")
        .order_by("-responded_at", "-pk")
    )
    scored = {
        event.subject_id: event
        for event in Event.objects.filter(
            kind="response.scored", subject_type="response", subject_id__in=[one.pk for one in recent[:14]]
        )
    }
    for response in recent[:14]:
        assignee = (
            response.account.owner if response.account and response.account.owner else cast.people["lead"]
        )
        cause = f"response:{response.pk}:scored"
        run = Run.objects.create(
            rule=rule, rule_version=rule.version, cause_key=cause, account=response.account, contact=response.contact,
            event=scored.get(response.pk), state="done", started_at=response.responded_at, finished_at=response.responded_at,
        )  # fmt: skip
        known = Alert.objects.filter(account=response.account, kind="detractor", state="open").first()
        alert = known or Alert(
            kind="detractor", account=response.account, contact=response.contact, response=response, run=run,
            assignee=assignee, last_at=response.responded_at, count=0, severity=severity_of_score(response.score),
        )  # fmt: skip
        # The youngest come first: an older answer is an earlier cause of the same alert.
        alert.opened_at, alert.count = response.responded_at, alert.count + 1
        alert.severity = worst(alert.severity, severity_of_score(response.score))
        alert.save()
        AlertCause.objects.create(
            alert=alert, key=f"rule:{rule.pk}:{cause}", at=response.responded_at, contact=response.contact,
            response=response, run=run, severity=severity_of_score(response.score),
        )  # fmt: skip
        name = response.contact.display_name if response.contact else "the respondent"
        task = Task.objects.create(
            dedupe_key=f"rule:{rule.pk}:{cause}:1", title=f"Call {name}", account=response.account,
            contact=response.contact, response=response, run=run, assignee=assignee, priority=Priority.HIGH,
            created_at=response.responded_at,
            due_at=add_days(
                WorkCalendar(ZoneInfo("Europe/Berlin")), cast.now - dt.timedelta(days=cast.rng.randrange(0, 4)), 1
            ),
        )  # fmt: skip
        made = {"create_alert": {"alert": alert.pk}, "create_task": {"task": task.pk}}
        RunStep.objects.bulk_create(
            RunStep(
                key=f"run:{run.pk}:{place}", run=run, path=str(place), kind=step["kind"], state="done", outcome="done",
                settings={key: value for key, value in step.items() if key != "kind"}, result=made[step["kind"]],
                started_at=response.responded_at, finished_at=response.responded_at,
            )
            for place, step in enumerate(rule.steps) if step["kind"] in made
        )  # fmt: skip
        happened = [("task.created", "task", task.pk)]
        if known is None:
            happened.append(("alert.raised", "alert", alert.pk))
        for kind, subject, pk in happened:
            cast.events.append(
                Event(
                    kind=kind, cause_key=f"{subject}:{pk}:{kind.split('.')[1]}", account=response.account,
                    contact=response.contact, subject_type=subject, subject_id=pk, origin=Origin.DEMO,
                    occurred_at=response.responded_at, data={"rule": rule.pk, "assignee": assignee.pk},
                )
            )  # fmt: skip


def _rule_in_preparation(cast: Cast) -> None:
    """A rule from the library that nobody has switched on yet."""
    ready = library.find("fell_two_categories")
    if ready is not None:
        authoring.create_rule(values=ready.values, actor=cast.people["lead"], note="From the library")


def _next_campaign(cast: Cast, survey: Survey) -> None:
    """A campaign ready to be launched, so that the story can be played from its start, and one still being thought about."""
    Campaign.objects.create(
        name=f"Relationship {quarter_of(cast.today).label}, second half",
        survey=survey,
        segment=Segment.objects.get(name="Decision makers"),
        state=CampaignState.DRAFT,
        daily_limit=200,
        created_by=cast.people["lead"],
    )
    Campaign.objects.create(
        name="Relationship, German enterprise",
        survey=survey,
        segment=Segment.objects.get(name="German enterprise contacts"),
        state=CampaignState.DRAFT,
        daily_limit=50,
        created_by=cast.people["lead"],
    )


def _in_the_app(cast: Cast, survey: Survey) -> None:
    """The widget of Fleetdesk's own app, with a campaign that runs in it: Settings, Widgets, Try it."""
    widget, _ = manage.create_widget(
        name="FleetDesk app",
        origins=["https://app.fleetdesk.example", settings.BASE_URL],
        actor=cast.people["admin"],
    )
    campaign = Campaign.objects.create(
        name="In the FleetDesk app",
        survey=survey,
        channels=[Channel.IN_APP.value],
        state=CampaignState.RUNNING,
        created_by=cast.people["lead"],
        launched_by=cast.people["lead"],
        launched_at=cast.now - dt.timedelta(days=2),
        starts_at=cast.now - dt.timedelta(days=2),
    )
    manage.save_placement(
        campaign=campaign, widget=widget, actor=cast.people["lead"], url_pattern="/tours*", delay_seconds=8,
        trait_conditions=[{"trait": "role", "op": "is_not", "value": "trial"}],
    )  # fmt: skip
