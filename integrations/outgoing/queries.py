"""What is read of webhooks: the list with how each stands, one with its log, examples of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Max, Min, Q, QuerySet

from accounts.models import Event
from core.outbox import State
from integrations.outgoing import catalogue, payload
from integrations.outgoing.domain import Cause, Reason, WebhookState
from integrations.outgoing.models import Webhook, WebhookDelivery
from team.models import User

WAITING = (State.PENDING, State.CLAIMED, State.SENDING)
UNDELIVERED = (State.DEAD, State.FAILED, State.IN_DOUBT)
SAMPLES = 3
# What the log can be narrowed to, and the words for it.
SHOWN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "waiting": ("Waiting", WAITING),
    "failed": ("Given up", UNDELIVERED),
    "taken": ("Taken", (State.DONE,)),
}


def list_webhooks(user: User) -> QuerySet[Webhook]:
    """One's own webhooks, an administrator's all, by name."""
    return Webhook.objects.visible_to(user).select_related("owner", "api_key").order_by("name", "pk")


def list_deliveries(user: User) -> QuerySet[WebhookDelivery]:
    return (
        WebhookDelivery.objects.filter(webhook__in=Webhook.objects.visible_to(user))
        .select_related("webhook", "event", "run__rule")
        .order_by("-pk")
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a webhook stands, in a word with its tone and a sentence."""

    word: str
    tone: str
    sentence: str


_WHY = {
    Reason.BY_HAND: "Paused by a person. What happens is collected and sent when it is resumed.",
    Reason.OWNER: "Its owner left or may only look, so nothing is collected. An administrator can take it over.",
    Reason.KEY: "The API key that made it was revoked or has expired. Take it over to go on.",
    Reason.GONE: "The other side answered that the address is gone (410). Nothing is collected since then.",
    Reason.FAILING: "It took nothing for days. Nothing is collected since then.",
    Reason.FILTER: "Its filter asks for something that no longer exists. Mend the filter, then switch it on.",
    Reason.NONE: "",
}


@dataclass(frozen=True, slots=True)
class Counts:
    waiting: int = 0
    given_up: int = 0
    taken: int = 0


def standing(webhook: Webhook, counts: Counts) -> Standing:
    if webhook.state == WebhookState.DISABLED:
        return Standing("Switched off", "bad", _WHY[webhook.why])
    if webhook.state == WebhookState.PAUSED:
        return Standing("Paused", "watch", _WHY[webhook.why])
    if webhook.failing_since is not None:
        return Standing(
            "Failing", "bad", "The last tries failed. They are repeated for three days, ever more rarely."
        )
    if counts.given_up:
        return Standing(
            "Gave up on some", "watch", "Some messages were given up after ten tries. They can be sent again."
        )
    if webhook.last_success_at is None:
        return Standing("Nothing sent yet", "", "")
    return Standing("Works", "good", "")


def counts_of(webhooks: Sequence[Webhook]) -> dict[int, Counts]:
    rows = (
        WebhookDelivery.objects.filter(webhook__in=webhooks)
        .exclude(cause=Cause.TEST)
        .values("webhook_id")
        .annotate(
            waiting=Count("pk", filter=Q(state__in=WAITING)),
            given_up=Count("pk", filter=Q(state__in=UNDELIVERED)),
            taken=Count("pk", filter=Q(state=State.DONE)),
        )
        .order_by()
    )
    return {row["webhook_id"]: Counts(row["waiting"], row["given_up"], row["taken"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Row:
    webhook: Webhook
    standing: Standing
    counts: Counts
    labels: list[str]


def list_rows(user: User) -> list[Row]:
    webhooks = list(list_webhooks(user))
    counts = counts_of(webhooks)
    return [row_of(webhook, counts.get(webhook.pk, Counts())) for webhook in webhooks]


def row_of(webhook: Webhook, counts: Counts) -> Row:
    labels = [catalogue.label_of(kind) for kind in webhook.kinds]
    return Row(webhook, standing(webhook, counts), counts, labels)


def log_of(webhook: Webhook, show: str = "") -> QuerySet[WebhookDelivery]:
    """The messages of a webhook, newest first, with how long their last try took."""
    rows = webhook.deliveries.select_related("run__rule").annotate(
        last_try=Max("tries__at"), took=Avg("tries__duration_ms")
    )
    if show in SHOWN:
        rows = rows.filter(state__in=SHOWN[show][1])
    return rows.order_by("-pk")


def oldest_failure(webhook: Webhook) -> Any:
    """When the first event happened that was given up; None where none was."""
    rows = webhook.deliveries.filter(state__in=UNDELIVERED).exclude(cause=Cause.TEST)
    return rows.aggregate(at=Min("occurred_at"))["at"]


def samples(kind: str, user: User, webhook: Webhook | None = None) -> list[Mapping[str, Any]]:
    """The newest messages of a kind as this person's webhook would get them, newest first; an invented one where there are none."""
    eyes = webhook or Webhook(owner=user, kinds=[kind])
    found: list[Mapping[str, Any]] = []
    known = catalogue.find(kind)
    if known is not None and payload.may_read(eyes, known.scope):
        events = Event.objects.visible_to(user).filter(kind=kind).order_by("-occurred_at", "-pk")
        found = [payload.of_event(event, eyes) for event in events[:SAMPLES]]
    return found or [payload.example(kind)]
