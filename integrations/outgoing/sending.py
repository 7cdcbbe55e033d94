"""Sending what is due: many at once, no target holding up another, every try written down.

A batch holds at most `PER_TARGET` messages of one target. Its messages are built, fenced and then sent side by side in
threads that touch no database; each is settled as its answer comes. A repetition after a crash carries the same id.
"""

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from core import clock, fetch, jobs, outbox
from core.errors import Refused
from core.outbox import State
from integrations.outgoing import domain, payload, signing, standing
from integrations.outgoing.domain import Cause, Reason, WebhookState
from integrations.outgoing.hearing import KIND
from integrations.outgoing.models import Webhook, WebhookAttempt, WebhookDelivery

BATCH = 20
DEADLINE = 15.0
MAX_ANSWER = 64 * 1024
TARGETS_A_LOOK = 50
HONOURED = frozenset({429, 502, 503, 504})
# What is due within this time is woken for; what is later, the minutely tick finds.
SOON_SECONDS = 45.0


# --- Whose turn it is ----------------------------------------------------------------------------------------
def turns() -> Q:
    """The deliveries that may be claimed now: the oldest few of each target that is not being left alone.

    So a target with a hundred thousand waiting takes no more places than one with a few.
    """
    due = WebhookDelivery.objects.filter(state=State.PENDING, next_at__lte=Now())
    may = standing.may_send() & (
        Q(cause=Cause.TEST)
        | Q(webhook__state=WebhookState.ACTIVE)
        & (Q(webhook__hold_until__isnull=True) | Q(webhook__hold_until__lte=Now()))
    )
    targets = due.filter(may).order_by().values_list("webhook_id", flat=True).distinct()
    chosen: list[int] = []
    for webhook_id in sorted(targets, key=lambda _: random.random())[:TARGETS_A_LOOK]:
        at_work = WebhookDelivery.objects.filter(
            webhook_id=webhook_id, state__in=[State.CLAIMED, State.SENDING], lease_until__gt=Now()
        ).count()
        room = domain.PER_TARGET - at_work
        if room > 0:
            rows = due.filter(may, webhook_id=webhook_id).order_by("next_at", "pk")
            chosen += rows.values_list("pk", flat=True)[:room]
    return Q(pk__in=chosen)


# --- One batch -----------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Ready:
    """A message on its way: all that a thread needs to send it."""

    row: WebhookDelivery
    webhook: Webhook
    message: payload.Message
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try came to. `status` None: no whole answer."""

    status: int | None
    error: str
    seconds: float
    retry_after: float | None = None
    said: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send_batch(batch: "outbox.Batch[WebhookDelivery]") -> None:
    """Build, fence and send the rows of a batch side by side, and settle each."""
    ready = {one.row.pk: one for one in _prepare(batch)}
    fenced = batch.fence([one.row for one in ready.values()])
    lost = [row for row in batch.unsettled if row.state == State.CLAIMED]
    if lost:
        batch.release(lost, after=1)
    if not fenced:
        return
    heard: dict[int, list[tuple[Ready, Outcome]]] = {}
    with ThreadPoolExecutor(max_workers=len(fenced), thread_name_prefix="webhook") as pool:
        ways: dict[Future[Outcome], Ready] = {
            pool.submit(_post, one.webhook.url, one.message.body, one.headers): one
            for one in (ready[row.pk] for row in fenced)
        }
        for future in as_completed(ways):
            one, outcome = ways[future], future.result()
            _settle(batch, one, outcome)
            heard.setdefault(one.webhook.pk, []).append((one, outcome))
    for tries in heard.values():
        _note_standing(tries)


def _prepare(batch: "outbox.Batch[WebhookDelivery]") -> Iterator[Ready]:
    webhooks = Webhook.objects.select_related("owner", "api_key").in_bulk(
        {row.webhook_id for row in batch.rows}
    )
    now = clock.now()
    held: dict[int, list[str]] = {}
    for row in list(batch.rows):
        webhook = webhooks.get(row.webhook_id)
        if webhook is None:
            batch.forget([row])
            continue
        try:
            if webhook.pk not in held:
                held[webhook.pk] = signing.in_force(webhook, now)
            message = payload.build(row, webhook)
        except payload.OutOfSight as refusal:
            batch.cancel([row], refusal.message)
            continue
        except Refused as refusal:
            batch.fail([row], refusal.message)
            continue
        signed = signing.headers(held[webhook.pk], message_id=row.message_id, at=now, body=message.body)
        yield Ready(row, webhook, message, signed)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """One call. Runs in a thread of its own; knows nothing of the database."""
    started = time.monotonic()

    def outcome(status: int | None, error: str = "", **more: Any) -> Outcome:
        return Outcome(status, error, time.monotonic() - started, **more)

    try:
        reply = fetch.post(
            url, body=body, headers={"Content-Type": "application/json", "User-Agent": "NPS-CRM-Webhooks/1", **headers},
            deadline=DEADLINE, max_bytes=MAX_ANSWER,
        )  # fmt: skip
    except fetch.Forbidden as refusal:
        return outcome(None, refusal.message)
    except fetch.FetchError as trouble:
        return outcome(None, trouble.message)
    except Exception as error:  # a thread's failure is this message's alone
        return outcome(None, f"The call failed ({type(error).__name__}).")
    if reply.is_success:
        return outcome(reply.status)
    asked = reply.retry_after if reply.status in HONOURED else None
    return outcome(reply.status, _words(reply.status), retry_after=asked, said=reply.text)


def _words(status: int) -> str:
    if 300 <= status < 400:
        return f"Answered {status}, a redirect. Redirects are not followed: enter the address it leads to."
    if status == 410:
        return "Answered 410: the address is gone."
    return f"Answered {status}. Only 200 to 299 counts as taken."


# --- What came of it -----------------------------------------------------------------------------------------
def _settle(batch: "outbox.Batch[WebhookDelivery]", one: Ready, outcome: Outcome) -> None:
    row = one.row
    with transaction.atomic():
        WebhookAttempt.objects.create(
            delivery=row, number=row.attempts, at=clock.now(), duration_ms=round(outcome.seconds * 1000),
            status=outcome.status, error=outcome.error[:300],
            excerpt=domain.excerpt(outcome.said, one.message.envelope) if outcome.said else "",
        )  # fmt: skip
        if outcome.is_taken:
            batch.done([row], status=outcome.status)
        elif row.cause == Cause.TEST or outcome.status == 410:
            batch.fail([row], outcome.error, status=outcome.status)
        else:
            after = domain.pause_before_next(row.attempts, spread=random.random(), asked=outcome.retry_after)
            batch.retry([row], outcome.error, after=after, status=outcome.status)
            if after <= SOON_SECONDS:
                jobs.wake(KIND, after=after)


def _note_standing(tries: list[tuple[Ready, Outcome]]) -> None:
    """What the tries of one target in this batch say of it: gone, well, or unwell and to be left alone a while."""
    real = [(one, outcome) for one, outcome in tries if one.row.cause != Cause.TEST]
    if not real:
        return
    webhook = real[0][0].webhook
    gone = [outcome for _, outcome in real if outcome.status == 410]
    bad = [outcome for _, outcome in real if not outcome.is_taken]
    if gone:
        standing.disable(webhook, Reason.GONE, gone[0].error)
    elif len(bad) < len(real):
        standing.succeeded(webhook)
    else:
        asked = max((outcome.retry_after or 0.0 for outcome in bad), default=0.0) or None
        hold = any(domain.rests(outcome.status) for outcome in bad)
        standing.failed(webhook, bad[-1].error, hold=hold, asked=asked)


def register() -> None:
    outbox.register(
        outbox.Kind(
            KIND,
            WebhookDelivery,
            send_batch,
            batch=BATCH,
            max_attempts=domain.MAX_ATTEMPTS,
            filter=turns,
            idempotent=True,
            # A batch waits for its slowest target; half of the workers stay free for everything else.
            max_running=BATCH * max(1, settings.WORKERS // 2) - BATCH + 1,
        )
    )
