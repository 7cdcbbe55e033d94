"""The list of personal links, taken away to be used elsewhere."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from core.errors import Refused
from surveys import rendering
from surveys.choices import Channel
from surveys.models import Campaign, Invitation
from surveys.queries import campaigns as queries
from team import audit
from team.models import User

HEADER = (
    "contact_id", "contact_external_id", "first_name", "last_name", "email", "account", "language", "link", "expires_at", "state",
)  # fmt: skip


def links_of(campaign: Campaign, user: User) -> QuerySet[Invitation]:
    """The asks of a campaign whose link was handed out and whose person `user` may see."""
    return (
        queries.invitations(campaign, user)
        .filter(channel=Channel.LINK, asked_at__isnull=False, contact__isnull=False)
        .select_related("contact", "account")
        .order_by("account__name", "contact__last_name", "contact__first_name", "pk")
    )


def take_list(*, campaign: Campaign, actor: User) -> Iterator[Sequence[Any]]:
    """The lines below HEADER. Each address answers for its person, so taking them is on record, with how many.

    Raises `Refused` when there are none.
    """
    found = links_of(campaign, actor)
    number = found.count()
    if not number:
        raise Refused(
            "No personal links have been handed out to people you may see. Launch the campaign first."
        )
    audit.record(action="campaign.links_exported", actor=actor, obj=campaign, number=number)
    return _lines(found)


def _lines(found: QuerySet[Invitation]) -> Iterator[Sequence[Any]]:
    for ask in found.iterator(chunk_size=1000):
        person = ask.contact
        assert person is not None, "Filtered above."
        yield (
            person.pk, person.external_id or "", person.first_name, person.last_name, person.email,
            ask.account.name if ask.account else "", ask.language, rendering.answer_url(ask), ask.expires_at, ask.state,
        )  # fmt: skip
