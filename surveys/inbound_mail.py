"""Mail that comes back through django-anymail's inbound webhooks: replies, out-of-office notes, wishes to stop, bounces.

Nothing here ever answers a mail, so no loop can begin. A mail from ourselves is left alone. Whose mail was replied to is
told by its Message-ID, else by the token in the address it was sent to, else by who sent it.
"""

import datetime as dt
import hashlib
from email.utils import parseaddr
from typing import Any

from anymail.signals import inbound
from django.conf import settings
from django.db import transaction

from accounts.domain import normalise_email
from core import clock
from core.secrets import address_key
from surveys.channels.mail import replies
from surveys.choices import Channel, MessageKind
from surveys.models import Invitation
from surveys.provider_events import NotTaken
from surveys.queries import replies as queries
from surveys.services import delivery, messages, unsubscribe


def register() -> None:
    inbound.connect(_heard, dispatch_uid="surveys.inbound_mail")


def _heard(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
    if event.message is None:
        return
    try:
        take(event.message, provider=esp_name, event_id=event.event_id, at=event.timestamp)
    except Exception as error:
        raise NotTaken from error


@transaction.atomic
def take(message: Any, *, provider: str, event_id: str | None, at: dt.datetime | None) -> None:
    """Take in one mail (an AnymailInboundMessage). Idempotent by the mail's own Message-ID."""
    bounce = replies.bounce_of(message)
    if bounce is not None:
        _note_bounce(bounce)
        return
    if message.get_content_type() == "multipart/report":
        return  # a delay, a receipt, a bounce of something else
    address = _from(message)
    if not address or address.lower() in _own_addresses():
        return
    key = _key(address)
    invitation = _invitation(message, key)
    contact = queries.contact_of(key)
    if contact is None and invitation is not None and invitation.recipient_key == key:
        contact = invitation.contact
    if invitation is None and message.spam_detected:
        return
    subject = " ".join(replies.words(_header(message, "Subject"), None).split())
    body = replies.words(message.text, message.html)
    kind = _kind(message, body, subject)
    received = messages.receive(
        channel=Channel.EMAIL, provider=provider.lower().replace(" ", "_")[:40],
        provider_id=_ident(message, event_id, address, body), kind=kind, from_address=address, from_key=key,
        subject=subject, body=body, received_at=at if at and at.tzinfo else clock.now(), contact=contact,
        invitation=invitation,
    )  # fmt: skip
    if (
        received.is_new
        and kind is MessageKind.STOP
        and invitation is not None
        and invitation.recipient_key == key
    ):
        unsubscribe.unsubscribe_invitation(invitation.pk, now=clock.now(), detail="Asked by mail to stop")


def _kind(message: Any, body: str, subject: str) -> MessageKind:
    if replies.is_automatic(message, envelope_sender=message.envelope_sender):
        return MessageKind.AUTO_REPLY
    return MessageKind.STOP if replies.says_stop(body, subject) else MessageKind.REPLY


def _note_bounce(bounce: replies.Bounce) -> None:
    """Only a notification that names one of our own Message-IDs is believed, and only of a lasting failure."""
    row = queries.by_message_ids([bounce.message_id])
    if row is None:
        return
    report = delivery.Report.BOUNCED if bounce.is_lasting else delivery.Report.REJECTED
    delivery.note_report(report=report, key=row.key, provider_id="", at=None, detail=bounce.diagnostic)


def _invitation(message: Any, key: str) -> Invitation | None:
    row = queries.by_message_ids(replies.answered_ids(message))
    if row is not None:
        return queries.invitation(row.invitation_id)
    to = [
        message.envelope_recipient or "",
        *(_addresses(message, name) for name in ("To", "Cc", "Delivered-To")),
    ]
    return queries.by_address([part.strip() for one in to for part in one.split(",")]) or (
        queries.latest_asked(key) if key else None
    )


def _from(message: Any) -> str:
    return parseaddr(_header(message, "From"))[1][:254]


def _addresses(message: Any, name: str) -> str:
    found = (parseaddr(part)[1] for one in message.get_all(name) or [] for part in str(one).split(",")[:50])
    return ",".join(part for part in found if part)


def _header(message: Any, name: str) -> str:
    return str(message.get(name) or "")[:2_000]


def _key(address: str) -> str:
    try:
        return address_key(normalise_email(address))
    except ValueError:
        return ""


def _own_addresses() -> set[str]:
    own = {parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower(), settings.INBOUND_ADDRESS.lower()}
    return own - {""}


def _ident(message: Any, event_id: str | None, address: str, body: str) -> str:
    """What tells a mail again: its Message-ID, the provider's number of it, or its content."""
    said = _header(message, "Message-ID").strip() or str(event_id or "")
    if not said:
        said = "|".join((address, _header(message, "Date"), _header(message, "Subject"), body))
    said = said.replace("\x00", "").encode("utf-8", "ignore").decode()
    return said if len(said) <= 200 and "|" not in said else hashlib.sha256(said.encode()).hexdigest()
