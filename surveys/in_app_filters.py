"""The filter of messages in the product: the same for the page and the API."""

import django_filters as filters

from surveys.choices import InAppState
from surveys.models import InAppMessage
from surveys.queries.in_app_messages import LABELS

MAX_ID = 2**63 - 1


class InAppMessageFilter(filters.FilterSet):
    state = filters.ChoiceFilter(
        label="State", choices=[(state.value, LABELS[state][0]) for state in InAppState]
    )
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    contact = filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    queued_since = filters.IsoDateTimeFilter(field_name="queued_at", lookup_expr="gte")

    class Meta:
        model = InAppMessage
        fields: list[str] = []
