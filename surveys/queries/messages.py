"""Messages that came back, as far as somebody may see them."""

from collections.abc import Iterable

from django.db.models import QuerySet

from accounts.models import Account
from surveys.choices import MessageKind
from surveys.models import InboundMessage
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

# What is said of each kind: its name, and the tone of its badge.
LABELS = {
    MessageKind.REPLY: ("Reply", "accent"),
    MessageKind.SCORE: ("Answer", ""),
    MessageKind.STOP: ("Stop", "watch"),
    MessageKind.START: ("Start", ""),
    MessageKind.HELP: ("Help", ""),
    MessageKind.AUTO_REPLY: ("Out of office", ""),
}
# What a person should look at; the others have been acted on, or were written by a program.
FOR_PEOPLE = (MessageKind.REPLY,)


def list_messages(user: User, *, waiting: bool = True, kind: str = "") -> QuerySet[InboundMessage]:
    """The newest first. Messages of nobody we know are for those who see all accounts."""
    found = InboundMessage.objects.select_related(
        "contact", "account", "invitation__wave__campaign", "handled_by"
    )
    if scope_of(user) is not RowScope.ALL:
        found = found.filter(account__in=Account.objects.visible_to(user))
    if waiting:
        found = found.filter(handled_at__isnull=True, kind__in=FOR_PEOPLE)
    if kind:
        found = found.filter(kind=kind)
    return found.order_by("-received_at", "-pk")


def by_ids(ids: Iterable[int]) -> dict[int, InboundMessage]:
    return InboundMessage.objects.in_bulk(list(ids))
