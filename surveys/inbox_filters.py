"""The filters of the identity inbox: the same for its page, its bulk decisions and the API."""

import datetime as dt
from typing import Any

import django_filters as filters
from django.db.models import F, Func, Q, QuerySet, TextField

from surveys.choices import Identity
from surveys.models import Response, Survey
from team import queries as team_queries

KNOWN = [
    ("email", "an e-mail address"),
    ("name", "a name"),
    ("phone", "a phone number"),
    ("nothing", "nothing"),
]


class SaidText(Func):
    """What an answer said about its author under one key, as text in small letters; empty when it said nothing."""

    template = "LOWER(COALESCE(CAST(%(expressions)s ->> '%(key)s' AS text), ''))"
    output_field = TextField()

    def __init__(self, key: str) -> None:
        if key not in {"email", "name", "phone", "external_id"}:
            raise ValueError(f"Nothing is said under {key}")
        super().__init__(F("identity_hint"), key=key)


def _surveys() -> list[tuple[str, str]]:
    rows = Survey.objects.order_by("name", "pk").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


class InboxFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label="Search", max_length=200)
    state = filters.ChoiceFilter(
        choices=[("waiting", "Waiting"), ("ignored", "Set aside")], method="by_state", label="State"
    )
    survey = filters.MultipleChoiceFilter(choices=_surveys, field_name="survey_id", label="Survey")
    source = filters.CharFilter(label="Source", max_length=40)
    domain = filters.CharFilter(method="by_domain", label="E-mail domain", max_length=253)
    known = filters.ChoiceFilter(choices=KNOWN, method="by_known", label="What is known")
    since = filters.DateFilter(method="from_day", label="From")
    until = filters.DateFilter(method="to_day", label="To")

    class Meta:
        model = Response
        fields: list[str] = []

    def search(self, queryset: QuerySet[Response], name: str, value: str) -> QuerySet[Response]:
        """Every word is in the name, address, phone number or external id that the answer named, or in the comment."""
        rows = queryset.annotate(
            **{f"_said_{key}": SaidText(key) for key in ("email", "name", "phone", "external_id")}
        )
        for word in value.lower().split()[:8]:
            rows = rows.filter(
                Q(_said_email__contains=word)
                | Q(_said_name__contains=word)
                | Q(_said_phone__contains=word)
                | Q(_said_external_id__contains=word)
                | Q(comment__icontains=word)
            )
        return rows

    def by_state(self, queryset: QuerySet[Response], name: str, value: str) -> QuerySet[Response]:
        return queryset.filter(identity=Identity.IGNORED if value == "ignored" else Identity.INBOX)

    def by_domain(self, queryset: QuerySet[Response], name: str, value: str) -> QuerySet[Response]:
        wanted = value.strip().lower().lstrip("@")
        return queryset.annotate(_domain_of=SaidText("email")).filter(_domain_of__endswith=f"@{wanted}")

    def by_known(self, queryset: QuerySet[Response], name: str, value: str) -> QuerySet[Response]:
        keys = ("email", "name", "phone", "external_id")
        rows = queryset.annotate(**{f"_has_{key}": SaidText(key) for key in keys})
        if value == "nothing":
            return rows.filter(**{f"_has_{key}": "" for key in keys})
        return rows.exclude(**{f"_has_{value}": ""})

    def from_day(self, queryset: QuerySet[Response], name: str, value: dt.date) -> QuerySet[Response]:
        return queryset.filter(responded_at__gte=_start(value))

    def to_day(self, queryset: QuerySet[Response], name: str, value: dt.date) -> QuerySet[Response]:
        if value == dt.date.max:
            return queryset
        return queryset.filter(responded_at__lt=_start(value + dt.timedelta(days=1)))


def _start(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=team_queries.zone())


def chosen(params: Any) -> list[str]:
    """The names of the filters that are set, for the audit log."""
    return sorted(key for key, value in params.items() if value and key in InboxFilter.base_filters)
