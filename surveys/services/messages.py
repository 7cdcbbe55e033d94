"""What comes back: replies to mails, and words sent to a number. Kept once, filed under whose it is, and told."""

import datetime as dt
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts import timeline
from accounts.models import Contact
from core import clock
from core.errors import Refused
from surveys.choices import Channel, MessageKind
from surveys.models import InboundMessage, Invitation
from team import audit
from team.models import User

# What a program wrote is no contact with a customer, and a wish to be left alone is told as such elsewhere.
TOLD = frozenset({MessageKind.REPLY})


@dataclass(frozen=True, slots=True)
class Received:
    """The message as kept, and whether it had come before."""

    message: InboundMessage
    is_new: bool


@transaction.atomic
def receive(
    *,
    channel: Channel,
    provider: str,
    provider_id: str,
    kind: MessageKind,
    from_address: str,
    from_key: str,
    received_at: dt.datetime,
    subject: str = "",
    body: str = "",
    contact: Contact | None = None,
    invitation: Invitation | None = None,
) -> Received:
    """Keep a message, filed under `contact` and the account of the ask it answers, and write `message.received`.

    Once by (provider, provider_id): what comes again is what came first, whatever it says now.
    """
    known = InboundMessage.objects.filter(provider=provider, provider_id=provider_id).first()
    if known is not None:
        return Received(known, is_new=False)
    if contact is not None:
        account = contact.account
    else:
        account = invitation.account if invitation is not None else None
    try:
        with transaction.atomic():
            message = InboundMessage.objects.create(
                channel=channel, provider=provider, provider_id=provider_id, kind=kind, from_key=from_key,
                from_address=from_address[:254], subject=subject[:200], body=body,
                received_at=min(received_at, clock.now()), contact=contact, account=account, invitation=invitation,
            )  # fmt: skip
    except IntegrityError:
        # The same message came twice in the same moment.
        return Received(InboundMessage.objects.get(provider=provider, provider_id=provider_id), is_new=False)
    if kind in TOLD and (account is not None or contact is not None):
        timeline.record(
            kind="message.received",
            cause_key=f"message:{message.pk}:received",
            account=account,
            contact=contact,
            subject=("message", message.pk),
            occurred_at=message.received_at,
            data={"channel": str(channel), "kind": str(kind)},
        )
    return Received(message, is_new=True)


@transaction.atomic
def handle(*, message: InboundMessage, actor: User) -> None:
    """Somebody has seen to it. Raises `Refused` when somebody had before."""
    if not InboundMessage.objects.filter(pk=message.pk, handled_at__isnull=True).update(
        handled_at=clock.now(), handled_by=actor
    ):
        raise Refused("Somebody has seen to this message already.")
    audit.record(action="message.handled", actor=actor, obj=message)
