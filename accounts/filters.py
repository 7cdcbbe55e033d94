"""The filters of the lists of accounts and contacts: the same for pages, exports, bulk actions and the API."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce, Concat
from drf_spectacular.utils import extend_schema_field

from accounts import queries, segments
from accounts.conditions import fold
from accounts.domain import ContactRole, normalise_email
from accounts.folding import Folded
from accounts.models import Account, Contact, Segment
from core.errors import Refused
from team import queries as team_queries
from team.models import User

RENEWALS = [
    ("30", "within 30 days"),
    ("60", "within 60 days"),
    ("90", "within 90 days"),
    ("180", "within 180 days"),
    ("overdue", "overdue"),
    ("none", "none known"),
]
MAX_WORDS = 8


def _owners() -> list[tuple[str, str]]:
    people = [
        (str(user.pk), str(user)) for user in User.objects.filter(is_active=True).order_by("name", "pk")
    ]
    return [("me", "Me"), ("none", "Nobody"), *people]


def _values(column: str, user: User) -> Callable[[], list[tuple[str, str]]]:
    """The values that occur in the accounts `user` may see."""

    def read() -> list[tuple[str, str]]:
        seen = Account.objects.visible_to(user).exclude(**{column: ""})
        found = seen.order_by(column).values_list(column, flat=True).distinct()
        return [(value, value) for value in found[:300]]

    return read


def _stages() -> list[tuple[str, str]]:
    return [(str(stage.pk), stage.name) for stage in queries.list_stages()]


class _Scoped(filters.FilterSet):
    """A filter set that knows whose rows it cuts. An unknown or foreign segment yields nothing."""

    target = "account"
    listed: tuple[str, ...] = ()

    def __init__(self, data: Any = None, queryset: Any = None, *, request: Any = None, **more: Any) -> None:
        super().__init__(data, queryset, request=request, **more)
        self.user: User = request.user
        for name in self.listed:
            # The API takes any text there and so offers no list.
            if isinstance(self.filters[name], filters.MultipleChoiceFilter):
                self.filters[name].extra["choices"] = _values(name, self.user)

    @extend_schema_field({"type": "integer", "description": "Id of a saved segment."})
    def in_segment(self, queryset: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        self.segment: Segment | None = None
        self.segment_trouble = ""
        found = queries.list_segments(self.user).filter(pk=value).first()
        if found is None:
            return queryset.none()
        self.segment = found
        try:
            if found.target == self.target:
                return segments.narrow(queryset, found.conditions, target=self.target, user=self.user)
            if self.target == "contact":
                return queryset.filter(account__in=segments.accounts_of(found, self.user).values("pk"))
            return queryset.filter(pk__in=segments.contacts_of(found, self.user).values("account"))
        except Refused as refusal:
            self.segment_trouble = refusal.message
            return queryset.none()

    def by_owner(self, path: str, queryset: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
        wanted = Q()
        for value in values:
            if value == "none":
                wanted |= Q(**{f"{path}__isnull": True})
            else:
                wanted |= Q(**{path: self.user.pk if value == "me" else int(value)})
        return queryset.filter(wanted) if values else queryset


class AccountFilter(_Scoped):
    listed = ("plan", "segment", "country")
    q = filters.CharFilter(method="search", label="Search", max_length=200)
    owner = filters.MultipleChoiceFilter(choices=_owners, method="owned", label="Owner")
    stage = filters.MultipleChoiceFilter(choices=_stages, label="Stage")
    plan = filters.MultipleChoiceFilter(label="Plan")
    segment = filters.MultipleChoiceFilter(label="Segment")
    country = filters.MultipleChoiceFilter(label="Country")
    renewal = filters.ChoiceFilter(choices=RENEWALS, method="renews", label="Renewal")
    saved = filters.NumberFilter(
        method="in_segment", label="Saved segment", min_value=1, max_value=2**62, decimal_places=0
    )

    class Meta:
        model = Account
        fields: list[str] = []

    def search(self, queryset: QuerySet[Account], name: str, value: str) -> QuerySet[Account]:
        """Every word is in the name, domain, city or external id."""
        queryset = queryset.alias(
            _text=Folded(
                Concat(
                    "name",
                    Value(" "),
                    "domain",
                    Value(" "),
                    "city",
                    Value(" "),
                    Coalesce("external_id", Value("")),
                )
            )
        )
        for word in fold(value).split()[:MAX_WORDS]:
            queryset = queryset.filter(_text__contains=word)
        return queryset

    def owned(self, queryset: QuerySet[Account], name: str, value: list[str]) -> QuerySet[Account]:
        return self.by_owner("owner", queryset, value)

    def renews(self, queryset: QuerySet[Account], name: str, value: str) -> QuerySet[Account]:
        today = team_queries.today()
        if value == "none":
            return queryset.filter(renewal_on__isnull=True)
        if value == "overdue":
            return queryset.filter(renewal_on__lt=today)
        return queryset.filter(renewal_on__range=(today, today + dt.timedelta(days=int(value))))


class ContactFilter(_Scoped):
    target = "contact"
    q = filters.CharFilter(method="search", label="Search", max_length=200)
    owner = filters.MultipleChoiceFilter(choices=_owners, method="owned", label="Owner")
    role = filters.MultipleChoiceFilter(
        choices=[(r.value, r.value.replace("_", " ").capitalize()) for r in ContactRole], label="Role"
    )
    account = filters.NumberFilter(
        field_name="account_id", label="Account", min_value=1, max_value=2**62, decimal_places=0
    )
    saved = filters.NumberFilter(
        method="in_segment", label="Saved segment", min_value=1, max_value=2**62, decimal_places=0
    )

    class Meta:
        model = Contact
        fields: list[str] = []

    def search(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        """An address finds its contact whichever way it is written; else every word is in the name, address or title."""
        if "@" in value:
            try:
                return queryset.filter(email_key=normalise_email(value))
            except ValueError:
                pass
        queryset = queryset.alias(
            _text=Folded(
                Concat(
                    "first_name",
                    Value(" "),
                    "last_name",
                    Value(" "),
                    "email",
                    Value(" "),
                    "job_title",
                    Value(" "),
                    "phone",
                )
            )
        )
        for word in fold(value).split()[:MAX_WORDS]:
            queryset = queryset.filter(_text__contains=word)
        return queryset

    def owned(self, queryset: QuerySet[Contact], name: str, value: list[str]) -> QuerySet[Contact]:
        return self.by_owner("account__owner", queryset, value)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter at work, as its chip shows it: the parameter, its name, what was chosen."""

    param: str
    label: str
    text: str


def chosen_filters(filterset: Any, names: Sequence[str]) -> list[Chosen]:
    """The filters that cut the list now, in words."""
    if not filterset.is_valid():
        return []
    found = []
    for name in names:
        value = filterset.form.cleaned_data.get(name)
        if not value:
            continue
        labels = {str(key): str(label) for key, label in filterset.form.fields[name].choices}
        values = value if isinstance(value, list) else [value]
        words = [labels.get(str(one), str(one)) for one in values]
        more = f" and {len(words) - 2} more" if len(words) > 2 else ""
        found.append(Chosen(name, str(filterset.form.fields[name].label), ", ".join(words[:2]) + more))
    return found
