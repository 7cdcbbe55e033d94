"""What a connection keeps sealed: its credentials, the secrets of its webhook, and the token in its webhook's address.

Credentials are one JSON object in one seal, bound to the connection they were written for. "hook" and "hook_previous" in it
are the secrets that deliveries are signed with.
"""

import hashlib
import json
import secrets as randomness
from collections.abc import Iterable, Mapping

from django.db import transaction

from core import secrets
from core.errors import Refused
from core.secrets import CannotDecrypt
from integrations.domain import ConnectionState
from integrations.models import Connection

TOKEN_BYTES = 32


def _place(connection: Connection) -> str:
    return f"integrations.connection:{connection.pk}"


def _cannot_open() -> Refused:
    return Refused(
        "The stored credentials cannot be opened with the keys of this installation. Enter them again.",
        code="cannot_decrypt",
    )


def open_secrets(connection: Connection) -> dict[str, str]:
    """The credentials of a connection. Refuses where the keys of the installation do not open them."""
    if not connection.secrets:
        return {}
    try:
        found: dict[str, str] = json.loads(secrets.decrypt(connection.secrets, place=_place(connection)))
    except CannotDecrypt:
        raise _cannot_open() from None
    return found


def known_secrets(connection: Connection) -> frozenset[str]:
    """Which credentials are stored, by their keys; nothing of the values."""
    try:
        return frozenset(key for key, value in open_secrets(connection).items() if value)
    except Refused:
        return frozenset()


@transaction.atomic
def store_secrets(
    connection: Connection, changed: Mapping[str, str], *, removed: Iterable[str] = ()
) -> dict[str, str]:
    """Change some credentials and leave the others, whoever else changes others meanwhile; returns them all.

    A connection that has ended keeps none, not even those that a call of ours was given while it ended.
    """
    held = Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    if held.state == ConnectionState.DISCONNECTED:
        return {}
    try:
        known = open_secrets(held)
    except Refused:
        known = {}
    known.update(changed)
    for key in removed:
        known.pop(key, None)
    connection.secrets = secrets.encrypt(json.dumps(known), place=_place(connection))
    Connection.objects.filter(pk=connection.pk).update(secrets=connection.secrets)
    return known


def new_token(connection: Connection) -> str:
    """Give the connection a new address for its webhook (unsaved); returns the token."""
    token = randomness.token_urlsafe(TOKEN_BYTES)
    connection.hook_token = secrets.encrypt(token, place=f"{_place(connection)}:token")
    connection.hook_token_hash = token_hash(token)
    return token


def open_token(connection: Connection) -> str:
    """The token in the webhook's address; only for people who administer."""
    if not connection.hook_token:
        return ""
    try:
        return secrets.decrypt(connection.hook_token, place=f"{_place(connection)}:token")
    except CannotDecrypt:
        raise _cannot_open() from None


def new_hook_secret() -> str:
    return randomness.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What of a token is stored to find its connection by: enough against guessing, as the token is random."""
    return hashlib.sha256(token.encode()).hexdigest()
