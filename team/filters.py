"""Filters shared by lists of people and of audit entries."""

import django_filters
from django_filters import rest_framework as filters

from team.domain import ROLE_LABELS, Role
from team.models import AuditEntry, User


class UserFilter(filters.FilterSet):
    role = django_filters.ChoiceFilter(choices=[(role.value, ROLE_LABELS[role]) for role in Role])
    team = django_filters.NumberFilter(field_name="team_id", min_value=1, max_value=2**63 - 1)
    email = django_filters.CharFilter(lookup_expr="iexact")
    is_active = filters.BooleanFilter()

    class Meta:
        model = User
        fields = ("role", "team", "email", "is_active")


class AuditFilter(filters.FilterSet):
    action = django_filters.CharFilter()
    actor = django_filters.NumberFilter(field_name="actor_id", min_value=1, max_value=2**63 - 1)
    object_type = django_filters.CharFilter()
    object_id = django_filters.NumberFilter(min_value=1, max_value=2**63 - 1)
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ("action", "actor", "object_type", "object_id", "since", "until")
