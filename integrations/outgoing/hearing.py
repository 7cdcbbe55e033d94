"""From an event of the timeline to what is to be sent: one row for each webhook that wants it, in the transaction of the cause."""

import datetime as dt
import time
from collections.abc import Sequence

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Event
from core import clock, jobs, outbox
from core.errors import Invalid
from integrations.outgoing import catalogue, conditions, payload, standing
from integrations.outgoing.domain import Cause, Reason, WebhookState
from integrations.outgoing.models import Webhook, WebhookDelivery
from team.domain import ApiScope

KIND = "webhook_delivery"
ACT_WITHIN = dt.timedelta(days=7)
COLLECTING = (WebhookState.ACTIVE, WebhookState.PAUSED)
REMEMBERED_SECONDS = 1.0

_wanted: tuple[float, frozenset[str], frozenset[str]] | None = None


class Listener(timeline.Subscriber):
    """Hears of the kinds that some webhook asks for, so that events nobody asks for cost nothing. What is asked for is
    looked up at most once a second; what a new webhook may miss by that is looked up once more (services.catch_up)."""

    def wants(self, kind: str, origin: str) -> bool:
        live, imported = _wanted_kinds()
        return kind in (live if origin == Origin.LIVE else imported)


def _wanted_kinds() -> tuple[frozenset[str], frozenset[str]]:
    global _wanted
    now = time.monotonic()
    if _wanted is None or now - _wanted[0] > REMEMBERED_SECONDS:
        rows = list(Webhook.objects.filter(state__in=COLLECTING).values_list("kinds", "includes_imports"))
        live = frozenset(kind for kinds, _ in rows for kind in kinds)
        imported = frozenset(kind for kinds, wide in rows if wide for kind in kinds)
        _wanted = (now, live, imported)
    return _wanted[1], _wanted[2]


def look_again() -> None:
    """Some webhook was changed: forget what was remembered of what they ask for."""
    global _wanted
    _wanted = None


def on_event(event: Event) -> None:
    """Queue the event for every webhook that wants it."""
    queue(event, list(collecting()))


def collecting() -> "Sequence[Webhook]":
    rows = Webhook.objects.filter(state__in=COLLECTING).select_related("owner", "api_key")
    return list(rows.order_by("pk"))


def queue(event: Event, webhooks: Sequence[Webhook], *, is_replay: bool = False) -> int:
    """Put the event into the queues of those of the webhooks that want it and may tell of it; returns of how many.

    A row that exists already is left as it is: an event goes to a webhook once.
    """
    rows = [
        WebhookDelivery(
            key=f"webhook:{webhook.pk}:event:{event.pk}", webhook=webhook, event=event, kind=event.kind, cause=Cause.EVENT,
            message_id=payload.message_id_of(event), occurred_at=event.occurred_at,
        )
        for webhook in webhooks
        if wants(webhook, event, is_replay=is_replay)
    ]  # fmt: skip
    if rows:
        outbox.add(rows)
        jobs.wake(KIND)
    return len(rows)


def wants(webhook: Webhook, event: Event, *, is_replay: bool = False) -> bool:
    """Whether the webhook asks for this event, and its owner may see it. History only where the webhook includes it."""
    if event.kind not in webhook.kinds or webhook.owner is None:
        return False
    if event.origin != Origin.LIVE and not webhook.includes_imports:
        return False
    is_late = event.occurred_at <= clock.now() - ACT_WITHIN
    if is_late and not is_replay and not webhook.includes_imports:
        return False
    if not payload.may_read(webhook, _scope_of(event.kind)) or not payload.is_visible(event, webhook.owner):
        return False
    try:
        return conditions.hold(webhook.conditions, event, webhook.owner)
    except Invalid as refusal:
        # A field it asks about was taken away. Others must not wait for it, and it must not fall silent unseen.
        standing.disable(webhook, Reason.FILTER, f"Its filter cannot be read any more: {refusal.message}")
        return False


def _scope_of(kind: str) -> str:
    known = catalogue.find(kind)
    return known.scope if known else ApiScope.ACCOUNTS_READ


def register() -> None:
    timeline.subscribers["integrations.webhooks"] = Listener("integrations.webhooks", on_event)
