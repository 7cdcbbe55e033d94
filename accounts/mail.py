"""Sending what a person wrote to a contact: the worker's side of `services.interactions.send_mail`."""

import smtplib
from email.utils import format_datetime, formataddr, parseaddr
from typing import cast

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DatabaseError

from accounts.models import Interaction, InteractionMail
from accounts.services.interactions import MAIL, resend_mail
from core import outbox
from core.failures import describe
from core.mail.address import Address, BadAddress, clean
from core.mail.outcome import Kind as Outcome
from core.mail.outcome import safe
from core.mail.smtp import EmailBackend
from team import queries as team_queries
from team.models import User

# How often a mail whose fate is unknown goes out in all: a letter twice is better than a customer without an answer.
SENDS_IN_DOUBT = 2


def register() -> None:
    """Make the kind of work known (from `AppConfig.ready`)."""
    kind = outbox.Kind(
        MAIL, InteractionMail, send, batch=10, max_attempts=12, idempotent=True, retry_by_hand=_resend
    )
    outbox.register(kind)


def _resend(row: InteractionMail, actor: User) -> None:
    resend_mail(interaction=row.interaction, actor=actor)


def send(batch: "outbox.Batch[InteractionMail]") -> None:
    """Send each mail by itself; what one server says of one mail delays no other."""
    if not settings.SENDING_ENABLED:
        batch.fail(batch.rows, "Sending is switched off in this installation (NPS_SENDING_ENABLED).")
        return
    found = Interaction.objects.select_related("contact", "user").in_bulk(
        [row.interaction_id for row in batch.rows]
    )
    with get_connection() as connection:
        for row in batch.rows:
            _send_one(batch, row, found[row.interaction_id], connection)


def _send_one(
    batch: "outbox.Batch[InteractionMail]", row: InteractionMail, interaction: Interaction, connection: object
) -> None:
    contact = interaction.contact
    if contact is None or not contact.email_key or contact.erased_at is not None:
        batch.cancel([row], "The contact has no e-mail address any more.")
        return
    if row.error.startswith("The worker was lost") and row.attempts >= SENDS_IN_DOUBT:
        batch.in_doubt(
            [row], "The worker was lost twice while sending. Ask the contact before sending again."
        )
        return
    try:
        message = build(interaction, contact.email, contact.display_name)
        raw: bytes = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's SafeMIME has it
    except (BadAddress, ValueError) as error:
        batch.fail([row], safe(str(error), rcpt=contact.email))
        return
    if isinstance(connection, EmailBackend):
        _send_fenced(batch, row, connection, contact.email, raw)
    else:
        _send_plain(batch, row, message, connection)


def _send_fenced(
    batch: "outbox.Batch[InteractionMail]",
    row: InteractionMail,
    connection: EmailBackend,
    rcpt: str,
    raw: bytes,
) -> None:
    """Over SMTP: the fence stands just before the mail's content, so that only one moment is ever in doubt."""
    address = Address.parse(rcpt)
    outcome = connection.send_fenced(
        mail_from=str(Address.parse(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        rcpt=str(address),
        data=raw,
        fence=lambda: bool(batch.fence([row])),
        smtputf8=address.needs_smtputf8,
    )
    match outcome.kind:
        case Outcome.SENT:
            batch.done([row])
        case Outcome.WITHDRAWN:
            batch.release([row])
        case Outcome.RETRY:
            batch.retry([row], outcome.diagnostic or "The mail server could not be reached.")
        case Outcome.REFUSED:
            batch.fail([row], outcome.diagnostic or "The mail server refused the mail.")
        case _:
            _doubt(batch, row, outcome.diagnostic or "The connection broke after the mail was handed over.")


def _send_plain(
    batch: "outbox.Batch[InteractionMail]", row: InteractionMail, message: EmailMessage, connection: object
) -> None:
    """By any other backend of Django's: nobody knows how far a failed call came, except for a plain refusal."""
    if not batch.fence([row]):
        batch.release([row])
        return
    message.connection = cast(BaseEmailBackend, connection)
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused:
        batch.fail([row], "The mail server refused the address.")
    except DatabaseError:
        raise
    except Exception as error:
        _doubt(batch, row, describe(error))
    else:
        batch.done([row])


def _doubt(batch: "outbox.Batch[InteractionMail]", row: InteractionMail, why: str) -> None:
    if row.attempts < SENDS_IN_DOUBT:
        batch.retry([row], why)
    else:
        batch.in_doubt([row], why)


def build(interaction: Interaction, to: str, name: str) -> EmailMessage:
    """The mail: from the workspace's address in the person's name, answers to the person, one Message-ID for ever."""
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    user = interaction.user
    company = clean(team_queries.workspace().name)
    shown = f"{clean(user.name)} ({company})" if user is not None and user.name else company
    domain = sender.rpartition("@")[2] or "localhost"
    headers = {
        "Message-ID": f"<interaction-{interaction.pk}.{settings.INSTANCE_ID}@{domain}>",
        "Date": format_datetime(interaction.created_at),
    }
    if interaction.is_automatic:
        headers["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notice comes back
    return EmailMessage(
        subject=" ".join(clean(interaction.subject).split()),
        body=interaction.body,
        from_email=formataddr((shown, sender)),
        to=[formataddr((clean(name) if name != to else "", str(Address.parse(to))))],
        reply_to=[formataddr((clean(user.name), user.email))] if user is not None else None,
        headers=headers,
    )
