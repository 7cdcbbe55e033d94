"""How a delivery proves who sent it: HMACs over bytes, tokens and passwords, under any of several secrets.

Every comparison takes as long whether it holds or not, tries all secrets, and an empty secret proves nothing.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import Literal

from integrations.contract import Link

Digest = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]


def hook_secrets(link: Link) -> list[str]:
    """The secrets that a delivery may be signed with: that of the subscription, and the one before while a rotation lasts."""
    return [secret for name in ("hook", "hook_previous") if (secret := link.secrets.get(name, ""))]


def is_signed(
    message: bytes,
    said: str,
    *,
    secrets: Iterable[str | bytes],
    digest: Digest,
    prefix: str = "",
    encoding: Encoding = "hex",
) -> bool:
    """Whether `said` is `prefix` and the HMAC of `message` under one of the secrets; hexadecimal digits in either case."""
    said = said.strip()
    if not said.startswith(prefix):
        return False
    given = said[len(prefix) :]
    if encoding == "hex":
        given = given.lower()
    return is_one_of(given, [_hmac(message, secret, digest, encoding) for secret in secrets if secret])


def _hmac(message: bytes, secret: str | bytes, digest: Digest, encoding: Encoding) -> str:
    made = hmac.digest(secret if isinstance(secret, bytes) else secret.encode(), message, digest)
    return made.hex() if encoding == "hex" else base64.b64encode(made).decode()


def is_one_of(said: str, secrets: Iterable[str]) -> bool:
    """Whether `said` is one of the secrets."""
    given = said.encode("utf-8", "replace")
    found = False
    for secret in secrets:
        if secret:
            found |= hmac.compare_digest(given, secret.encode("utf-8", "replace"))
    return found


def bearer_of(authorization: str) -> str:
    """The token of an Authorization header; empty for one that is none of the Bearer scheme."""
    scheme, _, said = authorization.strip().partition(" ")
    return said.strip() if scheme.lower() == "bearer" else ""


def basic_of(authorization: str) -> str:
    """`user:password` of an Authorization header; empty for one that is none of the Basic scheme."""
    scheme, _, said = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return ""
    decoded = base64_of(said.strip())
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return ""


def base64_of(text: str) -> bytes:
    """The bytes that were written as base64; none for what is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
