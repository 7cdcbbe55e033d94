"""Who must not be asked, by address key: written when people say so, when mail bounces, and by hand."""

from django.db import IntegrityError, transaction

from core import clock
from surveys.choices import Channel, SuppressionReason
from surveys.models import Suppression
from team import audit
from team.models import User

# What a person said outweighs what a mail server said; an erased person outweighs all.
_WEIGHT = {
    SuppressionReason.MANUAL: 1,
    SuppressionReason.BOUNCED: 2,
    SuppressionReason.UNSUBSCRIBED: 3,
    SuppressionReason.COMPLAINED: 4,
    SuppressionReason.ERASED: 5,
}


@transaction.atomic
def suppress(
    *,
    address_key: str,
    reason: SuppressionReason,
    detail: str = "",
    actor: User | None = None,
    channel: Channel = Channel.EMAIL,
) -> Suppression:
    """Ask this address no more. One suppression is in force per address; a weightier reason replaces a lighter one."""
    active = _active(address_key, channel)
    if active is None:
        try:
            with transaction.atomic():
                active = Suppression.objects.create(
                    address_key=address_key, channel=channel, reason=reason, detail=detail[:200], created_by=actor
                )
        except IntegrityError:
            # Somebody else suppressed the same address in the same moment.
            active = _active(address_key, channel)
            if active is None:
                raise
        else:
            if actor is not None:
                audit.record(action="suppression.added", actor=actor, obj=active, reason=str(reason))
            return active
    if _WEIGHT[reason] > _WEIGHT[SuppressionReason(active.reason)]:
        active.reason, active.detail = reason, detail[:200]
        active.save(update_fields=["reason", "detail"])
    return active


@transaction.atomic
def lift(
    *,
    address_key: str,
    reason: SuppressionReason | None = None,
    actor: User | None = None,
    channel: Channel = Channel.EMAIL,
) -> bool:
    """Allow asking again; with `reason`, only if that is why the address is suppressed. Says whether it was."""
    active = _active(address_key, channel)
    if active is None or (reason is not None and active.reason != reason):
        return False
    active.lifted_at = clock.now()
    active.save(update_fields=["lifted_at"])
    if actor is not None:
        audit.record(action="suppression.lifted", actor=actor, obj=active, reason=active.reason)
    return True


def _active(address_key: str, channel: Channel) -> Suppression | None:
    return (
        Suppression.objects.select_for_update()
        .filter(address_key=address_key, channel=channel, lifted_at__isnull=True)
        .first()
    )
