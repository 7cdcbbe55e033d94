"""Stopping surveys to an address, and taking that back, by the person who reads the mail."""

import datetime as dt

from django.db import transaction

from accounts import timeline
from surveys.choices import InvitationState, SuppressionReason
from surveys.models import Invitation
from surveys.queries.respond import HostedPage
from surveys.services import suppressions

# States that an answer or an earlier outcome has settled: unsubscribing does not rewrite them.
SETTLED = (InvitationState.ANSWERED, InvitationState.WITHDRAWN, InvitationState.FAILED)


@transaction.atomic
def unsubscribe(*, page: HostedPage, now: dt.datetime) -> None:
    """Suppress the address of the invitation, for good; the invitation is declined unless it was answered.

    Idempotent. A test suppresses nobody.
    """
    _decline(page.invitation, now=now, detail=f"Unsubscribed by a link of invitation {page.invitation.pk}")


@transaction.atomic
def unsubscribe_invitation(invitation_id: int, *, now: dt.datetime, detail: str) -> None:
    """The same, said in another way than by the link: at the mail provider, or in a reply."""
    invitation = Invitation.objects.select_related("contact", "account").get(pk=invitation_id)
    _decline(invitation, now=now, detail=detail)


def _decline(invitation: Invitation, *, now: dt.datetime, detail: str) -> None:
    if invitation.is_test:
        return
    suppressions.suppress(
        address_key=invitation.recipient_key, reason=SuppressionReason.UNSUBSCRIBED, detail=detail
    )
    was_open = (
        Invitation.objects.filter(pk=invitation.pk, declined_at__isnull=True)
        .exclude(state__in=SETTLED)
        .update(state=InvitationState.DECLINED, declined_at=now, outcome_reason="unsubscribed")
    )
    if was_open:
        timeline.record(
            kind="survey.declined",
            cause_key=f"invitation:{invitation.pk}:declined",
            account=invitation.account,
            contact=invitation.contact,
            subject=("invitation", invitation.pk),
            occurred_at=now,
            data={"reason": "unsubscribed"},
        )


@transaction.atomic
def undo(*, page: HostedPage) -> None:
    """Take an unsubscription back. Other reasons not to ask, such as a bounce, stay."""
    invitation = page.invitation
    if invitation.is_test:
        return
    suppressions.lift(address_key=invitation.recipient_key, reason=SuppressionReason.UNSUBSCRIBED)
    Invitation.objects.filter(
        pk=invitation.pk, state=InvitationState.DECLINED, outcome_reason="unsubscribed"
    ).update(state=InvitationState.SENT, declined_at=None, outcome_reason="")
