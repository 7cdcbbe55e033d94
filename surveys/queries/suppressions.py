"""The suppression list: keys of addresses with the reason, and the contact behind a key where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Contact
from surveys.choices import SuppressionReason
from surveys.models import Suppression
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

LABELS = {
    SuppressionReason.UNSUBSCRIBED: ("Unsubscribed", ""),
    SuppressionReason.BOUNCED: ("Bounced", "watch"),
    SuppressionReason.COMPLAINED: ("Reported as spam", "bad"),
    SuppressionReason.MANUAL: ("Added by hand", ""),
    SuppressionReason.ERASED: ("Erased", ""),
}


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with the contact it keeps from being asked, as far as `user` may see."""

    entry: Suppression
    contact: Contact | None

    @property
    def label(self) -> str:
        return LABELS[SuppressionReason(self.entry.reason)][0]

    @property
    def tone(self) -> str:
        return LABELS[SuppressionReason(self.entry.reason)][1]


def list_suppressions(
    user: User, *, reason: str = "", address_key: str = "", lifted: bool = False
) -> QuerySet[Suppression]:
    """The list as far as `user` may see: all of it, or the addresses of visible contacts and what `user` added."""
    found = Suppression.objects.filter(lifted_at__isnull=not lifted).select_related("created_by")
    if scope_of(user) is not RowScope.ALL:
        visible = Contact.objects.visible_to(user).filter(address_key=OuterRef("address_key"))
        found = found.filter(Exists(visible) | Q(created_by=user))
    if reason:
        found = found.filter(reason=reason)
    if address_key:
        found = found.filter(address_key=address_key)
    return found.order_by("-created_at", "-pk")


def lines(entries: Sequence[Suppression], user: User) -> list[Line]:
    people = (
        Contact.objects.visible_to(user)
        .live()
        .filter(address_key__in=[entry.address_key for entry in entries])
    )
    by_key = {contact.address_key: contact for contact in people.select_related("account")}
    return [Line(entry, by_key.get(entry.address_key)) for entry in entries]
