"""What mail providers report through django-anymail's tracking webhooks, told to the deliveries it is about.

The webhooks are mounted only where ANYMAIL names a WEBHOOK_SECRET, which django-anymail checks before a signal is sent
(surveys/views/mail_hooks.py). An event is matched by the delivery's key, which travelled as metadata or in a header, or
by the provider's own message id; events about anything else are not ours and are left alone.

django-anymail calls every bounce a bounce. Whether an address is condemned by one is decided here, by what each provider
says of it: a full mailbox or a server that is away today is no reason never to write again.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from anymail.signals import EventType, RejectReason, tracking
from django.conf import settings

from surveys.services import delivery
from surveys.services.delivery import Report

REPORTS = {
    EventType.DELIVERED: Report.DELIVERED,
    EventType.OPENED: Report.OPENED,
    EventType.BOUNCED: Report.BOUNCED,
    EventType.REJECTED: Report.REJECTED,
    EventType.FAILED: Report.REJECTED,
    EventType.COMPLAINED: Report.COMPLAINED,
    EventType.UNSUBSCRIBED: Report.UNSUBSCRIBED,
}
# Trouble that passes, where a provider says no more than the reason.
PASSING = {"timed_out", "spam", "other", "unsubscribed", "blocked"}


class NotTaken(Exception):
    """An event was understood but could not be stored; the provider has to send it again."""


def is_configured() -> bool:
    return bool(dict(settings.ANYMAIL).get("WEBHOOK_SECRET"))


def register() -> None:
    tracking.connect(_heard, dispatch_uid="surveys.provider_events")


def _heard(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
    report = report_of(event, esp_name)
    if report is None:
        return
    try:
        delivery.note_report(
            report=report,
            key=_key(event),
            provider_id=_storable(event.message_id),
            at=_moment(event.timestamp),
            detail=_storable(event.description or event.mta_response or event.reject_reason),
        )
    except Exception as error:
        raise NotTaken from error


def report_of(event: Any, esp_name: str) -> Report | None:
    """What an event means for a delivery; None for what changes nothing, such as "queued" or a click."""
    report = REPORTS.get(event.event_type)
    if report is Report.BOUNCED and not is_lasting(event, esp_name):
        return Report.REJECTED
    if report is Report.REJECTED and event.reject_reason == RejectReason.UNSUBSCRIBED:
        return Report.UNSUBSCRIBED
    if (
        report is Report.REJECTED
        and event.event_type == EventType.REJECTED
        and event.reject_reason in {RejectReason.BOUNCED, RejectReason.INVALID}
    ):
        return Report.BOUNCED  # not even tried, because the provider knows that the mailbox does not exist
    if report is Report.OPENED and is_machine_open(event, esp_name):
        return Report.FETCHED
    return report


# --- Lasting or passing --------------------------------------------------------------------------------------
def _ses(said: Mapping[str, Any]) -> bool:
    return bool(said.get("bounce", {}).get("bounceType") == "Permanent")


def _mailjet(said: Mapping[str, Any]) -> bool:
    return said.get("hard_bounce") in (True, 1, "1", "true")


def _sendgrid(said: Mapping[str, Any]) -> bool:
    return bool(said.get("type", "bounce") == "bounce")  # "blocked": this time, for this message


def _sparkpost(said: Mapping[str, Any]) -> bool:
    (fields,) = said["msys"].values()
    return str(fields.get("bounce_class")) in {"10", "30", "90"}


def _resend(said: Mapping[str, Any]) -> bool:
    bounce = said.get("data", {}).get("bounce", {})
    kind = bounce.get("type")
    return bool(kind == "Permanent") if kind else "hard bounce" in str(bounce.get("message", ""))


def _postmark(said: Mapping[str, Any]) -> bool:
    return said.get("Type") in {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"} or (
        said.get("RecordType") == "SubscriptionChange" and said.get("SuppressionReason") == "HardBounce"
    )


_LASTING: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "Amazon SES": _ses,
    "Brevo": lambda said: said.get("event") in {"hard_bounce", "invalid_email"},
    "MailerSend": lambda said: said.get("data", {}).get("type") == "hard_bounced",
    "Mailgun": lambda said: said.get("event-data", {}).get("severity", "permanent") == "permanent",
    "Mailjet": _mailjet,
    "Mandrill": lambda said: said.get("event") == "hard_bounce",
    "Postmark": _postmark,
    "Resend": _resend,
    "SendGrid": _sendgrid,
    "SparkPost": _sparkpost,
}


def is_lasting(event: Any, esp_name: str) -> bool:
    """Whether a bounce says that the address itself is no good."""
    judge = _LASTING.get(esp_name)
    said = event.esp_event
    if judge is None or not isinstance(said, Mapping):
        return str(event.reject_reason or "") not in PASSING
    return judge(said)


# --- Opens by programs ---------------------------------------------------------------------------------------
def is_machine_open(event: Any, esp_name: str) -> bool:
    """Whether the provider says that a program fetched the mail's pictures, such as a mail client that loads them ahead.

    Such an open proves that the mail arrived, not that anybody looked at it.
    """
    said = event.esp_event
    if not isinstance(said, Mapping):
        return False
    match esp_name:
        case "SendGrid":
            return bool(said.get("sg_machine_open"))
        case "Brevo":
            return said.get("event") in {"unique_proxy_open", "proxy_open"}
        case "Mailgun":
            return bool((said.get("event-data", {}).get("client-info") or {}).get("bot"))
        case "SparkPost":
            (fields,) = said["msys"].values()
            return bool(fields.get("is_prefetched") in (True, "true"))
    # What Apple's mail privacy protection calls itself, wherever the user agent is passed on.
    return bool(event.user_agent == "Mozilla/5.0")


# --- Whose mail ----------------------------------------------------------------------------------------------
def _key(event: Any) -> str:
    """The delivery's key: metadata, or the header X-Delivery where a provider repeats the headers."""
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    key = metadata.get("delivery", "")
    if not key and isinstance(event.esp_event, Mapping):
        headers = (event.esp_event.get("mail") or event.esp_event.get("data") or {}).get("headers") or []
        if isinstance(headers, list):
            named = (h for h in headers if isinstance(h, Mapping))
            key = next((h.get("value", "") for h in named if str(h.get("name")).lower() == "x-delivery"), "")
    return _storable(key)


def _storable(value: Any) -> str:
    """What a database takes as text: no NUL, no half of a surrogate pair."""
    return str(value or "").replace("\x00", "").encode("utf-8", "ignore").decode()[:200]


def _moment(at: Any) -> dt.datetime | None:
    if not isinstance(at, dt.datetime):
        return None
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
