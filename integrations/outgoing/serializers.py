"""The shapes of webhooks and their log in the API. A secret is told when it is made, and never again."""

from typing import Any

from rest_framework import serializers

from integrations.outgoing.models import Webhook, WebhookAttempt, WebhookDelivery


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    kinds = serializers.ListField(child=serializers.CharField())
    conditions = serializers.DictField()

    class Meta:
        model = Webhook
        fields = [
            "id", "name", "url", "kinds", "conditions", "includes_imports", "state", "reason", "state_since", "owner",
            "previous_until", "last_success_at", "failing_since", "failures", "last_error", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class NewWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Told this once. Messages are signed with it.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class WebhookChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    url = serializers.CharField(max_length=2_000, required=False)
    kinds = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=100,
        help_text="Events, as listed under /webhook-events/. None: only steps of rules use it.",
    )  # fmt: skip
    conditions = serializers.JSONField(
        required=False,
        help_text="A filter in the language of segments over the event's own values and facts.",
    )
    includes_imports = serializers.BooleanField(
        required=False, help_text="Also tell of imported and older events."
    )


class WebhookWriteSerializer(WebhookChangeSerializer):
    url = serializers.CharField(max_length=2_000)
    kinds = serializers.ListField(child=serializers.CharField(max_length=60), max_length=100)


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Told this once.")
    previous_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then messages carry a signature of the secret before, too."
    )


class TestRequestSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=60)


class ReplayRequestSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField(help_text="Of the events.")
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    only_failed = serializers.BooleanField(required=False, default=True)


class ReplayedSerializer(serializers.Serializer[Any]):
    deliveries = serializers.IntegerField(
        help_text="Messages put back. Events that were never queued are looked up besides."
    )


class AttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    class Meta:
        model = WebhookAttempt
        fields = ["number", "at", "duration_ms", "status", "error", "excerpt"]
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    webhook = serializers.IntegerField(source="webhook_id")
    event = serializers.IntegerField(source="event_id", allow_null=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "webhook", "message_id", "kind", "cause", "event", "state", "attempts", "status", "error", "occurred_at",
            "next_at", "created_at", "finished_at", "replayed_at",
        ]  # fmt: skip
        read_only_fields = fields


class DeliveryDetailSerializer(DeliverySerializer):
    tries = AttemptSerializer(many=True)

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "tries"]
        read_only_fields = fields


class EventTypeSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field named as an attribute of DRF
    group = serializers.CharField()
    about = serializers.CharField()
    subject = serializers.CharField(
        help_text="What the event is about, under `data`; empty: account and contact."
    )
    scope = serializers.CharField(help_text="What the API key must be allowed to read.")


class HookWriteSerializer(serializers.Serializer[Any]):
    target_url = serializers.CharField(max_length=2_000)
    event = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class HookSubscribedSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    secret = serializers.CharField()
