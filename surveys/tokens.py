"""The signed words in a respondent's links: which invitation, for which purpose, and nothing else.

Promised: a token is an id and 132 bits of HMAC-SHA256 under a key of its own purpose, so an answer link never
unsubscribes and a test link never answers; it is short, URL-safe and holds nothing personal; any change of a letter,
also of its case, makes it unknown; tokens signed under a key of SECRET_KEY_FALLBACKS are still read.

A page carries a *nonce*: the moment it was rendered, signed for its token. It proves that a form was looked at, and for
how long, without a cookie.
"""

import datetime as dt
import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

from django.conf import settings

from surveys.models import Invitation

_MAC_LENGTH = 22
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_LENGTH = 13 + _MAC_LENGTH


class Purpose(StrEnum):
    ANSWER = "answer"
    UNSUBSCRIBE = "unsubscribe"
    TEST = "test"
    NONCE = "nonce"
    PREFERENCES = "preferences"
    LINK = "link"
    RECEIPT = "receipt"
    REPLY = "reply"


def make(purpose: Purpose, ident: int) -> str:
    """The token of a row for a purpose; always the same under the same key."""
    body = _base36(ident)
    return body + _mac(settings.SECRET_KEY, purpose, body)


def read(purpose: Purpose, token: str) -> int | None:
    """The id that `token` was made for, or None when it is not ours or for another purpose."""
    if not _MAC_LENGTH < len(token) <= _MAX_LENGTH or not token.isascii():
        return None
    body, mac = token[:-_MAC_LENGTH], token[-_MAC_LENGTH:]
    known = False
    for secret in _secrets():
        # No early end: the time taken does not tell under which key a guess came close.
        known |= hmac.compare_digest(_mac(secret, purpose, body), mac)
    return _from_base36(body) if known else None


def answer_token(invitation: Invitation) -> str:
    """The token of the hosted page of an invitation; that of a test can never become an answer."""
    return make(Purpose.TEST if invitation.is_test else Purpose.ANSWER, invitation.pk)


def unsubscribe_token(invitation: Invitation) -> str:
    return make(Purpose.UNSUBSCRIBE, invitation.pk)


def read_answer(token: str) -> tuple[int, bool] | None:
    """(invitation id, is it a test) of a hosted page's token."""
    ident = read(Purpose.ANSWER, token)
    if ident is not None:
        return ident, False
    ident = read(Purpose.TEST, token)
    return None if ident is None else (ident, True)


def make_nonce(token: str, now: dt.datetime) -> str:
    """Proof that the page of `token` was rendered at `now`."""
    moment = _base36(int(now.timestamp() * 1000))
    return moment + _mac(settings.SECRET_KEY, Purpose.NONCE, f"{token}|{moment}")


def read_nonce(token: str, nonce: str) -> dt.datetime | None:
    """When the page of `token` that carried `nonce` was rendered, or None when it never was."""
    if not _MAC_LENGTH < len(nonce) <= _MAX_LENGTH or not nonce.isascii():
        return None
    moment, mac = nonce[:-_MAC_LENGTH], nonce[-_MAC_LENGTH:]
    known = False
    for secret in _secrets():
        known |= hmac.compare_digest(_mac(secret, Purpose.NONCE, f"{token}|{moment}"), mac)
    milliseconds = _from_base36(moment) if known else None
    return None if milliseconds is None else dt.datetime.fromtimestamp(milliseconds / 1000, tz=dt.UTC)


def make_reply(ident: int) -> str:
    """The token of an invitation in an address for replies: letters may change their case on the way, so it has one."""
    body = _base36(ident)
    return f"{body}-{_short_mac(settings.SECRET_KEY, body)}"


def read_reply(token: str) -> int | None:
    """The invitation that a reply address was made for, or None."""
    body, dash, mac = token.lower().partition("-")
    if not dash or not body or len(body) > 13 or not token.isascii():
        return None
    known = False
    for secret in _secrets():
        known |= hmac.compare_digest(_short_mac(secret, body), mac)
    return _from_base36(body) if known else None


def _short_mac(secret: str, body: str) -> str:
    """80 bits in 20 hex digits."""
    return hmac.digest(_key(secret, Purpose.REPLY.value), body.encode(), "sha256").hex()[:20]


def preference_token(invitation: Invitation) -> str:
    return make(Purpose.PREFERENCES, invitation.pk)


def _secrets() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


@lru_cache(maxsize=32)
def _key(secret: str, purpose: str) -> bytes:
    return sha256(f"surveys.tokens.{purpose}".encode() + b"\0" + secret.encode()).digest()


def _mac(secret: str, purpose: Purpose, body: str) -> str:
    digest = hmac.digest(_key(secret, purpose.value), body.encode(), "sha256")
    return urlsafe_b64encode(digest[:17])[:_MAC_LENGTH].decode()


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits


def _from_base36(text: str) -> int | None:
    """The number, if `text` is exactly how we write it."""
    if not all(digit in _DIGITS for digit in text) or (text[0] == "0" and len(text) > 1):
        return None
    number = int(text, 36)
    return number if number < 2**63 else None
