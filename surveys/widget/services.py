"""What the widget writes: who was seen, what was shown, what was answered or declined, and what happened in the product.

Promised: an ask is recorded when it is seen, not when it is decided; one survey a session, whatever two tabs do; asking
on sight keeps to the budgets like planning does, because both take the planning lock; an answer sent twice, late or by
two tabs is one answer. Traits are kept with the browser's row alone: they never change a contact and never allow anything.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import F, Max, Q

from accounts import timeline
from accounts.models import Contact
from accounts.services import contacts, tracked
from core.errors import Invalid, Refused
from core.outbox import State
from surveys import eligibility, ingest
from surveys.ask_rules import cost_of
from surveys.choices import CampaignState, Channel, IntentState, InvitationState, WaveState
from surveys.models import Campaign, Delivery, Invitation, PageVisit, SurveyVersion, Visitor, Wave
from surveys.planning import PLANNING_LOCK
from surveys.queries import respond as respond_queries
from surveys.services import respond
from surveys.services.respond import Result
from surveys.widget import queries
from surveys.widget.config import Config, survey_of
from surveys.widget.decision import period_of, quiet_until
from surveys.widget.identity import Person

SOURCE = "widget"
COST = cost_of(Channel.IN_APP)
# Who keeps a page open for longer than this comes too late, and so does what a browser kept while it was offline.
MAX_AGE = dt.timedelta(days=7)
MAX_EVENTS = 20
LOCK_WAIT_MS = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """Who is there: the keys under which the widget knows them (the browser's last), the session, the signed person."""

    keys: tuple[str, ...]
    session: str
    person: Person | None
    traits: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of showing a survey: the ask to answer, or why it must not be shown after all."""

    shown: bool
    reason: str = ""
    invitation_id: int = 0
    visitor_id: int = 0


class Busy(Exception):
    """Somebody plans at this moment; the next page view asks again."""


# --- Seen ------------------------------------------------------------------------------------------------------
@transaction.atomic
def note_visit(*, config: Config, visitor: Somebody, now: dt.datetime) -> None:
    """Remember that somebody was here, with their traits: a contact who is, can be asked in the product."""
    contact = queries.find_contact(visitor.person) if visitor.person else None
    rows = hold_rows(config, visitor, now)
    note_rows(rows, visitor, contact, now)


def hold_rows(config: Config, visitor: Somebody, now: dt.datetime) -> list[Visitor]:
    """The visitor's rows, made where missing, held until the transaction ends."""
    Visitor.objects.bulk_create(
        [
            Visitor(widget_id=config.widget_id, key=key, first_seen_at=now, last_seen_at=now)
            for key in visitor.keys
        ],
        ignore_conflicts=True,
    )
    rows = Visitor.objects.select_for_update().filter(widget=config.widget_id, key__in=visitor.keys)
    return list(rows.order_by("key"))


def note_rows(
    rows: Sequence[Visitor], visitor: Somebody, contact: Contact | None, now: dt.datetime, **more: Any
) -> None:
    """Write who it was and when, and `more`, on the rows held."""
    for row in rows:
        # The browser's own row stays a stranger's: others may sit at it tomorrow.
        own: dict[str, Any] = {}
        if visitor.person is None or row.key == visitor.person.key:
            own = {"contact": contact} | ({"traits": dict(visitor.traits)} if visitor.traits else {})
        Visitor.objects.filter(pk=row.pk).update(last_seen_at=now, **own, **more)


# --- Shown -----------------------------------------------------------------------------------------------------
def show(
    *,
    config: Config,
    visitor: Somebody,
    campaign_id: int,
    version_id: int,
    invitation_id: int,
    language: str,
    page: str,
    now: dt.datetime,
) -> Seen:
    """Record that an offered survey is about to be seen, unless something speaks against it by now."""
    try:
        with transaction.atomic():
            rows = hold_rows(config, visitor, now)
            if visitor.session in {row.session for row in rows}:
                return Seen(shown=False, reason="seen_this_session")
            campaign = (
                Campaign.objects.select_related("survey")
                .filter(pk=campaign_id, state=CampaignState.RUNNING)
                .first()
            )
            if campaign is None:
                return Seen(shown=False, reason="not_running")
            invitation: Invitation | str | None
            if invitation_id:
                invitation = _show_planned(invitation_id, now)
            else:
                invitation = _ask(config, visitor, rows, campaign, version_id, language, page, now)
            if isinstance(invitation, str):
                return Seen(shown=False, reason=invitation)
            contact = invitation.contact if invitation else None
            note_rows(rows, visitor, contact, now, session=visitor.session, last_shown_at=now)
            SurveyVersion.objects.filter(pk=version_id, used_at__isnull=True).update(used_at=now)
            own = next((row for row in rows if row.key == visitor.keys[0]), rows[0])
            return Seen(shown=True, invitation_id=invitation.pk if invitation else 0, visitor_id=own.pk)
    except Busy:
        return Seen(shown=False, reason="busy")


def _show_planned(invitation_id: int, now: dt.datetime) -> Invitation | str:
    """The planned ask of a contact, which counts from now on."""
    invitation = respond.lock(Invitation(pk=invitation_id))
    waiting = Delivery.objects.filter(invitation=invitation, channel=Channel.IN_APP, state=State.PENDING)
    settled = invitation.scored_at or invitation.declined_at
    # As before every mail: what has changed since it was planned (a pause, a suppression, an answer) counts now.
    verdict = eligibility.judge_invitations([invitation.pk], now=now).get(invitation.pk)
    if not settled and verdict is not None and verdict.reason is not None:
        return verdict.reason.value
    if settled or not waiting.update(state=State.DONE, sent_at=now, finished_at=now, lease_until=None):
        return "settled"
    _note_asked(invitation, now)
    return invitation


def _note_asked(invitation: Invitation, now: dt.datetime) -> None:
    first = invitation.asked_at is None
    days = invitation.wave.campaign.expires_after_days if invitation.wave else 30
    Invitation.objects.filter(pk=invitation.pk).update(
        asked_at=invitation.asked_at or now,
        delivered_at=invitation.delivered_at or now,
        expires_at=now + dt.timedelta(days=days),
        state=InvitationState.SENT,
    )
    timeline.record(
        kind="survey.sent",
        cause_key=f"invitation:{invitation.pk}:{'sent' if first else 'shown'}",
        account=invitation.account,
        contact=invitation.contact,
        subject=("invitation", invitation.pk),
        occurred_at=now,
        data={"wave": invitation.wave_id, "channel": Channel.IN_APP.value},
    )


def _ask(
    config: Config,
    visitor: Somebody,
    rows: Sequence[Visitor],
    campaign: Campaign,
    version_id: int,
    language: str,
    page: str,
    now: dt.datetime,
) -> Invitation | str | None:
    """Ask somebody on sight. A contact gets an invitation in the present round; of a stranger only the showing is kept."""
    placed = config.asking(campaign.pk)
    if placed is None:
        return "not_running"
    if visitor.person is not None:
        _take_lock()
        contact = queries.find_contact(visitor.person) or _new_contact(config, visitor.person)
        if contact is not None:
            standing = queries.standing(config=config, keys=visitor.keys, person=visitor.person, now=now)
            if standing.contact_id is None:
                return "contact_gone"
            reason = standing.reasons.get(placed.kind)
            if reason is not None:
                return reason.value
            return _invite(contact, campaign, version_id, language, page, config, now)
    if not placed.asks_strangers:
        return "not_for_strangers"
    known = queries.standing(config=config, keys=visitor.keys, person=None, now=now)
    quiet = quiet_until(config, known)
    return "recently_asked" if quiet is not None and quiet > now else None


def _take_lock() -> None:
    """One at a time with all who plan, until the transaction ends. Nobody's page waits for a long plan."""
    if connection.vendor != "postgresql":
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_WAIT_MS}ms"])
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PLANNING_LOCK])
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":
            raise
        raise Busy from None


def _new_contact(config: Config, person: Person) -> Contact | None:
    """A contact for somebody the host vouches for, where the widget may make one and the account is certain."""
    account = queries.find_account(person) if config.creates_contacts else None
    if account is None:
        return None
    first, _, last = person.name.partition(" ")
    values: contacts.ContactValues = {
        "account": account, "external_id": person.external_id, "first_name": first[:100],
        "last_name": (last or ("" if first else person.external_id))[:100], "email": person.email,
    }  # fmt: skip
    try:
        with transaction.atomic():
            return contacts.create_contact(values=values, actor=None)
    except Refused:
        # A name or address that cannot be one, or taken meanwhile: they are a stranger then.
        return None


def _invite(
    contact: Contact,
    campaign: Campaign,
    version_id: int,
    language: str,
    page: str,
    config: Config,
    now: dt.datetime,
) -> Invitation | str:
    wave = _round(campaign, version_id, config, now)
    if wave.state == WaveState.STOPPED:
        return "not_running"
    key = contact.address_key or f"contact:{contact.pk}"
    if Invitation.objects.filter(Q(recipient_key=key) | Q(contact=contact), wave=wave).exists():
        return "asked_this_round"
    invitation = Invitation.objects.create(
        wave=wave, version_id=version_id, contact=contact, account_id=contact.account_id, recipient_key=key,
        channel=Channel.IN_APP, language=language, state=InvitationState.SENDING, planned_at=now,
        cost=COST, context={"page": page} if page else {},
    )  # fmt: skip
    Wave.objects.filter(pk=wave.pk).update(planned_count=F("planned_count") + 1)
    Delivery.objects.create(
        key=f"delivery:{invitation.pk}:first:{Channel.IN_APP}", invitation=invitation, channel=Channel.IN_APP,
        state=State.DONE, sent_at=now, finished_at=now, cost=COST,
    )  # fmt: skip
    invitation.wave = wave
    _note_asked(invitation, now)
    return invitation


def _round(campaign: Campaign, version_id: int, config: Config, now: dt.datetime) -> Wave:
    """The campaign's round of this month. The planning lock makes sure that there is one."""
    starts_on = period_of(now, config.zone)
    wave = Wave.objects.filter(campaign=campaign, starts_on=starts_on).first()
    if wave is None:
        last = Wave.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
        wave = Wave.objects.create(
            campaign=campaign, number=last + 1, version_id=version_id, starts_on=starts_on,
            state=WaveState.FINISHED, created_at=now, planned_at=now,
        )  # fmt: skip
    wave.campaign = campaign
    return wave


# --- Answered --------------------------------------------------------------------------------------------------
class Said(StrEnum):
    SAVED = "saved"
    LOCKED = "locked"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer as the browser sends it; None means "not said". `at` is the browser's own moment of it, made plausible."""

    score: int
    at: dt.datetime
    comment: str | None = None
    answers: Mapping[str, Any] | None = None
    may_contact: bool | None = None
    may_quote: bool | None = None
    language: str = ""
    page: str = ""
    completed: bool = False


@transaction.atomic
def answer(
    *, config: Config, invitation_id: int, visitor_id: int, version_id: int, stranger_key: str, given: Given,
    now: dt.datetime,
) -> Said:  # fmt: skip
    """Take in an answer, or more of one, through the ingest door. Raises `Refused` for what can never be right."""
    if invitation_id:
        result = _answer_invitation(invitation_id, given, now)
    else:
        result = _answer_anonymously(stranger_key, version_id, given)
    if result is Said.SAVED:
        Visitor.objects.filter(pk=visitor_id, widget=config.widget_id).update(answered_at=now)
    return result


def _answer_invitation(invitation_id: int, given: Given, now: dt.datetime) -> Said:
    respond.lock(Invitation(pk=invitation_id))
    page = respond_queries.page_of(invitation_id, now=now)
    if page is None or not page.takes_answers:
        locked = page is not None and page.state is respond_queries.PageState.LOCKED
        return Said.LOCKED if locked else Said.CLOSED
    earlier = page.response
    base = respond.answer_of(
        page.invitation,
        score=given.score,
        comment=given.comment,
        may_contact=bool(given.may_contact)
        if given.may_contact is not None
        else bool(earlier and earlier.may_contact),
        language=given.language,
        completed=given.completed,
        now=given.at,
    )
    result = respond.commit(
        page.invitation,
        dataclasses.replace(base, source=SOURCE, channel=Channel.IN_APP, **_more(given)),
        state=IntentState.CONFIRMED,
        now=now,
    )
    return Said.SAVED if result is Result.SAVED else Said.LOCKED


def _answer_anonymously(stranger_key: str, version_id: int, given: Given) -> Said:
    (outcome,) = ingest.ingest(
        [
            ingest.Answer(
                survey_id=survey_of(version_id), version_id=version_id, score=given.score, source=SOURCE,
                channel=Channel.IN_APP, external_id=stranger_key, responded_at=given.at, source_updated_at=given.at,
                comment=given.comment, may_contact=given.may_contact, language=given.language,
                completed=given.completed, **_more(given),
            )
        ]
    )  # fmt: skip
    if outcome.result == "refused":
        if outcome.code == "locked":
            return Said.LOCKED
        raise Refused(outcome.message, code=outcome.code, field=outcome.field, status=400)
    return Said.SAVED


def _more(given: Given) -> dict[str, Any]:
    """Where it was said, and what was said to the further questions."""
    found: dict[str, Any] = {"attributes": {"page": given.page}} if given.page else {}
    known = {item.name for item in dataclasses.fields(ingest.Answer)}
    if given.answers is not None and "answers" in known:
        found["answers"] = dict(given.answers)
    if given.may_quote is not None and "may_quote" in known:
        found["may_quote"] = given.may_quote
    return found


@transaction.atomic
def decline(*, config: Config, invitation_id: int, visitor_id: int, now: dt.datetime) -> None:
    """The person does not want to answer: the longer quiet time begins. Idempotent; an answer is not taken back."""
    Visitor.objects.filter(pk=visitor_id, widget=config.widget_id).update(declined_at=now)
    if not invitation_id:
        return
    invitation = respond.lock(Invitation(pk=invitation_id))
    was_open = Invitation.objects.filter(
        pk=invitation.pk, declined_at__isnull=True, scored_at__isnull=True, state=InvitationState.SENT
    ).update(state=InvitationState.DECLINED, declined_at=now, outcome_reason="declined")
    if was_open:
        timeline.record(
            kind="survey.declined",
            cause_key=f"invitation:{invitation.pk}:declined",
            account=invitation.account,
            contact=invitation.contact,
            subject=("invitation", invitation.pk),
            occurred_at=now,
            data={"reason": "declined", "channel": Channel.IN_APP.value},
        )


@transaction.atomic
def dismiss(*, invitation_id: int, now: dt.datetime) -> None:
    """The survey was closed without a word: evidence, and no outcome. It counts as asked and not answered."""
    if not invitation_id:
        return
    invitation = respond.lock(Invitation(pk=invitation_id))
    if PageVisit.objects.filter(invitation=invitation).count() < respond.MAX_VISITS:
        PageVisit.objects.create(invitation=invitation, kind="dismissed", at=now)
    Invitation.objects.filter(pk=invitation.pk, opened_at__isnull=True).update(opened_at=now)


# --- What happened in the product ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event as the browser tells it. `id` makes a repetition the same event."""

    id: str
    name: str
    at: dt.datetime
    data: Mapping[str, Any]


def track(
    *, config: Config, person: Person, events: Sequence[Happened], now: dt.datetime
) -> tuple[int, list[dict[str, Any]]]:
    """Record a known person's events; (how many were taken in, the refused ones with the reason)."""
    contact = queries.find_contact(person) or _new_contact(config, person)
    if contact is None:
        return 0, [
            {"id": e.id, "code": "unknown_person", "message": "Nobody here has this user id."} for e in events
        ]
    told, refused = [], []
    for event in events:
        if event.at < now - MAX_AGE:
            message = f"It is older than {MAX_AGE.days} days."
            refused.append({"id": event.id, "code": "too_old", "message": message})
            continue
        one = tracked.Told(
            name=event.name, source=SOURCE, contact=contact, occurred_at=min(event.at, now), data=event.data,
            external_id=f"{config.widget_id}:{contact.pk}:{event.id}"[:200],
        )  # fmt: skip
        try:
            tracked.check(one)
        except Invalid as refusal:
            refused.append({"id": event.id, "code": refusal.code, "message": refusal.message})
        else:
            told.append(one)
    if told:
        tracked.track(told=told)
    return len(told), refused


def plausible(at: Any, *, now: dt.datetime) -> dt.datetime:
    """A browser's clock (milliseconds since 1970) where it can be believed: at most MAX_AGE ago, never ahead."""
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 < at < 1e14:
        return now
    return min(dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC), now)
