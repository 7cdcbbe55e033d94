"""Asks outside campaigns: one person asked by hand, and asks that other tools report."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Account, Contact
from core import clock, jobs
from core.errors import Invalid, Refused
from surveys import eligibility, pacing, planning
from surveys.ask_rules import Asking, cost_of
from surveys.choices import Channel, InvitationState, Reason, SurveyKind, SurveyState
from surveys.content import Content
from surveys.models import ExternalAsk, Invitation, Survey, SurveyVersion
from team import audit
from team.models import User

# What time heals may be overridden with a reason. What a person said may not, and neither what cannot be delivered.
OVERRIDABLE = frozenset({
    Reason.NOT_SAMPLED, Reason.PAUSED, Reason.TENURE, Reason.RECENTLY_ANSWERED, Reason.RECENTLY_DECLINED,
    Reason.RECENTLY_ASKED, Reason.BUDGET_SPENT, Reason.RESERVED, Reason.ACCOUNT_LIMIT,
})  # fmt: skip
BY_HAND = (Channel.EMAIL, Channel.SMS)
EXTERNAL_CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.IN_APP, Channel.LINK)
MAX_REASON = 200


# --- By hand -------------------------------------------------------------------------------------------------
@transaction.atomic
def ask_now(
    *, contact: Contact, survey: Survey, actor: User, channel: Channel = Channel.EMAIL, reason: str = ""
) -> Invitation:
    """Ask one person now, outside any campaign; the answer is welcome for 30 days.

    A rule that only time stands behind can be overridden with a written `reason`, which is kept with the ask and in the
    audit log. Raises `Refused` (code "override_needed" where a reason would do) or `Invalid`.
    """
    if not settings.SENDING_ENABLED:
        raise Refused("Sending is switched off on this installation (NPS_SENDING_ENABLED).")
    if channel not in BY_HAND:
        raise Invalid("By hand people are asked by e-mail or SMS.", field="channel")
    reason = " ".join(reason.split())
    if len(reason) > MAX_REASON:
        raise Invalid(f"Write the reason in at most {MAX_REASON} characters.", field="reason")
    version = survey.current
    if survey.state != SurveyState.ACTIVE or version is None:
        raise Refused("This survey is not published. Publish it first.", field="survey")
    # The same lock as planning takes: nobody is asked twice because two people, or a campaign, did it at once.
    planning.take_lock()
    contact = Contact.objects.select_for_update().get(pk=contact.pk)
    now = clock.now()
    asking = Asking(kind=SurveyKind(survey.kind), channels=(channel,), survey_id=survey.pk)
    verdict = eligibility.judge_contact(contact, asking, now=now)
    if verdict.text is not None and verdict.reason not in OVERRIDABLE:
        raise Refused(f"{verdict.text.sentence} {verdict.text.remedy}".strip(), code=str(verdict.reason))
    if verdict.text is not None and not reason:
        raise Refused(
            f"{verdict.text.sentence} To ask nevertheless, write down why.",
            field="reason", code="override_needed",
        )  # fmt: skip
    invitation = Invitation.objects.create(
        version=version,
        contact=contact,
        account_id=contact.account_id,
        recipient_key=contact.address_key or contact.phone_key or "",
        channel=channel,
        cost=cost_of(channel),
        language=Content.from_json(version.content).language_for(contact.language),
        state=InvitationState.SENDING,
        planned_at=now,
        asked_by=actor,
        # Kept only where it overrode something: it exempts the ask from these rules once more when it is sent.
        override_reason=reason if verdict.reason else "",
    )
    SurveyVersion.objects.filter(pk=version.pk, used_at__isnull=True).update(used_at=now)
    pacing.write_deliveries([invitation.pk])
    audit.record(
        action="contact.asked_by_hand", actor=actor, obj=contact, invitation=invitation.pk, survey=survey.pk,
        channel=channel.value, overrode=str(verdict.reason or ""), why=reason if verdict.reason else "",
    )  # fmt: skip
    jobs.wake(pacing.MAIL)
    return invitation


# --- By other tools ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """An ask as another tool reports it. `cost` is in tenths of an ask; without it, what the channel costs here."""

    source: str
    external_id: str
    contact: Contact
    account: Account | None = None
    kind: SurveyKind = SurveyKind.TRANSACTIONAL
    channel: Channel = Channel.EMAIL
    asked_at: dt.datetime | None = None
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    ask: ExternalAsk
    is_new: bool


# Tools that keep calendar time may run a little fast; beyond that a moment is a mistake.
AHEAD = dt.timedelta(minutes=10)


def check(reported: Reported) -> Reported:
    """Raises `Invalid` for a report that can never be right."""
    if reported.asked_at is not None and reported.asked_at > clock.now() + AHEAD:
        raise Invalid("This lies in the future. Report asks when they were made.", field="asked_at")
    if reported.contact.erased_at is not None or reported.contact.merged_into_id is not None:
        raise Invalid("This contact was erased or merged.", field="contact")
    return reported


def note_external(*, reports: Sequence[Reported], actor: User) -> list[Noted]:
    """Take in asks that other tools made, so that they count like ours. Idempotent by source and external id: what is
    known stays as it was first told."""
    for reported in reports:
        check(reported)
    now = clock.now()
    with transaction.atomic():
        keys = {(r.source, r.external_id) for r in reports}
        known = _known(keys)
        made: dict[tuple[str, str], ExternalAsk] = {}
        for r in reports:
            if (r.source, r.external_id) not in known:
                made.setdefault((r.source, r.external_id), _row(r, now))
        try:
            with transaction.atomic():
                ExternalAsk.objects.bulk_create(made.values())
        except IntegrityError:
            # The same report came twice at the same moment: the other call has written some of them.
            ExternalAsk.objects.bulk_create(made.values(), ignore_conflicts=True)
            written = _known(keys)
            fresh: set[tuple[str, str]] = set()
        else:
            written, fresh = known | made, set(made)
        if fresh:
            audit.record(action="asks.reported", actor=actor, number=len(fresh))
    found = []
    for r in reports:
        key = (r.source, r.external_id)
        found.append(Noted(written[key], key in fresh))
        fresh.discard(key)
    return found


def _known(keys: set[tuple[str, str]]) -> dict[tuple[str, str], ExternalAsk]:
    rows = ExternalAsk.objects.filter(
        source__in={source for source, _ in keys}, external_id__in={ident for _, ident in keys}
    )
    return {(row.source, row.external_id): row for row in rows}


def _row(reported: Reported, now: dt.datetime) -> ExternalAsk:
    contact = reported.contact
    return ExternalAsk(
        source=reported.source,
        external_id=reported.external_id,
        contact=contact,
        account_id=contact.account_id,
        recipient_key=contact.address_key or contact.phone_key or f"contact:{contact.pk}",
        kind=reported.kind,
        channel=reported.channel,
        cost=cost_of(reported.channel) if reported.cost is None else reported.cost,
        asked_at=min(reported.asked_at or now, now),
        reported_at=now,
    )
