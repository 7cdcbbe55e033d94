"""Sending survey mail: a batch of claimed deliveries goes out, and each gets exactly one outcome.

The order is what makes a mail go out at most once: judge (who became ineligible meanwhile is withdrawn), connect and
name the recipient, fence (one statement that also looks at suppressions, pauses and answers), hand over, record. A crash
before the fence repeats; a crash after it leaves the row in doubt, which evidence (`resolve_doubts`) or a person
(`send_again`, `mark_as_sent`) settles. Docs: core.outbox.
"""

import datetime as dt
import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, IntegerField, Q, Value, When

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Event
from core import clock, jobs, outbox
from core.errors import Refused
from core.mail.outcome import Kind, Outcome, safe
from core.outbox import DB_NOW, State
from core.secrets import address_key
from surveys import eligibility, merge, pacing, sql_delivery
from surveys.channels import registry
from surveys.channels.base import Item, Result
from surveys.choices import Channel, InvitationState, SuppressionReason
from surveys.content import Content
from surveys.models import Delivery, Invitation, PageVisit, SurveyVersion
from surveys.queries import delivery as queries
from surveys.queries.delivery import Ask
from surveys.queries.respond import Visit
from surveys.rendering import Company
from surveys.services import campaigns, suppressions, unsubscribe
from team import audit
from team import queries as team_queries
from team.models import User, Workspace

logger = logging.getLogger(__name__)
Batch = outbox.Batch[Delivery]

# Back-off doubles from one minute: nine attempts reach over four hours, which outlasts greylisting.
MAX_ATTEMPTS = 9
SERVER_PAUSE_SECONDS = 60.0
RECORD_SECONDS = 15.0
# Outcomes an invitation shows instead of "sent".
REFUSED, BOUNCED, GAVE_UP, NOT_BUILT, CALLED_OFF = "refused", "bounced", "gave_up", "not_built", "called_off"

# By channel, the moment until which nothing is tried because its server was away.
_away_until: dict[str, float] = {}


def register() -> None:
    """Make survey mail and its release known to the outbox."""
    outbox.register(
        outbox.Kind(
            pacing.MAIL,
            Delivery,
            send_batch,
            max_attempts=MAX_ATTEMPTS,
            filter=_may_be_claimed,
            scope=sql_delivery.leaves_the_house(),
            on_dead=give_up,
            retry_by_hand=lambda row, actor: send_again(delivery=row, actor=actor),
            settle_by_hand=_settle_by_hand,
        )
    )
    outbox.register(outbox.Kind(pacing.RELEASE, "surveys.Wave", _never, pump=_release_or_finish))
    jobs.on_tick("deliveries_in_doubt", resolve_doubts)


def _release_or_finish() -> int:
    """Release what is due; when nothing is, see which campaigns have nothing left to send."""
    released = pacing.release_due()
    if not released:
        campaigns.finish_done()
    return released


def _never(batch: "outbox.Batch[Delivery]") -> None:
    raise AssertionError("A pump has no batches.")


def _may_be_claimed() -> Q:
    if not settings.SENDING_ENABLED:
        return Q(pk__in=[])
    now = time.monotonic()
    away = [channel for channel, until in _away_until.items() if now < until]
    if len(away) >= len(registry.SENT):
        return Q(pk__in=[])
    return sql_delivery.claimable() & ~Q(channel__in=away) if away else sql_delivery.claimable()


# --- A batch -------------------------------------------------------------------------------------------------
def send_batch(batch: Batch) -> None:
    """Send the claimed deliveries and settle every one of them."""
    now = clock.now()
    workspace = team_queries.workspace()
    asks = queries.asks(batch.rows, eligibility.rules_of(workspace), now=now)
    ready = _sift(batch, asks)
    if ready:
        _send(batch, ready, asks, workspace, now)
    if len(batch.rows) < batch.kind.batch:
        jobs.wake(pacing.RELEASE)


def _sift(batch: Batch, asks: Mapping[int, Ask]) -> list[Delivery]:
    """The rows that may still be sent; the others are cancelled, and their invitations say why."""
    ready: list[Delivery] = []
    settled: list[Delivery] = []
    for row in batch.rows:
        ask = asks.get(row.invitation_id)
        if ask is None or ask.state not in queries.open_states(row.step):
            settled.append(row)
        elif ask.is_test or ask.reason is None:
            ready.append(row)
        else:
            _withdraw(batch, row, ask.reason)
    batch.cancel(settled, "Settled before it was sent")
    return ready


def _withdraw(batch: Batch, row: Delivery, reason: str) -> None:
    with transaction.atomic():
        batch.cancel([row], reason)
        ask = Invitation.objects.filter(pk=row.invitation_id)
        ask.filter(state=InvitationState.SENDING).update(
            state=InvitationState.WITHDRAWN, outcome_reason=reason
        )
        if row.step != pacing.FIRST_STEP:
            # What was asked stays asked; the message that does not come costs nothing.
            ask.filter(cost__gte=row.cost).update(cost=F("cost") - row.cost)


def _send(
    batch: Batch, ready: Sequence[Delivery], asks: Mapping[int, Ask], workspace: Workspace, now: dt.datetime
) -> None:
    rows = {row.pk: row for row in ready}
    later = [row.invitation_id for row in ready if row.step != pacing.FIRST_STEP]
    threads = queries.first_message_ids(later) if later else {}

    def fence(ids: Sequence[int]) -> Collection[int]:
        return {row.pk for row in batch.fence([rows[pk] for pk in ids], sql_delivery.still_wanted())}

    by_channel: dict[str, list[Delivery]] = defaultdict(list)
    for row in ready:
        by_channel[row.channel].append(row)
    for channel, group in by_channel.items():
        results = registry.module_of(channel).hand_over(
            [_item(row, asks[row.invitation_id], threads.get(row.invitation_id, "")) for row in group],
            versions=queries.version,
            company=Company(name=workspace.name, postal_address=workspace.postal_address),
            now=now,
            fence=fence,
        )
        _record(batch, rows, results, asks, now)


def _item(row: Delivery, ask: Ask, in_reply_to: str = "") -> Item:
    if ask.is_test:
        name, address, phone = ask.tester_name or "", ask.tester_email or "", ask.tester_phone or ""
        first, _, last = name.partition(" ")
        account, owner = "Your account", name
    else:
        contact = ask.contact
        assert contact is not None, "Judged: the contact exists."
        first, last, address, name = contact.first_name, contact.last_name, contact.email, contact.full_name
        phone = contact.phone if contact.phone_key else ""
        account = ask.account.name if ask.account else ""
        owner = ask.owner_name or ""
    as_owner = bool(ask.as_owner) and not ask.is_test
    return Item(
        id=row.pk,
        key=row.key,
        message_id=row.message_id,
        invitation_id=ask.pk,
        is_test=ask.is_test,
        version_id=ask.version_id,
        language=ask.language,
        address=address,
        phone=phone,
        step=row.step,
        in_reply_to=in_reply_to if row.step != pacing.FIRST_STEP else "",
        name=name,
        tags={
            "first_name": first, "last_name": last, "full_name": name, "account_name": account,
            "owner_name": owner, "owner_first_name": owner.partition(" ")[0],
            **merge.event_values(json.loads(ask.context or "{}") or {}),
        },
        owner_name=owner if as_owner else "",
        owner_email=(ask.owner_email or "") if as_owner else "",
    )  # fmt: skip


# --- Outcomes ------------------------------------------------------------------------------------------------
def _record(
    batch: Batch,
    rows: Mapping[int, Delivery],
    results: Mapping[int, Result],
    asks: Mapping[int, Ask],
    now: dt.datetime,
) -> None:
    by_kind: dict[Kind, list[Delivery]] = defaultdict(list)
    for pk, result in results.items():
        by_kind[result.outcome.kind].append(rows[pk])
    sent = by_kind.pop(Kind.SENT, [])
    if sent:
        _persistently(lambda: _record_sent(batch, sent, results, asks, now))
    for row in by_kind.pop(Kind.IN_DOUBT, []):
        _persistently(lambda row=row: _record_doubt(batch, row, results[row.pk].outcome, now))  # type: ignore[misc]
    for row in by_kind.pop(Kind.REFUSED, []):
        _persistently(lambda row=row: _record_refusal(batch, row, results[row.pk], now))  # type: ignore[misc]
    _release_or_retry(batch, by_kind.pop(Kind.RETRY, []), results)
    _settle_withheld(batch, by_kind.pop(Kind.WITHDRAWN, []))


def _record_sent(
    batch: Batch,
    sent: Sequence[Delivery],
    results: Mapping[int, Result],
    asks: Mapping[int, Ask],
    now: dt.datetime,
) -> None:
    """Delivery, invitation and event of each mail, in one transaction."""
    with transaction.atomic():
        alike: dict[tuple[str, int | None, str], list[Delivery]] = defaultdict(list)
        for row in sent:
            result = results[row.pk]
            alike[result.provider_id, result.segments, str(result.outcome.code)].append(row)
        for (provider_id, segments, code), group in alike.items():
            more = {} if segments is None else {"segments": segments}
            batch.done(group, sent_at=DB_NOW, code=code, provider_id=provider_id, **more)
        _note_sent(sent, asks, now)


def _note_sent(sent: Sequence[Delivery], asks: Mapping[int, Ask], now: dt.datetime) -> None:
    """The first message of somebody asks them; a further one reminds them."""
    again = [row for row in sent if asks[row.invitation_id].state == InvitationState.SENT]
    reminded = {row.pk for row in again}
    first = [asks[row.invitation_id] for row in sent if row.pk not in reminded]
    if first:
        _note_asked(first, now)
    if again:
        _note_reminded(again, asks, now)


def _note_reminded(rows: Sequence[Delivery], asks: Mapping[int, Ask], now: dt.datetime) -> None:
    """Another message went out; when the person was asked, and until when they may answer, stays as it was."""
    facts = timeline.facts_of_many(
        [(asks[row.invitation_id].account, asks[row.invitation_id].contact) for row in rows]
    )
    events = []
    for row, values in zip(rows, facts, strict=True):
        event = _event("survey.reminded", asks[row.invitation_id], transition=row.step, now=now, facts=values)
        event.data |= {"step": row.step, "channel": row.channel}
        events.append(event)
    timeline.record_many(events)


def _note_asked(asks: Sequence[Ask], now: dt.datetime) -> None:
    """These people have been asked: the ledger, the clock of expiry and the timeline know it from now on.

    A server that took the mail is all that SMTP tells, so it counts as delivered; a bounce that comes later takes that back.
    """
    facts = timeline.facts_of_many([(ask.account, ask.contact) for ask in asks])
    if connection.vendor == "postgresql":
        sql_delivery.note_sent(
            [
                {
                    "id": ask.pk, "account": ask.account_id, "contact": ask.contact_id, "is_test": ask.is_test,
                    "days": ask.expires_after_days, "facts": values, "data": {"wave": ask.wave_id},
                }
                for ask, values in zip(asks, facts, strict=True)
            ],
            now=now,
        )  # fmt: skip
        jobs.wake(timeline.RELAY)
        return
    by_expiry: dict[int | None, list[int]] = defaultdict(list)
    for ask in asks:
        by_expiry[ask.expires_after_days].append(ask.pk)
    for days, ids in by_expiry.items():
        Invitation.objects.filter(pk__in=ids).update(
            asked_at=now,
            delivered_at=now,
            expires_at=None if days is None else now + dt.timedelta(days=days),
            state=Case(
                When(state=InvitationState.SENDING, then=Value(InvitationState.SENT.value)),
                default=F("state"),
            ),
        )
    timeline.record_many(
        [
            _event("survey.sent", ask, transition="sent", now=now, facts=values)
            for ask, values in zip(asks, facts, strict=True)
            if not ask.is_test
        ]
    )


def _event(
    kind: str,
    invitation: Invitation | Ask,
    *,
    transition: str,
    now: dt.datetime,
    facts: Mapping[str, object],
    reason: str = "",
) -> Event:
    return Event(
        kind=kind,
        account_id=invitation.account_id,
        contact_id=invitation.contact_id,
        subject_type="invitation",
        subject_id=invitation.pk,
        cause_key=f"invitation:{invitation.pk}:{transition}",
        origin=Origin.LIVE,
        occurred_at=now,
        facts=dict(facts),
        data={"wave": invitation.wave_id} | ({"reason": reason} if reason else {}),
    )


def _record_doubt(batch: Batch, row: Delivery, outcome: Outcome, now: dt.datetime) -> None:
    with transaction.atomic():
        batch.in_doubt([row], outcome.diagnostic or "Nobody knows whether it arrived.", code=_code(outcome))
        # It may well have arrived, so for the next campaign the person counts as asked.
        _count_as_asked(row.invitation_id, now)


def _count_as_asked(invitation_id: int, at: dt.datetime) -> None:
    """The person counts as asked, and the link in the mail, should it have arrived, is good for as long as any other."""
    asked = Invitation.objects.filter(pk=invitation_id, asked_at__isnull=True)
    by_hand = Q(wave__isnull=True, is_test=False)
    days = asked.values_list(
        Case(
            When(by_hand, then=Value(sql_delivery.BY_HAND_DAYS)),
            default=F("wave__campaign__expires_after_days"),
            output_field=IntegerField(),
        ),
        flat=True,
    ).first()
    asked.update(asked_at=at, expires_at=None if days is None else at + dt.timedelta(days=days))


def _record_refusal(batch: Batch, row: Delivery, result: Result, now: dt.datetime) -> None:
    outcome = result.outcome
    with transaction.atomic():
        batch.fail([row], outcome.diagnostic or "The mail server refused the message.", code=_code(outcome))
        if outcome.address_bad:
            reason = SuppressionReason.UNSUBSCRIBED if result.opted_out else SuppressionReason.BOUNCED
            note_bounce(
                row.invitation_id, outcome.diagnostic, now=now, reason=reason, channel=Channel(row.channel)
            )
        else:
            shown = REFUSED if outcome.code else NOT_BUILT
            Invitation.objects.filter(pk=row.invitation_id, state=InvitationState.SENDING).update(
                state=InvitationState.FAILED, outcome_reason=shown
            )


def note_bounce(
    invitation_id: int,
    diagnostic: str,
    *,
    now: dt.datetime,
    reason: SuppressionReason = SuppressionReason.BOUNCED,
    channel: Channel = Channel.EMAIL,
) -> None:
    """The address of an invitation is no good (or its owner complained): suppress it, say so on the timeline, and
    look whether the campaign has to stop. An SMS concerns the number, a mail the address. Idempotent; call inside a
    transaction."""
    invitation = Invitation.objects.select_related("contact", "account", "wave").get(pk=invitation_id)
    if invitation.is_test:
        Invitation.objects.filter(pk=invitation.pk).update(
            state=InvitationState.FAILED, outcome_reason=reason.value
        )
        return
    key = invitation.recipient_key
    if channel is Channel.SMS:
        key = (invitation.contact.phone_key if invitation.contact else None) or ""
    if key:
        suppressions.suppress(address_key=key, reason=reason, detail=diagnostic, channel=channel)
    settled = {InvitationState.ANSWERED, InvitationState.DECLINED}
    weightier = {reason.value, SuppressionReason.COMPLAINED.value}
    changed = (
        Invitation.objects.filter(pk=invitation.pk)
        .exclude(state__in=settled)
        .exclude(outcome_reason__in=weightier)
        .update(state=InvitationState.FAILED, outcome_reason=reason.value, delivered_at=None)
    )
    if changed:
        (facts,) = timeline.facts_of_many([(invitation.account, invitation.contact)])
        event = _event(
            "survey.bounced", invitation, transition=reason.value, now=now, facts=facts, reason=reason.value
        )
        timeline.record_many([event])
        if invitation.wave is not None:
            campaigns.pause_if_bouncing(invitation.wave.campaign_id)


def give_up(row: Delivery) -> None:
    """Called by the outbox when a delivery has no attempts left."""
    Invitation.objects.filter(pk=row.invitation_id, state=InvitationState.SENDING).update(
        state=InvitationState.FAILED, outcome_reason=GAVE_UP
    )


def _release_or_retry(batch: Batch, rows: Sequence[Delivery], results: Mapping[int, Result]) -> None:
    """Trouble of the server is nobody's fault: its rows wait, uncounted. Trouble with a message counts against it."""
    away = [row for row in rows if results[row.pk].outcome.about_server]
    if away:
        _away_until[away[0].channel] = time.monotonic() + SERVER_PAUSE_SECONDS / 2
        text = results[away[0].pk].outcome.diagnostic
        batch.release(away, after=SERVER_PAUSE_SECONDS)
        Delivery.objects.filter(pk__in=[row.pk for row in away], state=State.PENDING).update(error=text)
        logger.warning("%s: %d message(s) wait for the server: %s", away[0].channel, len(away), text)
    for row in rows:
        if not results[row.pk].outcome.about_server:
            outcome = results[row.pk].outcome
            batch.retry([row], outcome.diagnostic, code=_code(outcome))


def _settle_withheld(batch: Batch, rows: Sequence[Delivery]) -> None:
    """Messages that the fence held back: a pause only delays them, all else ends them."""
    if not rows:
        return
    why = queries.withheld_because(rows)
    batch.release([row for row in rows if why.get(row.pk) == "paused"])
    batch.cancel(
        [row for row in rows if why.get(row.pk, "settled") == "settled"], "Settled before it was sent"
    )
    suppressed = [row for row in rows if why.get(row.pk) == "suppressed"]
    verdicts = eligibility.judge_invitations([row.invitation_id for row in suppressed])
    for row in suppressed:
        reason = verdicts[row.invitation_id].reason if row.invitation_id in verdicts else None
        _withdraw(batch, row, reason.value if reason else "suppressed")


def _code(outcome: Outcome) -> str:
    return (outcome.enhanced or str(outcome.code or ""))[:20]


def _persistently(record: Callable[[], None]) -> None:
    """Only this record tells a sent mail from a doubtful one, so it is tried again while the database is away."""
    deadline = time.monotonic() + RECORD_SECONDS
    while True:
        try:
            return record()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(0.3)


# --- Doubt and failure, settled later ------------------------------------------------------------------------
def resolve_doubts() -> int:
    """Settle doubtful deliveries by evidence: somebody opened, answered or declined, so the mail did arrive.

    Also makes people whose mail is in doubt count as asked, where the worker that sent it was killed. Runs with the tick.
    """
    doubtful = Delivery.objects.filter(state=State.IN_DOUBT)
    unknown = doubtful.filter(invitation__asked_at__isnull=True).values_list("invitation_id", "finished_at")
    for invitation_id, at in unknown:
        _count_as_asked(invitation_id, at or clock.now())
    seen = (
        Q(invitation__opened_at__isnull=False)
        | Q(invitation__scored_at__isnull=False)
        | Q(invitation__declined_at__isnull=False)
        | Q(invitation__visits__isnull=False)
    )
    proven = Delivery.objects.filter(state=State.IN_DOUBT).filter(seen).distinct()
    return sum(_settle_as_sent(row) for row in proven)


def _settle_as_sent(row: Delivery) -> bool:
    with transaction.atomic():
        if not Delivery.objects.filter(pk=row.pk, state=State.IN_DOUBT).update(
            state=State.DONE, error="", sent_at=F("finished_at")
        ):
            return False
        now = clock.now()
        asked_at = Invitation.objects.values_list("asked_at", flat=True).get(pk=row.invitation_id)
        (ask,) = queries.asks([row], eligibility.rules(), now=now).values()
        if ask.state == InvitationState.SENT and row.step != pacing.FIRST_STEP:
            _note_reminded([row], {ask.pk: ask}, now)
        else:
            _note_asked([ask], asked_at or now)
        return True


def mark_as_sent(*, delivery: Delivery, actor: User) -> None:
    """A person knows that a doubtful mail arrived. Raises `Refused` when it is not in doubt any more."""
    if not _settle_as_sent(delivery):
        raise Refused("This message is no longer in doubt.")
    audit.record(action="delivery.marked_as_sent", actor=actor, obj=delivery)


@transaction.atomic
def send_again(*, delivery: Delivery, actor: User) -> None:
    """A person has a doubtful or failed mail sent once more, under its old Message-ID, with all attempts ahead.

    Raises `Refused` when it is not waiting for a decision, or the campaign was stopped.
    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("wave__campaign")
        .get(pk=delivery.invitation_id)
    )
    if invitation.wave is not None and invitation.wave.campaign.state not in sql_delivery.SENDING_STATES:
        raise Refused("The campaign is not running. Resume it first.")
    if invitation.scored_at or invitation.declined_at:
        raise Refused("This person has answered or declined meanwhile.")
    waiting = Delivery.objects.filter(pk=delivery.pk, state__in=[State.IN_DOUBT, State.FAILED, State.DEAD])
    if not outbox.retry_by_hand(waiting):
        raise Refused("This message is on its way already.")
    if delivery.step == pacing.FIRST_STEP or invitation.state != InvitationState.SENT:
        Invitation.objects.filter(pk=invitation.pk).update(
            state=InvitationState.SENDING,
            asked_at=None,
            delivered_at=None,
            expires_at=None,
            outcome_reason="",
        )
    audit.record(action="delivery.sent_again", actor=actor, obj=delivery)
    jobs.wake(pacing.MAIL)


def _settle_by_hand(row: Delivery, state: State, actor: User) -> None:
    """What an administrator says of a message: it arrived, or it did not and never shall."""
    if state == State.DONE:
        mark_as_sent(delivery=row, actor=actor)
    else:
        call_off(delivery=row, actor=actor)


@transaction.atomic
def call_off(*, delivery: Delivery, actor: User) -> None:
    """A person knows that a doubtful or failed mail did not arrive, and it shall not go out: nobody was asked by it.

    Raises `Refused` when it is not waiting for a decision.
    """
    waiting = Delivery.objects.filter(pk=delivery.pk, state__in=[State.IN_DOUBT, State.FAILED, State.DEAD])
    if not waiting.update(
        state=State.CANCELLED, error="Called off by hand", lease_until=None, finished_at=clock.now()
    ):
        raise Refused("This message is not waiting for a decision.")
    Invitation.objects.filter(pk=delivery.invitation_id, state=InvitationState.SENDING).update(
        state=InvitationState.FAILED, asked_at=None, outcome_reason=CALLED_OFF
    )
    audit.record(action="delivery.called_off", actor=actor, obj=delivery)


# --- Tests ---------------------------------------------------------------------------------------------------
@transaction.atomic
def send_test(
    *, version: SurveyVersion, language: str, actor: User, channel: Channel = Channel.EMAIL
) -> Delivery:
    """Send the mail or SMS of a version, also of a draft, to the person who asks for it. It never enters any figure."""
    if not settings.SENDING_ENABLED:
        raise Refused("Sending is switched off on this installation (NPS_SENDING_ENABLED).")
    spoken = Content.from_json(version.content).language_for(language)
    invitation = Invitation.objects.create(
        version=version, recipient_key=address_key(actor.phone if channel == Channel.SMS else actor.email.lower()),
        language=spoken, channel=channel, state=InvitationState.SENDING, is_test=True, tester=actor, planned_at=clock.now(),
    )  # fmt: skip
    pacing.write_deliveries([invitation.pk])
    jobs.wake(pacing.MAIL)
    return Delivery.objects.get(invitation=invitation)


# --- What providers report -----------------------------------------------------------------------------------
class Report(StrEnum):
    """What a mail provider says became of a message."""

    DELIVERED = "delivered"
    OPENED = "opened"
    FETCHED = "fetched"  # opened by a program, not by a person
    BOUNCED = "bounced"
    REJECTED = "rejected"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


@transaction.atomic
def note_report(*, report: Report, key: str, provider_id: str, at: dt.datetime | None, detail: str) -> bool:
    """Take in what a provider reports of a delivery; says whether it is one of ours. Idempotent, and the same in any
    order: a complaint outweighs a bounce, a bounce a refusal, and a refusal "delivered".

    Any report proves that the provider had the message, so a doubt is settled by it.
    """
    row = queries.find(key=key, provider_id=provider_id)
    if row is None:
        return False
    now = clock.now()
    at = min(at, now) if at is not None else now
    if row.state == State.IN_DOUBT:
        _settle_as_sent(row)
    ask = Invitation.objects.filter(pk=row.invitation_id)
    if report is Report.DELIVERED:
        ask.filter(asked_at__isnull=False, outcome_reason="").update(delivered_at=at)
    elif report is Report.OPENED:
        ask.filter(opened_at__isnull=True).update(opened_at=at)
    elif report is Report.FETCHED:
        ask.filter(asked_at__isnull=False, outcome_reason="", delivered_at__isnull=True).update(
            delivered_at=at
        )
        if not PageVisit.objects.filter(invitation_id=row.invitation_id, kind=Visit.MACHINE).exists():
            PageVisit.objects.create(invitation_id=row.invitation_id, kind=Visit.MACHINE, at=at)
    elif report is Report.UNSUBSCRIBED:
        unsubscribe.unsubscribe_invitation(
            row.invitation_id, now=now, detail="Unsubscribed at the mail provider"
        )
    elif report is Report.REJECTED:
        ask.filter(state__in=[InvitationState.SENDING, InvitationState.SENT]).update(
            state=InvitationState.FAILED, outcome_reason=REFUSED, delivered_at=None
        )
        Delivery.objects.filter(pk=row.pk).update(error=safe(detail))
    else:
        reason = SuppressionReason.BOUNCED if report is Report.BOUNCED else SuppressionReason.COMPLAINED
        note_bounce(row.invitation_id, safe(detail), now=now, reason=reason, channel=Channel(row.channel))
        Delivery.objects.filter(pk=row.pk).update(error=safe(detail))
    return True
