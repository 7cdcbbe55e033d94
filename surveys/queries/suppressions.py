"""The suppression list: keys of addresses with the reason, and the contact behind a key where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Contact
from surveys.choices import Channel, SuppressionReason
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
CHANNELS = {Channel.EMAIL: "E-mail", Channel.SMS: "SMS", Channel.IN_APP: "In the product"}


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with the contact it keeps from being asked, as far as `user` may see."""

    entry: Suppression
    contact: Contact | None

    @property
    def label(self) -> str:
        return LABELS[SuppressionReason(self.entry.reason)][0]

    @property
    def channel(self) -> str:
        return CHANNELS.get(Channel(self.entry.channel), self.entry.channel)

    @property
    def address(self) -> str:
        """The address or number itself, where a contact still has it."""
        if self.contact is None:
            return ""
        is_number = self.entry.channel == Channel.SMS and self.contact.phone_key == self.entry.address_key
        return self.contact.phone if is_number else self.contact.email

    @property
    def tone(self) -> str:
        return LABELS[SuppressionReason(self.entry.reason)][1]


def list_suppressions(
    user: User, *, reason: str = "", channel: str = "", address_key: str = "", lifted: bool = False
) -> QuerySet[Suppression]:
    """The list as far as `user` may see: all of it, or the addresses of visible contacts and what `user` added."""
    found = Suppression.objects.filter(lifted_at__isnull=not lifted).select_related("created_by")
    if scope_of(user) is not RowScope.ALL:
        people = Contact.objects.visible_to(user)
        visible = Exists(people.filter(address_key=OuterRef("address_key")))
        # A number is filed under its own key.
        numbered = Exists(people.filter(phone_key=OuterRef("address_key")))
        found = found.filter(visible | (Q(channel=Channel.SMS) & numbered) | Q(created_by=user))
    if reason:
        found = found.filter(reason=reason)
    if channel:
        found = found.filter(channel=channel)
    if address_key:
        found = found.filter(address_key=address_key)
    return found.order_by("-created_at", "-pk")


def lines(entries: Sequence[Suppression], user: User) -> list[Line]:
    """The entries with the contacts behind them. A number that several contacts have is shown with the first."""
    keys = [entry.address_key for entry in entries]
    people = Contact.objects.visible_to(user).live().select_related("account").order_by("-pk")
    by_mail = {contact.address_key: contact for contact in people.filter(address_key__in=keys)}
    numbers = [entry.address_key for entry in entries if entry.channel == Channel.SMS]
    by_phone = (
        {contact.phone_key: contact for contact in people.filter(phone_key__in=numbers)} if numbers else {}
    )
    return [
        Line(
            entry,
            (by_phone.get(entry.address_key) if entry.channel == Channel.SMS else None)
            or by_mail.get(entry.address_key),
        )
        for entry in entries
    ]
