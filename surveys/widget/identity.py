"""Who a visitor is, as far as the host's server has signed it. Nothing else that a browser says is believed.

Two ways, both keyed with the widget's secret, which never leaves the host's server:

- the user's id with its signature: HMAC-SHA256 of the id, in hex. It proves the id and nothing more.
- a JSON Web Token, HS256, with `sub` (the user's id) and `exp`; `email`, `name` and `account` (the account's external
  id) are believed because they are inside. `aud`, if there is one, must be the widget's key.
"""

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt

MAX_ID = 120
MAX_TOKEN = 4_000
LEEWAY = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the host's server vouches for. `email`, `name` and `account` are empty where it did not sign them."""

    external_id: str
    email: str = ""
    name: str = ""
    account: str = ""

    @property
    def key(self) -> str:
        """How the widget's own table knows this person: a fingerprint, not the id itself."""
        return "p:" + sha256(self.external_id.encode()).hexdigest()[:40]


class Untrusted(Exception):
    """An identity that is not believed. The visitor is treated as a stranger; `message` is for the developer's console."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def sign(external_id: str, secret: str) -> str:
    """The signature of an id, as the host's server makes it."""
    return hmac.digest(secret.encode(), external_id.encode(), "sha256").hex()


def verify(claimed: Any, *, key: str, secrets: Sequence[str], now: dt.datetime) -> Person | None:
    """The person that `claimed` proves to be; None when nobody is claimed. Raises `Untrusted`.

    `secrets` are those that count now: the present one, and the previous one while keys are being rotated.
    """
    if claimed is None or claimed == {}:
        return None
    if not isinstance(claimed, Mapping):
        raise Untrusted("malformed", "The identity must be an object with a token, or with id and signature.")
    if claimed.get("token"):
        return _from_token(claimed["token"], key=key, secrets=secrets, now=now)
    external_id, signature = claimed.get("id"), claimed.get("signature")
    if not isinstance(external_id, str) or not 0 < len(external_id) <= MAX_ID:
        raise Untrusted("malformed", f"The user id must be a text of 1 to {MAX_ID} characters.")
    if not signature:
        raise Untrusted(
            "unsigned", "The user id is not signed, so it is not believed. Send its signature, or a token."
        )
    if not isinstance(signature, str) or not _is_signed(external_id, signature, secrets):
        raise Untrusted(
            "forged",
            "The signature does not belong to this user id. It must be the hex HMAC-SHA256 of the id under this"
            " widget's present secret.",
        )
    return Person(external_id=external_id)


def _is_signed(external_id: str, signature: str, secrets: Sequence[str]) -> bool:
    given = signature.strip().lower().encode("utf-8", "replace")
    known = False
    for secret in secrets:
        # No early end: the time taken tells nothing about the secrets.
        known |= hmac.compare_digest(sign(external_id, secret).encode(), given)
    return known


def _from_token(token: Any, *, key: str, secrets: Sequence[str], now: dt.datetime) -> Person:
    if not isinstance(token, str) or len(token) > MAX_TOKEN:
        raise Untrusted("malformed", f"The token must be a text of at most {MAX_TOKEN:,} characters.")
    claims = _claims(token, secrets)
    for name in ("exp", "nbf"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise Untrusted("malformed", f"The token's {name} must be a number of seconds.")
    if claims.get("exp") is None:
        raise Untrusted("no_expiry", "The token never expires. Give it an exp, at most hours ahead.")
    moment = now.timestamp()
    if claims["exp"] < moment - LEEWAY.total_seconds():
        raise Untrusted("expired", "The token has expired. Make a new one for every page view.")
    if claims.get("nbf", 0) > moment + LEEWAY.total_seconds():
        raise Untrusted("not_yet", "The token is not good yet. Check the clock of the server that made it.")
    audience = claims.get("aud", key)
    if key not in (audience if isinstance(audience, list) else [audience]):
        raise Untrusted("other_widget", "The token was made for another widget.")
    external_id = claims.get("sub")
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        external_id = str(external_id)
    if not isinstance(external_id, str) or not 0 < len(external_id) <= MAX_ID:
        raise Untrusted("malformed", f"The token's sub must be the user's id, 1 to {MAX_ID} characters.")
    return Person(
        external_id=external_id,
        email=_text(claims, "email", 254),
        name=_text(claims, "name", 200),
        account=_text(claims, "account", MAX_ID),
    )


def _claims(token: str, secrets: Sequence[str]) -> dict[str, Any]:
    # Times are judged above, by business time. Only HS256: whoever may choose the algorithm chooses "none".
    options: Any = {
        "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_sub": False,
        "verify_jti": False, "verify_iss": False,
    }  # fmt: skip
    for secret in secrets:
        try:
            claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"], options=options)
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidAlgorithmError:
            raise Untrusted("algorithm", "The token must be signed with HS256.") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Untrusted("malformed", "The token cannot be read: it is no JSON Web Token.") from None
        return claims
    raise Untrusted("forged", "The token is not signed with this widget's present secret.")


def _text(claims: Mapping[str, Any], name: str, limit: int) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) and len(value) <= limit else ""
