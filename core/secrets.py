"""Secrets at rest, and the one-way form of addresses.

Connection credentials are encrypted with `NPS_FIELD_KEYS` (newest first, so that keys can be rotated), apart from
SECRET_KEY. The place a secret belongs to is inside the ciphertext: one copied into another row does not open there.
"""

import hmac
import json
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class CannotDecrypt(Exception):
    """The secret was written with a key we no longer have, or for another place. Enter it again."""


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(
            "Set NPS_FIELD_KEYS before secrets are stored (see docs/configuration.md)."
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "NPS_FIELD_KEYS must be Fernet keys: 32 random bytes in URL-safe base64."
        ) from error


def encrypt(plain: str, *, place: str) -> str:
    """`plain` sealed for `place` ("integrations.connection:7:password")."""
    sealed = json.dumps([place, plain]).encode()
    return _box(tuple(settings.FIELD_KEYS)).encrypt(sealed).decode()


def decrypt(token: str, *, place: str) -> str:
    """What `encrypt` sealed for the same place. Raises `CannotDecrypt`."""
    try:
        found_place, plain = json.loads(_box(tuple(settings.FIELD_KEYS)).decrypt(token.encode()))
    except InvalidToken:
        raise CannotDecrypt from None
    if found_place != place:
        raise CannotDecrypt
    return str(plain)


def rotate(token: str) -> str:
    """The same secret under the newest key."""
    return _box(tuple(settings.FIELD_KEYS)).rotate(token.encode()).decode()


def address_key(email_key: str) -> str:
    """The HMAC of a normalised address, 64 hex digits: tells the same address again and gives it away to nobody.

    Its key must never change (suppressions would be forgotten), so it is a setting of its own.
    """
    return hmac.digest(settings.ADDRESS_KEY.encode(), email_key.encode(), "sha256").hex()
