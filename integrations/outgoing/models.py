"""Webhooks, what they sent or are about to send, and every try. None of it holds names, addresses or texts of customers:
what is sent is built from today's rows at each try."""

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Event
from core.outbox import OutboxRow, State, due_indexes
from integrations.domain import pairs
from integrations.outgoing.domain import Cause, Reason, WebhookState
from team.domain import Role
from team.models import ApiKey
from workflows.models import Run

if TYPE_CHECKING:
    from team.models import User


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def visible_to(self, user: "User") -> Self:
        """One's own webhooks; administrators see all."""
        if not user.is_active:
            return self.none()
        return self if user.role == Role.ADMINISTRATOR else self.filter(owner=user)


class Webhook(models.Model):
    """An address that is told of events. Written by integrations/outgoing/services.py; `secrets` is sealed (core.secrets)
    and opened by integrations/outgoing/signing.py alone.

    It tells what `owner` may see at the moment of sending, and where an API key made it, no more than the key may read.
    """

    name = models.CharField(max_length=120)
    url = models.CharField(max_length=2_000)
    kinds = models.JSONField(default=list)
    conditions = models.JSONField(default=dict, blank=True)
    includes_imports = models.BooleanField(default=False)
    secrets = models.TextField(default="", blank=True)
    previous_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when the secret before signs too."
    )
    state = models.CharField(max_length=10, choices=pairs(WebhookState), default=WebhookState.ACTIVE)
    reason = models.CharField(max_length=10, blank=True, default="")
    state_since = models.DateTimeField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="webhooks"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.SET_NULL,
        null=True,
        related_name="webhooks",
        help_text="The key that made it.",
    )
    last_success_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Tries that failed since the last good one.")
    last_error = models.CharField(max_length=300, blank=True, default="")
    hold_until = models.DateTimeField(
        null=True, blank=True, help_text="By the database's clock: left alone until then."
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = WebhookQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "state"], name="integrations_webhook_owner")]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """The host of its address: the rest may be a secret and is shown to who may change it only."""
        return self.url.split("//", 1)[-1].split("/", 1)[0].split("?", 1)[0]

    @property
    def why(self) -> Reason:
        return Reason(self.reason)


class WebhookDelivery(OutboxRow):
    """One event for one webhook. `message_id` is what receivers tell repetitions by: the same for each try and replay."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, null=True, related_name="+")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=60)
    cause = models.CharField(max_length=10, choices=pairs(Cause), default=Cause.EVENT)
    message_id = models.CharField(max_length=80)
    occurred_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the last answer.")
    replayed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            *due_indexes("integrations_webhook"),
            models.Index(fields=["webhook", "-id"], name="integrations_webhook_log"),
            models.Index(
                fields=["webhook", "next_at"], condition=Q(state="pending"), name="integrations_webhook_turn"
            ),
            models.Index(
                fields=["webhook", "finished_at"],
                condition=Q(state__in=["dead", "failed"]),
                name="integrations_webhook_failed",
            ),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def is_given_up(self) -> bool:
        return self.state in {State.DEAD, State.FAILED}


class WebhookAttempt(models.Model):
    """One try: when, how long, and what came back. `excerpt` is of failures only, without keys, addresses or what we sent."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    excerpt = models.CharField(max_length=310, blank=True, default="")

    def __str__(self) -> str:
        return f"Try {self.number}"
