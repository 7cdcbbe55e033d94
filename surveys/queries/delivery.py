"""What the sender reads before a batch goes out, and what pages say of messages that need a person."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from surveys.choices import CampaignState, InvitationState
from surveys.models import Delivery, Invitation, Suppression, SurveyVersion

# A campaign that has sent everything may still send one mail again by hand.
SENDING_STATES = (CampaignState.RUNNING, CampaignState.FINISHED)


def claimable() -> Q:
    """Deliveries that may be taken in hand: tests, and those of campaigns that are running."""
    return Q(invitation__wave__isnull=True) | Q(invitation__wave__campaign__state__in=SENDING_STATES)


def still_wanted(ids: Sequence[int]) -> Q:
    """What has to hold in the very statement that lets a message go: not paused, not answered, not suppressed."""
    suppressed = Suppression.objects.filter(
        address_key=OuterRef("invitation__recipient_key"), channel=OuterRef("channel"), lifted_at__isnull=True
    )
    running = Q(
        invitation__state=InvitationState.SENDING, invitation__wave__campaign__state__in=SENDING_STATES
    ) & Q(~Exists(suppressed))
    return Q(pk__in=list(ids)) & (Q(invitation__is_test=True) | running)


def invitations_for(deliveries: Sequence[Delivery]) -> dict[int, Invitation]:
    """The invitations of a batch with the people and accounts that a mail names, by invitation id."""
    found = Invitation.objects.filter(pk__in=[row.invitation_id for row in deliveries]).select_related(
        "contact", "account__owner", "wave__campaign", "tester"
    )
    return {invitation.pk: invitation for invitation in found}


def version(version_id: int) -> SurveyVersion:
    return SurveyVersion.objects.get(pk=version_id)


def withheld_because(deliveries: Sequence[Delivery]) -> dict[int, str]:
    """Why the fence held messages back, by delivery id: "suppressed", "settled" or "paused"."""
    suppressed = Suppression.objects.filter(
        address_key=OuterRef("invitation__recipient_key"), channel=OuterRef("channel"), lifted_at__isnull=True
    )
    rows = (
        Delivery.objects.filter(pk__in=[row.pk for row in deliveries])
        .annotate(is_suppressed=Exists(suppressed))
        .values_list("pk", "is_suppressed", "invitation__state")
    )
    return {
        pk: "suppressed" if is_suppressed else "paused" if state == InvitationState.SENDING else "settled"
        for pk, is_suppressed, state in rows
    }


def find(*, key: str, provider_id: str) -> Delivery | None:
    """The delivery a provider's event is about."""
    if key:
        return Delivery.objects.filter(key=key).first()
    return Delivery.objects.filter(provider_id=provider_id).first() if provider_id else None
