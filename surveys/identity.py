"""Whose answer is it? The order in which identities are believed, and what is kept of an answer nobody knows.

Strongest first: the invitation it answers, our own contact id, the contact's external id, the e-mail address (by its
normalised form, unique among live contacts), the telephone number where only one contact has it. The lookup itself is
`surveys.sql.look_up`; here is what the result means.
"""

from collections.abc import Mapping
from typing import Any

from accounts.cleaning import international
from accounts.domain import normalise_email
from core.secrets import address_key
from surveys.choices import Channel, Identity

# Where strangers answer without saying who they are: a public link, and the widget in a product.
_OPEN = frozenset({Channel.LINK, Channel.IN_APP})


def email_key(address: str) -> str | None:
    """The form addresses are compared in; None for what is no address (it is kept as a hint all the same)."""
    if not address:
        return None
    try:
        return normalise_email(address)
    except ValueError:
        return None


def phone_key(number: str) -> str | None:
    """The key telephone numbers are compared by; None for what is none, or names no country (it is kept as a hint)."""
    found = international(number) if number else None
    return None if found is None else address_key(found)


def hint(*, email: str, name: str, phone: str, external_id: str) -> dict[str, str]:
    """What an answer said about its author, kept only while it waits in the inbox."""
    said = {"email": email, "name": name, "phone": phone, "external_id": external_id}
    return {key: value for key, value in said.items() if value}


def verdict(*, contact_id: int | None, hint: Mapping[str, Any], channel: str, invited: bool) -> Identity:
    """Matched; anonymous when nothing was said and the channel allows that; else it waits in the inbox.

    An invitation whose contact was erased leaves an anonymous answer: nobody is to be found.
    """
    if contact_id is not None:
        return Identity.MATCHED
    if invited or (channel in _OPEN and not hint):
        return Identity.ANONYMOUS
    return Identity.INBOX
