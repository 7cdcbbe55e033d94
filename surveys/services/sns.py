"""What Amazon SNS sends: whether it is Amazon's own, and subscriptions that it wants confirmed.

A notice is signed with RSA over its fields (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html);
the certificate is fetched from the address that the notice names, which must be Amazon's own, and kept for a day. The
link that confirms a subscription is never opened by us; an administrator does.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.cache import cache

from core import clock, fetch
from core.errors import Refused

_KEY = "surveys.sns_confirmation"
_DAYS = 3  # for so long Amazon keeps the link good
_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
_TOPIC = re.compile(r"arn:aws[a-z-]{0,10}:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_.-]{1,256}")
# Which fields are signed, in their order; a field that a notice does not have is left out.
_SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}  # fmt: skip
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - theirs
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,80}\.pem")
_CERTIFICATE_SECONDS = 24 * 3600
_MAX_CERTIFICATE = 20_000


class NotSigned(Refused):
    """Not signed by Amazon, or changed on the way."""

    code = "not_signed"


class Unavailable(Exception):
    """Amazon's certificate could not be fetched; nothing is known of the notice."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    topic: str
    url: str
    asked_at: str


def is_amazon(url: str) -> bool:
    """Whether a link leads to Amazon SNS: over https, to its own host, and nowhere else on the way."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and _HOST.fullmatch(parts.hostname or "") is not None
        and port in {None, 443}
        and parts.username is None
        and not re.search(r"[\s\\<>\"]", url)
    )


def note_confirmation(*, topic: str, url: str) -> bool:
    """Keep a link to be shown; says whether it is one that may be."""
    if not is_amazon(url) or not _TOPIC.fullmatch(topic) or len(url) > 2000:
        return False
    said = {"topic": topic, "url": url, "asked_at": clock.now().isoformat()}
    cache.set(_KEY, said, _DAYS * 24 * 3600)
    return True


def waiting() -> Confirmation | None:
    """The confirmation that an administrator has to give, if there is one."""
    said = cache.get(_KEY)
    return Confirmation(**said) if said else None


def forget() -> None:
    cache.delete(_KEY)


# --- Signatures ----------------------------------------------------------------------------------------------
def verify(said: Mapping[str, Any]) -> None:
    """Raise `NotSigned` for a notice that Amazon did not sign as it stands, `Unavailable` where that cannot be told."""
    algorithm = _HASHES.get(str(said.get("SignatureVersion")))
    url = said.get("SigningCertURL")
    if algorithm is None or not isinstance(url, str) or not is_certificate(url):
        raise NotSigned("The notice is not signed in a way that Amazon has.")
    try:
        signature = base64.b64decode(str(said.get("Signature", "")), validate=True)
    except binascii.Error:
        raise NotSigned("The signature cannot be read.") from None
    key = _key(url)
    try:
        key.verify(signature, _text(said), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise NotSigned("The signature is not of this notice.") from None


def is_certificate(url: str) -> bool:
    """Whether an address is one of SNS's certificates, and nothing else that lies on a host of Amazon."""
    return is_amazon(url) and _CERTIFICATE.fullmatch(urlsplit(url).path) is not None and "?" not in url


def _text(said: Mapping[str, Any]) -> bytes:
    names = _SIGNED.get(str(said.get("Type")), ())
    parts = [f"{name}\n{said[name]}\n" for name in names if said.get(name) is not None]
    return "".join(parts).encode()


def _key(url: str) -> rsa.RSAPublicKey:
    try:
        certificate = x509.load_pem_x509_certificate(_certificate(url))
    except ValueError:
        raise Unavailable("What lies at the certificate's address is none.") from None
    now = clock.now()
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotSigned("The certificate is not valid now.")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotSigned("The certificate has no RSA key.")
    return key


def _certificate(url: str) -> bytes:
    name = f"surveys.sns_certificate:{hashlib.sha256(url.encode()).hexdigest()}"
    known = cache.get(name)
    if isinstance(known, bytes):
        return known
    try:
        reply = fetch.get(url, deadline=5.0, max_bytes=_MAX_CERTIFICATE)
    except (fetch.FetchError, fetch.Forbidden) as error:
        raise Unavailable(str(error)) from error
    if not reply.is_success:
        raise Unavailable(f"Amazon answered {reply.status} instead of a certificate.")
    cache.set(name, reply.body, _CERTIFICATE_SECONDS)
    return reply.body
