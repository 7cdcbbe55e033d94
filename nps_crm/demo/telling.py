"""Webhooks of the demo: a data warehouse that was told of every answer for some weeks, and a ticket bridge that is gone.

Neither sends anything: a demo calls nobody. Their logs say what they would say after such weeks.
"""

import datetime as dt
import random

from accounts.models import Event
from core.models import Job
from core.outbox import State
from integrations.outgoing import payload, services
from integrations.outgoing.domain import Cause, Reason, WebhookState
from integrations.outgoing.models import Webhook, WebhookAttempt, WebhookDelivery
from team.models import User

LOGGED = 60
OUTAGE_DAYS = (2.0, 3.2)


def fill(*, rng: random.Random, now: dt.datetime, admin: User) -> None:
    """Both webhooks with the log of their last weeks."""
    warehouse, _ = services.create_webhook(
        name="Data warehouse", url="https://warehouse.nordlicht.example/nps/in", actor=admin,
        kinds=["response.scored", "response.completed", "account.owner_changed", "contract.outcome_set"],
    )  # fmt: skip
    bridge, _ = services.create_webhook(
        name="Ticket bridge", url="https://bridge.nordlicht.example/crm", actor=admin, kinds=["response.scored"],
        conditions={"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]},
    )  # fmt: skip
    # What these would look up once more is told below.
    Job.objects.filter(kind=services.CATCH_UP).delete()
    scored = Event.objects.filter(kind="response.scored").order_by("-occurred_at", "-pk")
    for event in reversed(list(scored[:LOGGED])):
        _tell(warehouse, event, now, rng)
    for event in scored.filter(data__category="detractor").order_by("-occurred_at", "-pk")[2:8][::-1]:
        _told(bridge, event, State.DONE, [(event.occurred_at, 204, "", "")], rng)
    last = bridge.deliveries.order_by("-occurred_at").first()
    gone_at = last.occurred_at if last else now
    if last is not None:
        WebhookDelivery.objects.filter(pk=last.pk).update(state=State.FAILED, status=410, error=_GONE)
        WebhookAttempt.objects.filter(delivery=last).update(
            status=410, error=_GONE, excerpt="This hook was removed."
        )
    Webhook.objects.filter(pk=bridge.pk).update(
        state=WebhookState.DISABLED, reason=Reason.GONE, state_since=gone_at, last_error=_GONE,
        last_success_at=gone_at - dt.timedelta(days=1), created_at=now - dt.timedelta(days=200),
    )  # fmt: skip
    Webhook.objects.filter(pk=warehouse.pk).update(
        state=WebhookState.PAUSED, reason=Reason.BY_HAND, state_since=now - dt.timedelta(hours=3),
        last_success_at=now - dt.timedelta(hours=4), created_at=now - dt.timedelta(days=90),
    )  # fmt: skip


_GONE = "Answered 410: the address is gone."
_DOWN = "Answered 503. Only 200 to 299 counts as taken."


def _tell(webhook: Webhook, event: Event, now: dt.datetime, rng: random.Random) -> None:
    """One message, as it went: at once, after an outage, not at all, or waiting since the pause."""
    at, days = event.occurred_at, (now - event.occurred_at).total_seconds() / 86_400
    if days < 0.2:
        _told(webhook, event, State.PENDING, [], rng)
    elif OUTAGE_DAYS[0] < days < OUTAGE_DAYS[1]:
        tries = [
            (at, 503, _DOWN, "upstream restarting"),
            (at + dt.timedelta(seconds=5), 503, _DOWN, "upstream restarting"),
        ]
        _told(webhook, event, State.DONE, [*tries, (at + dt.timedelta(minutes=6), 200, "", "")], rng)
    elif rng.random() < 0.04:
        error = "Answered 422. Only 200 to 299 counts as taken."
        tries = [
            (at + dt.timedelta(hours=8 * n), 422, error, "column score: duplicate key") for n in range(10)
        ]
        _told(webhook, event, State.DEAD, tries, rng)
    else:
        _told(webhook, event, State.DONE, [(at, 200, "", "")], rng)


def _told(
    webhook: Webhook,
    event: Event,
    state: State,
    tries: list[tuple[dt.datetime, int, str, str]],
    rng: random.Random,
) -> None:
    last = tries[-1] if tries else None
    delivery = WebhookDelivery.objects.create(
        key=f"webhook:{webhook.pk}:event:{event.pk}", webhook=webhook, event=event, kind=event.kind, cause=Cause.EVENT,
        message_id=payload.message_id_of(event), occurred_at=event.occurred_at, state=state, attempts=len(tries),
        status=last[1] if last else None, error=last[2] if last else "",
        finished_at=last[0] if last else None, created_at=event.occurred_at,
    )  # fmt: skip
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(
            delivery=delivery, number=number, at=at, duration_ms=rng.randrange(60, 420), status=status, error=error,
            excerpt=said,
        )
        for number, (at, status, error, said) in enumerate(tries, 1)
    )  # fmt: skip
