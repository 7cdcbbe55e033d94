"""Filters of webhooks and their log in the API."""

import django_filters as filters

from core.outbox import State
from integrations.domain import pairs
from integrations.filters import MAX_ID
from integrations.outgoing.domain import WebhookState
from integrations.outgoing.models import Webhook, WebhookDelivery


class WebhookFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=pairs(WebhookState))

    class Meta:
        model = Webhook
        fields: list[str] = []


class DeliveryFilter(filters.FilterSet):
    webhook = filters.NumberFilter(field_name="webhook_id", min_value=1, max_value=MAX_ID)
    state = filters.MultipleChoiceFilter(choices=pairs(State))
    kind = filters.CharFilter(field_name="kind")
    message_id = filters.CharFilter(field_name="message_id")
    occurred_since = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_until = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lte")

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []
