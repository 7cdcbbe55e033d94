"""Twilio as provider of SMS: one form POST for each, and what its answers and reports mean.

What of this is documented by Twilio and what was only read elsewhere stands in docs/sms.md.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.urls import reverse

from core import fetch
from core.mail.outcome import Kind, Outcome, Stage
from surveys.channels.sms.provider import Message, Price, Sent

NAME = "twilio"
DEADLINE = 15.0

# The number itself is of no use for SMS: asking it again would be wrong.
_BAD_NUMBER: Final = frozenset({21211, 21217, 21401, 21421, 21614, 30005, 30006, 30011})
# The person told the provider to be left alone.
OPTED_OUT: Final = frozenset({21610})
# The message is refused and would be again, through no fault of the number.
_REFUSED: Final = frozenset({21408, 21602, 21612, 21617, 21635, 30003, 30004, 30007, 30034})
# Too much at once, or trouble of theirs: nothing was taken, so it may be tried again.
_LATER: Final = frozenset({20429, 14107, 20500, 20503, 30001, 30022, 63018})
# Our sign-in or our sender: every message would meet it.
_OURS: Final = frozenset({20003, 20005, 20404, 21603, 21606, 21609, 21659, 21660, 21212, 21703})


@dataclass(frozen=True, slots=True)
class Status:
    """What a report says became of an SMS."""

    is_delivered: bool = False
    is_failed: bool = False
    number_bad: bool = False
    opted_out: bool = False
    code: int = 0


def is_configured() -> bool:
    return bool(settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN and settings.SMS_FROM)


def send(message: Message) -> Sent:
    sender = "MessagingServiceSid" if settings.SMS_FROM.startswith("MG") else "From"
    form = {"To": message.to, sender: settings.SMS_FROM, "Body": message.body}
    callback = status_url(message.delivery)
    if callback:
        form["StatusCallback"] = callback
    try:
        reply = fetch.post(_url("Messages.json"), form=form, auth=_login(), deadline=DEADLINE)
    except fetch.Forbidden as error:
        return Sent(Outcome(Kind.RETRY, Stage.CONNECT, diagnostic=error.message))
    except fetch.FetchError as error:
        if error.may_have_arrived:
            return Sent(Outcome(Kind.IN_DOUBT, Stage.FINAL, diagnostic=error.message))
        return Sent(Outcome(Kind.RETRY, Stage.CONNECT, diagnostic=error.message))
    return _read(reply)


def price_of(provider_id: str) -> Price | None:
    """Twilio knows the price some time after the SMS was sent; it is asked for, not reported."""
    try:
        reply = fetch.get(
            _url(f"Messages/{quote(provider_id, safe='')}.json"), auth=_login(), deadline=DEADLINE
        )
        return _price(reply.json()) if reply.is_success else None
    except (fetch.Forbidden, fetch.FetchError, ValueError):
        return None


def _price(data: Any) -> Price | None:
    if not isinstance(data, Mapping) or data.get("price") in {None, ""}:
        return None
    try:
        amount = abs(Decimal(str(data["price"])))
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount >= 100_000:
        return None
    return Price(round(amount, 5), str(data.get("price_unit") or "USD").upper()[:3])


def _url(path: str) -> str:
    account = quote(settings.TWILIO_ACCOUNT_SID, safe="")
    return f"{settings.TWILIO_URL}/2010-04-01/Accounts/{account}/{path}"


def _login() -> tuple[str, str]:
    return settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN


def status_url(delivery: int) -> str:
    """Where Twilio reports on a delivery; empty where this deployment has no address that Twilio could call."""
    if (urlsplit(settings.BASE_URL).hostname or "") in {"127.0.0.1", "localhost", "::1"}:
        return ""
    return f"{settings.BASE_URL}{reverse('surveys:sms_twilio_status')}?delivery={delivery}"


def _read(reply: fetch.Reply) -> Sent:
    """The outcome that an answer of the API stands for. What cannot be read leaves the SMS in doubt, if it was accepted."""
    try:
        data = reply.json()
    except ValueError:
        data = None
    said: Mapping[str, Any] = data if isinstance(data, dict) else {}
    sid = str(said.get("sid") or "")[:200]
    if reply.is_success:
        if not sid:
            return Sent(
                Outcome(
                    Kind.IN_DOUBT, Stage.FINAL, reply.status, diagnostic="The SMS provider named no message."
                )
            )
        code = _number(said.get("error_code"))
        if str(said.get("status")) in {"failed", "undelivered"}:
            return Sent(_refusal(code, reply.status), sid, _segments(said), code in OPTED_OUT)
        return Sent(Outcome(Kind.SENT, Stage.FINAL, reply.status), sid, _segments(said))
    code = _number(said.get("code"))
    if reply.status == 429 or code in _LATER:
        return Sent(_later(code, reply.status, "has too much to do at the moment"))
    if reply.status in {401, 403} and code not in OPTED_OUT | _BAD_NUMBER | _REFUSED:
        return Sent(_later(code, reply.status, "refuses our sign-in. Check account SID and auth token"))
    if code in _OURS:
        return Sent(_later(code, reply.status, "refuses our account or sender. Check the settings"))
    if reply.status >= 500:
        # An error of their front answers before anything is sent; one of their middle may not, and says nothing of it.
        if reply.status == 503:
            return Sent(_later(code, reply.status, "is not available"))
        return Sent(
            Outcome(
                Kind.IN_DOUBT,
                Stage.FINAL,
                reply.status,
                diagnostic=f"The SMS provider answered {reply.status}.",
            )
        )
    if 300 <= reply.status < 400:
        return Sent(_later(code, reply.status, "answers from another address. Check NPS_TWILIO_URL"))
    return Sent(_refusal(code, reply.status), opted_out=code in OPTED_OUT)


def _later(code: int, status: int, what: str) -> Outcome:
    said = f" (error {code})" if code else ""
    return Outcome(Kind.RETRY, Stage.CONNECT, status, str(code or ""), f"The SMS provider {what}{said}.")


def _refusal(code: int, status: int) -> Outcome:
    bad = code in _BAD_NUMBER | OPTED_OUT
    text = MEANINGS.get(code, "The SMS provider refused the message")
    return Outcome(
        Kind.REFUSED, Stage.FINAL, status, str(code or ""), f"{text} (error {code or status}).", bad
    )


MEANINGS: Final[Mapping[int, str]] = {
    21211: "This is no telephone number",
    21408: "SMS to this country are not switched on in the provider's account",
    21610: "This number has told the provider to send no more SMS",
    21612: "No SMS can be sent to this number from ours",
    21614: "This is no number that receives SMS",
    21617: "The SMS is too long for the provider",
    30003: "The telephone was off or out of reach",
    30004: "The carrier blocked the message",
    30005: "The number is unknown or out of service",
    30006: "This is a landline, or its carrier takes no SMS",
    30007: "The carrier filtered the message as spam",
    30008: "The carrier did not say why",
}


def _segments(said: Mapping[str, Any]) -> int | None:
    found = _number(said.get("num_segments"))
    return found if 0 < found < 100 else None


def _number(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


# --- What Twilio reports -------------------------------------------------------------------------------------
def read_status(fields: Mapping[str, str]) -> Status:
    """What a status report says. Intermediate states say nothing that is kept."""
    state, code = fields.get("MessageStatus", ""), _number(fields.get("ErrorCode"))
    if state in {"delivered", "read"}:
        return Status(is_delivered=True)
    if state in {"undelivered", "failed"}:
        return Status(is_failed=True, number_bad=code in _BAD_NUMBER, opted_out=code in OPTED_OUT, code=code)
    return Status()


def signature(url: str, fields: Sequence[tuple[str, str]]) -> str:
    """What X-Twilio-Signature has to be: HMAC-SHA1 over the URL and each field with its value, in order of the names."""
    said = url + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    return b64encode(hmac.digest(settings.TWILIO_AUTH_TOKEN.encode(), said.encode(), "sha1")).decode()


def is_signed(url: str, fields: Sequence[tuple[str, str]], given: str) -> bool:
    return bool(given) and hmac.compare_digest(signature(url, fields).encode(), given.encode())
