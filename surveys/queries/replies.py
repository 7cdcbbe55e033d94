"""Whose mail somebody replied to."""

from collections.abc import Sequence

from accounts.models import Contact
from surveys import tokens
from surveys.models import Delivery, Invitation

_INVITATIONS = Invitation.objects.select_related("contact__account", "account", "wave")


def by_message_ids(ids: Sequence[str]) -> Delivery | None:
    """The delivery that one of these Message-IDs belongs to, the first named first.

    Providers that give mails an id of their own write it before the @ of the Message-ID, so that is looked at too.
    """
    bare = [one.strip("<>") for one in ids]
    theirs = {name for one in bare for name in (one, f"<{one}>", one.partition("@")[0]) if name}
    rows = [
        *Delivery.objects.filter(message_id__in=ids, channel="email"),
        *Delivery.objects.filter(provider_id__in=theirs, channel="email"),
    ]

    def place(row: Delivery) -> int:
        own = (row.message_id.strip("<>"), row.provider_id.strip("<>"))
        return next(
            (n for n, one in enumerate(bare) if one in own or one.partition("@")[0] in own), len(bare)
        )

    return min(rows, key=place, default=None)


def by_address(addresses: Sequence[str]) -> Invitation | None:
    """The invitation whose reply address one of these is."""
    for address in addresses:
        local = address.rpartition("@")[0]
        _, plus, token = local.rpartition("+")
        ident = tokens.read_reply(token) if plus else None
        if ident is not None:
            return invitation(ident)
    return None


def invitation(ident: int) -> Invitation | None:
    return _INVITATIONS.filter(pk=ident, is_test=False).first()


def latest_asked(recipient_key: str) -> Invitation | None:
    """The last mail to an address: what its owner most likely replies to."""
    return (
        _INVITATIONS.filter(
            recipient_key=recipient_key, channel="email", is_test=False, asked_at__isnull=False
        )
        .order_by("-asked_at")
        .first()
    )


def contact_of(key: str) -> Contact | None:
    return Contact.objects.live().filter(address_key=key).select_related("account").first() if key else None
