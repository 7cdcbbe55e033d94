"""Filters of the API: those of the pages, their choices given as values separated by commas."""

import django_filters as filters
from django.db.models import QuerySet

from accounts.domain import Origin
from accounts.filters import AccountFilter, ContactFilter
from accounts.models import Account, Contact, Contract, Event, Interaction, Merge, MetricPoint
from core.errors import Invalid


class Words(filters.BaseInFilter, filters.CharFilter):
    """`?plan=Enterprise,Scale`"""


class Ids(filters.BaseInFilter, filters.NumberFilter):
    """`?stage=3,4`"""


def _key(name: str) -> filters.NumberFilter:
    return filters.NumberFilter(field_name=name, min_value=1, max_value=2**63 - 1, decimal_places=0)


def _owners(values: list[str]) -> list[str]:
    for value in values:
        if value not in {"me", "none"} and not (value.isascii() and value.isdigit() and len(value) < 19):
            raise Invalid("owner takes ids of people, me, or none.", field="owner")
    return values


class AccountApiFilter(AccountFilter):
    owner = Words(method="owned", label="Ids of owners, `me`, or `none`, separated by commas")
    stage = Ids(field_name="stage_id", lookup_expr="in", label="Ids of stages")
    plan = Words(field_name="plan", lookup_expr="in")
    segment = Words(field_name="segment", lookup_expr="in")
    country = Words(field_name="country", lookup_expr="in")
    external_id = Words(field_name="external_id", lookup_expr="in")
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Account
        fields: list[str] = []

    def owned(self, queryset: QuerySet[Account], name: str, value: list[str]) -> QuerySet[Account]:
        return self.by_owner("owner", queryset, _owners(value))


class ContactApiFilter(ContactFilter):
    owner = Words(method="owned", label="Ids of owners of the account, `me`, or `none`, separated by commas")
    role = Words(field_name="role", lookup_expr="in")
    account = _key("account_id")
    email = filters.CharFilter(method="by_email", max_length=300, label="An address, however it is written")
    external_id = Words(field_name="external_id", lookup_expr="in")
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Contact
        fields: list[str] = []

    def owned(self, queryset: QuerySet[Contact], name: str, value: list[str]) -> QuerySet[Contact]:
        return self.by_owner("account__owner", queryset, _owners(value))

    def by_email(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return self.search(queryset, name, value) if "@" in value else queryset.none()


class EventApiFilter(filters.FilterSet):
    account = _key("account_id")
    contact = _key("contact_id")
    kind = Words(field_name="kind", lookup_expr="in")
    origin = filters.ChoiceFilter(choices=[(o.value, o.value) for o in Origin])
    since = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Event
        fields: list[str] = []


class ContractApiFilter(filters.FilterSet):
    account = _key("account_id")
    outcome = Words(field_name="outcome", lookup_expr="in")
    ends_from = filters.DateFilter(field_name="ends_on", lookup_expr="gte")
    ends_before = filters.DateFilter(field_name="ends_on", lookup_expr="lt")

    class Meta:
        model = Contract
        fields: list[str] = []


class InteractionApiFilter(filters.FilterSet):
    account = _key("account_id")
    contact = _key("contact_id")
    kind = Words(field_name="kind", lookup_expr="in")
    since = filters.IsoDateTimeFilter(field_name="happened_at", lookup_expr="gte")

    class Meta:
        model = Interaction
        fields: list[str] = []


class PointApiFilter(filters.FilterSet):
    account = _key("account_id")
    metric = filters.CharFilter(field_name="metric__key", max_length=60)
    since = filters.IsoDateTimeFilter(field_name="observed_at", lookup_expr="gte")

    class Meta:
        model = MetricPoint
        fields: list[str] = []


class MergeApiFilter(filters.FilterSet):
    target = filters.ChoiceFilter(choices=[("contact", "Contact"), ("account", "Account")])
    survivor = _key("survivor_key")
    loser = _key("loser_key")
    undone = filters.BooleanFilter(field_name="undone_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Merge
        fields: list[str] = []
