"""Logging human contact, and writing to a contact from a page."""

import datetime as dt
from typing import Any

from django.db import transaction

from accounts import cleaning, history, timeline
from accounts.domain import InteractionKind, Origin
from accounts.models import Account, Contact, Interaction, InteractionMail
from core import clock, jobs, outbox
from core.errors import Refused
from team import audit
from team.models import User

MAIL = "accounts.interaction_mail"
LABELS = {"note": "note", "call": "call", "meeting": "meeting", "mail": "mail"}


@transaction.atomic
def log_interaction(
    *,
    account: Account,
    kind: str,
    actor: User | None,
    contact: Contact | None = None,
    subject: str = "",
    body: str = "",
    outcome: str = "",
    happened_at: dt.datetime | None = None,
    origin: Origin = Origin.LIVE,
    is_automatic: bool = False,
) -> Interaction:
    """Write down a note, call, meeting or mail. It stands on the timeline at the time it happened."""
    kind = cleaning.choice(kind, [k.value for k in InteractionKind], field="kind", label="Kind")
    subject, body, outcome = _texts(subject, body, outcome)
    if not (subject or body or outcome):
        raise Refused(
            "Write down what it was about: a subject, a text or an outcome.", field="body", status=400
        )
    _check_contact(account, contact)
    happened_at = _when(happened_at)
    interaction = Interaction(
        account=account,
        contact=contact,
        user=actor,
        kind=kind,
        subject=subject,
        body=body,
        outcome=outcome,
        is_automatic=is_automatic,
        happened_at=happened_at,
        created_at=clock.now(),
    )
    history.sign(interaction, actor)
    interaction.save()
    audit.record(action="interaction.logged", actor=actor, obj=interaction, kind=kind, account=account.pk)
    timeline.record(
        kind="interaction.logged",
        cause_key=f"interaction:{interaction.pk}:logged",
        account=account,
        contact=contact,
        actor=actor,
        subject=("interaction", interaction.pk),
        origin=origin,
        occurred_at=happened_at,
        data={"kind": kind, "has_outcome": bool(outcome), **({"automatic": True} if is_automatic else {})},
    )
    return interaction


@transaction.atomic
def update_interaction(
    *,
    interaction: Interaction,
    actor: User | None,
    subject: str,
    body: str,
    outcome: str,
    happened_at: dt.datetime,
) -> Interaction:
    """Correct what was written down. A mail that was sent stays as it was sent; only its outcome can be added."""
    interaction = Interaction.objects.select_for_update(of=("self",)).get(pk=interaction.pk)
    subject, body, outcome = _texts(subject, body, outcome)
    if InteractionMail.objects.filter(interaction=interaction).exists():
        if (subject, body) != (interaction.subject, interaction.body):
            raise Refused(
                "A mail that was sent cannot be changed. Add its outcome, or log a note.", field="body"
            )
        happened_at = interaction.happened_at
    elif not (subject or body or outcome):
        raise Refused(
            "Write down what it was about: a subject, a text or an outcome.", field="body", status=400
        )
    interaction.subject, interaction.body, interaction.outcome = subject, body, outcome
    interaction.happened_at = _when(happened_at)
    history.sign(interaction, actor)
    interaction.save(update_fields=["subject", "body", "outcome", "happened_at"])
    audit.record(action="interaction.updated", actor=actor, obj=interaction)
    return interaction


@transaction.atomic
def send_mail(
    *, contact: Contact, subject: str, body: str, actor: User, is_automatic: bool = False
) -> Interaction:
    """Write to a contact: logged as an interaction at once, sent by the worker within moments.

    `is_automatic` says that a rule wrote it, which is no human contact.

    The mail comes from the workspace's address in the person's name, and answers go to the person. It is repeated
    once by itself when its fate is unknown; a refusal is shown beside it on the timeline.
    """
    if contact.merged_into_id is not None or contact.erased_at is not None:
        raise Refused(
            "This contact was merged into another or erased. Nothing can be sent to them.", code="gone"
        )
    if contact.account is None:
        raise Refused("This contact belongs to no account yet. Choose the account first.", code="no_account")
    if not contact.email_key:
        raise Refused(
            "This contact has no e-mail address. Add one first.", field="contact", code="no_address"
        )
    subject = cleaning.text(subject, field="subject", label="Subject", limit=200, is_required=True)
    body = cleaning.text(body, field="body", label="Message", limit=20_000, is_required=True, lines=True)
    interaction = log_interaction(
        account=contact.account,
        contact=contact,
        kind=InteractionKind.MAIL,
        subject=subject,
        body=body,
        actor=actor,
        is_automatic=is_automatic,
    )
    outbox.add([InteractionMail(key=f"interaction:{interaction.pk}:mail", interaction=interaction)])
    jobs.wake(MAIL)
    return interaction


@transaction.atomic
def resend_mail(*, interaction: Interaction, actor: User) -> None:
    """Send again what was refused, given up or left in doubt: a person decided so."""
    rows = InteractionMail.objects.filter(interaction=interaction)
    if not outbox.retry_by_hand(rows):
        raise Refused("This mail is on its way or was sent already.", code="not_failed")
    audit.record(action="interaction.resent", actor=actor, obj=interaction)
    jobs.wake(MAIL)


def _texts(subject: Any, body: Any, outcome: Any) -> tuple[str, str, str]:
    return (
        cleaning.text(subject, field="subject", label="Subject", limit=200),
        cleaning.text(body, field="body", label="Text", limit=20_000, lines=True),
        cleaning.text(outcome, field="outcome", label="Outcome", limit=200),
    )


def _check_contact(account: Account, contact: Contact | None) -> None:
    if contact is not None and contact.account_id != account.pk:
        raise Refused(
            f"This contact does not belong to {account.name}. Choose another.", field="contact", status=400
        )


def _when(happened_at: dt.datetime | None) -> dt.datetime:
    now = clock.now()
    if happened_at is None:
        return now
    if happened_at > now + dt.timedelta(minutes=10):
        raise Refused(
            "It lies in the future. Log it when it has happened, or make a task.", field="happened_at"
        )
    return happened_at
