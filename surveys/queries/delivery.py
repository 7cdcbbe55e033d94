"""What the sender reads before a batch goes out, and what pages say of messages that need a person."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from accounts.models import Account, Contact
from core.outbox import State
from surveys import sql_delivery
from surveys.ask_rules import Rules
from surveys.choices import Channel, InvitationState
from surveys.models import Delivery, Suppression, SurveyVersion


@dataclass(frozen=True, slots=True)
class Ask:
    """An invitation about to be sent: the verdict on it and all that its mail and its event say."""

    pk: int
    state: str
    is_test: bool
    language: str
    version_id: int
    wave_id: int | None
    account_id: int | None
    contact_id: int | None
    expires_after_days: int | None
    owner_name: str | None
    owner_email: str | None
    as_owner: bool | None
    tester_name: str | None
    tester_email: str | None
    tester_phone: str | None
    reason: str | None
    context: str | None  # JSON: the data of the event that caused the ask
    account: Account | None
    contact: Contact | None


def asks(deliveries: Sequence[Delivery], rules: Rules, *, now: dt.datetime) -> dict[int, Ask]:
    """The asks of a batch, judged, by invitation id, in one statement."""
    own, accounts = sql_delivery.OWN_COLUMNS, sql_delivery.OWN_COLUMNS + len(sql_delivery.ACCOUNT_FIELDS)
    return {
        row[0]: Ask(
            *row[:own],  # type: ignore[call-arg]  # as many as Ask has before the two below
            sql_delivery.account_of(row[own:accounts]),
            sql_delivery.contact_of(row[accounts:]),
        )
        for row in sql_delivery.read_batch([row.invitation_id for row in deliveries], rules, now=now)
    }


def version(version_id: int) -> SurveyVersion:
    return SurveyVersion.objects.get(pk=version_id)


def open_states(step: str) -> frozenset[str]:
    """In which states of its invitation a message is still to be sent: the first before, later ones also after the ask."""
    if step == "first":
        return frozenset({InvitationState.SENDING})
    return frozenset({InvitationState.SENDING, InvitationState.SENT})


def first_message_ids(invitation_ids: Sequence[int]) -> dict[int, str]:
    """The Message-ID of the first mail of each invitation that got one."""
    rows = Delivery.objects.filter(
        invitation__in=invitation_ids, step="first", channel=Channel.EMAIL, state=State.DONE
    )
    return dict(rows.values_list("invitation_id", "message_id"))


def withheld_because(deliveries: Sequence[Delivery]) -> dict[int, str]:
    """Why the fence held messages back, by delivery id: "suppressed", "settled" or "paused"."""
    in_force = Suppression.objects.filter(lifted_at__isnull=True, channel=OuterRef("channel"))
    suppressed = in_force.filter(
        Q(address_key=OuterRef("invitation__recipient_key")) & ~Q(channel=Channel.SMS)
        | Q(address_key=OuterRef("invitation__contact__phone_key"), channel=Channel.SMS)
    )
    rows = (
        Delivery.objects.filter(pk__in=[row.pk for row in deliveries])
        .annotate(is_suppressed=Exists(suppressed))
        .values_list("pk", "is_suppressed", "invitation__state", "step")
    )
    return {
        pk: "suppressed" if is_suppressed else "paused" if state in open_states(step) else "settled"
        for pk, is_suppressed, state, step in rows
    }


def find(*, key: str, provider_id: str) -> Delivery | None:
    """The delivery a provider's event is about."""
    if key:
        return Delivery.objects.filter(key=key).first()
    return Delivery.objects.filter(provider_id=provider_id).first() if provider_id else None
