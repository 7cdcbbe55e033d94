"""Filters that the task and alert pages share with the API."""

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet

from core import clock
from workflows.alerting.domain import SEVERITY_LABELS, Severity
from workflows.domain import AlertState, Priority, TaskState
from workflows.models import AccountHealth, Alert, Loop, Task
from workflows.queries import loops as loop_queries

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
    overdue = filters.BooleanFilter(method="only_overdue")
    playbook_run = filters.NumberFilter(field_name="playbook_run_id", min_value=1, max_value=MAX_ID)
    playbook = filters.NumberFilter(field_name="playbook_run__playbook_id", min_value=1, max_value=MAX_ID)
    series = filters.NumberFilter(field_name="series_id", min_value=1, max_value=MAX_ID)
    q = filters.CharFilter(method="containing")

    class Meta:
        model = Task
        fields: list[str] = []

    def only_overdue(self, rows: QuerySet[Task], name: str, value: bool) -> QuerySet[Task]:
        late = Q(state=TaskState.OPEN, due_at__lt=clock.now())
        return rows.filter(late) if value else rows.exclude(late)

    def containing(self, rows: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        words = value.strip()[:200]
        return rows.filter(
            Q(title__icontains=words) | Q(account__name__icontains=words) | Q(description__icontains=words)
        )


class LoopFilter(filters.FilterSet):
    owner = filters.NumberFilter(field_name="owner_id", min_value=1, max_value=MAX_ID)
    team = filters.NumberFilter(field_name="owner__team_id", min_value=1, max_value=MAX_ID)
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    contact = filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    response = filters.NumberFilter(field_name="response_id", min_value=1, max_value=MAX_ID)
    segment = filters.CharFilter(field_name="account__segment")
    category = filters.CharFilter(field_name="category")
    outcome = filters.NumberFilter(field_name="outcome_id", min_value=1, max_value=MAX_ID)
    state = filters.ChoiceFilter(
        choices=[(name, name) for name in ("open", "late", "contacted", "closed", "paused")],
        method="in_state",
    )
    started_after = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    started_before = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lt")

    class Meta:
        model = Loop
        fields: list[str] = []

    def in_state(self, rows: QuerySet[Loop], name: str, value: str) -> QuerySet[Loop]:
        if value == "open":
            return loop_queries.open_loops(rows)
        if value == "late":
            return loop_queries.late_loops(rows)
        if value == "contacted":
            return loop_queries.open_loops(rows).filter(contacted_at__isnull=False)
        if value == "closed":
            return rows.filter(resolved_at__isnull=False)
        return rows.filter(paused_at__isnull=False, resolved_at__isnull=True)


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


CHANGES = (("fell", "Fell by 5 or more"), ("rose", "Rose by 5 or more"), ("steady", "Hardly moved"))


class HealthFilter(filters.FilterSet):
    """`band` is the key of one, "unclear" or "none"; `change` is within 30 days."""

    q = filters.CharFilter(field_name="account__name", lookup_expr="icontains", max_length=200)
    band = filters.CharFilter(method="by_band", max_length=20)
    change = filters.ChoiceFilter(choices=CHANGES, method="by_change")
    profile = filters.CharFilter(field_name="profile", max_length=40)
    owner = filters.CharFilter(method="by_owner", max_length=20)
    overridden = filters.BooleanFilter(field_name="override", lookup_expr="isnull", exclude=True)

    class Meta:
        model = AccountHealth
        fields: list[str] = []

    def by_band(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(effective_band="" if value == "none" else value)

    def by_change(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "fell":
            return rows.filter(change_30d__lte=-5)
        if value == "rose":
            return rows.filter(change_30d__gte=5)
        return rows.filter(change_30d__gt=-5, change_30d__lt=5)

    def by_owner(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "me":
            return rows.filter(account__owner=self.request.user)
        if value == "none":
            return rows.filter(account__owner__isnull=True)
        if value.isascii() and value.isdigit() and len(value) < 19:
            return rows.filter(account__owner=int(value))
        return rows.none()
