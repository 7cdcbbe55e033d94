"""What mail providers report through django-anymail's tracking webhooks, told to the deliveries it is about.

The webhooks are mounted only where ANYMAIL names a WEBHOOK_SECRET, which django-anymail checks before a signal is sent.
An event is matched by the delivery's key, which travelled as metadata, or by the provider's own message id; events about
anything else are not ours and are left alone.
"""

from typing import Any

from anymail.signals import EventType, tracking
from django.conf import settings

from surveys.services import delivery

REPORTS = {
    EventType.DELIVERED: delivery.Report.DELIVERED,
    EventType.OPENED: delivery.Report.OPENED,
    EventType.BOUNCED: delivery.Report.BOUNCED,
    EventType.REJECTED: delivery.Report.REJECTED,
    EventType.FAILED: delivery.Report.REJECTED,
    EventType.COMPLAINED: delivery.Report.COMPLAINED,
}
# Trouble that passes: a full mailbox, a message thought to be spam. The address itself is good.
PASSING = {"timed_out", "spam", "other", "unsubscribed"}


def is_configured() -> bool:
    return bool(dict(settings.ANYMAIL).get("WEBHOOK_SECRET"))


def register() -> None:
    tracking.connect(_heard, dispatch_uid="surveys.provider_events")


def _heard(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
    report = REPORTS.get(event.event_type)
    if report is None:
        return
    if report is delivery.Report.BOUNCED and str(getattr(event, "reject_reason", "") or "") in PASSING:
        report = delivery.Report.REJECTED
    delivery.note_report(
        report=report,
        key=str((event.metadata or {}).get("delivery", ""))[:200],
        provider_id=str(event.message_id or "")[:200],
        at=event.timestamp,
        detail=str(event.description or event.reject_reason or "")[:200],
    )
