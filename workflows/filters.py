"""Filters that the task and alert pages share with the API."""

import django_filters as filters

from workflows.alerting.domain import SEVERITY_LABELS, Severity
from workflows.domain import AlertState, Priority, TaskState
from workflows.models import Alert, Task

MAX_ID = 2**63 - 1


class TaskFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=[(s.value, s.value.capitalize()) for s in TaskState])
    priority = filters.ChoiceFilter(choices=[(p.value, p.value.capitalize()) for p in Priority])
    assignee = filters.NumberFilter(field_name="assignee_id", min_value=1, max_value=MAX_ID)
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    contact = filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    response = filters.NumberFilter(field_name="response_id", min_value=1, max_value=MAX_ID)
    due_before = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")
    due_after = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="gte")

    class Meta:
        model = Task
        fields: list[str] = []


class AlertFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=[(s.value, s.value.capitalize()) for s in AlertState])
    severity = filters.ChoiceFilter(
        label="How urgent", choices=[(s.value, SEVERITY_LABELS[s].capitalize()) for s in reversed(Severity)]
    )
    kind = filters.CharFilter(field_name="kind", label="Kind")
    reason = filters.CharFilter(field_name="reason")
    assignee = filters.NumberFilter(field_name="assignee_id", label="For", min_value=1, max_value=MAX_ID)
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    contact = filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    response = filters.NumberFilter(
        field_name="causes__response_id", distinct=True, min_value=1, max_value=MAX_ID
    )
    opened_after = filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")

    class Meta:
        model = Alert
        fields: list[str] = []
