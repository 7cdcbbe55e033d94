"""What an address has chosen about being asked."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.models import Contact
from surveys import texts, tokens
from surveys.choices import SurveyKind
from surveys.models import Invitation, Preference
from surveys.queries import respond
from surveys.queries.respond import HostedPage


@dataclass(frozen=True, slots=True)
class Choices:
    """`paused_until` is in the future, or None; `language` is the one of ours that future asks speak."""

    language: str
    wanted: frozenset[SurveyKind]
    paused_until: dt.datetime | None


def find_page(token: str, *, now: dt.datetime) -> HostedPage | None:
    """The page of a preference token; None for every token that is not exactly one of ours."""
    ident = tokens.read(tokens.Purpose.PREFERENCES, token)
    return None if ident is None else respond.page_of(ident, now=now)


def choices_of(invitation: Invitation, *, now: dt.datetime) -> Choices:
    found = None
    if not invitation.is_test:
        found = Preference.objects.filter(address_key=invitation.recipient_key).first()
    spoken = invitation.contact.language if invitation.contact is not None else ""
    language = texts.language_for(spoken or invitation.language).tag
    if found is None:
        return Choices(language, frozenset(SurveyKind), None)
    paused = found.paused_until if found.paused_until and found.paused_until > now else None
    return Choices(
        language, frozenset(kind for kind in SurveyKind if kind.value not in found.unwanted), paused
    )


def export(contact: Contact) -> Iterable[Mapping[str, Any]]:
    """What is told to a contact who asks what is known of them."""
    for row in Preference.objects.filter(address_key=contact.address_key or "-"):
        yield {"unwanted": row.unwanted, "paused_until": row.paused_until, "updated_at": row.updated_at}
