"""The secrets of a webhook and what they prove: signatures as standardwebhooks.com says.

A secret is 24 random bytes, written `whsec_` and base64. While a rotation lasts two are at work, and every message carries
both signatures, so that a receiver that knows either takes it.
"""

import base64
import datetime as dt
import json
import secrets as randomness

from standardwebhooks.webhooks import Webhook as Signer

from core import secrets
from core.errors import Refused
from core.secrets import CannotDecrypt
from integrations.outgoing.models import Webhook

SECRET_BYTES = 24


def new_secret() -> str:
    return "whsec_" + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()


def seal(webhook: Webhook, held: list[str]) -> None:
    """Put secrets into the (saved) webhook, the newest first; the row is left to be saved."""
    webhook.secrets = secrets.encrypt(json.dumps(held), place=_place(webhook))


def open_secrets(webhook: Webhook) -> list[str]:
    """The secrets, the newest first. Refuses where the keys of the installation do not open them."""
    try:
        found: list[str] = json.loads(secrets.decrypt(webhook.secrets, place=_place(webhook)))
    except CannotDecrypt:
        raise Refused(
            "The secret of this webhook cannot be opened with the keys of this installation. Rotate it.",
            code="cannot_decrypt",
        ) from None
    return found


def _place(webhook: Webhook) -> str:
    return f"integrations.webhook:{webhook.pk}"


def in_force(webhook: Webhook, now: dt.datetime) -> list[str]:
    """The secrets that sign now: the newest, and the one before while its time lasts."""
    newest, *before = open_secrets(webhook)
    overlaps = webhook.previous_until is not None and webhook.previous_until > now
    return [newest, *before[:1]] if overlaps else [newest]


def headers(held: list[str], *, message_id: str, at: dt.datetime, body: bytes) -> dict[str, str]:
    """The three headers that prove a message, with one signature for each secret."""
    at = at.astimezone(dt.UTC)
    signatures = [Signer(secret).sign(message_id, at, body.decode()) for secret in held]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
