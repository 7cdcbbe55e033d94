"""The filter of answers: the same for the feedback page, its export and bulk actions, and the API.

Every number of the NPS page leads here, so the parameters can say exactly what a figure counted: `latest=90&as_of=…` is
"latest answer per contact within 90 days as of that day".
"""

import datetime as dt
from typing import Any

import django_filters as filters
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Concat
from drf_spectacular.utils import extend_schema_field

from accounts import queries as account_queries
from accounts import segments
from accounts.conditions import fold
from accounts.folding import Folded
from core.errors import Refused
from surveys.choices import Channel, Identity, LoopStatus
from surveys.domain import SCALES
from surveys.insight import rollups
from surveys.models import Response, Survey
from team.models import User

NOTED = frozenset({"plan", "segment", "country", "owner"})
MAX_WORDS = 8
MAX_DAYS = 3_650


def _surveys() -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in Survey.objects.order_by("name").values_list("pk", "name")]


def _people() -> list[tuple[str, str]]:
    people = User.objects.filter(is_active=True).order_by("name", "pk")
    return [("me", "Me"), ("none", "Nobody"), *((str(user.pk), str(user)) for user in people)]


def _words(values: Any) -> list[tuple[str, str]]:
    return [(value.value, value.value.replace("_", " ").capitalize()) for value in values]


def _keys(*, words: bool = False, **options: Any) -> filters.MultipleChoiceFilter:
    """A choice among rows of ours. The API's schema says what may be sent, never which rows or people there are."""
    described: dict[str, Any] = {"type": "integer", "description": f"{options['label']}: ids."}
    if words:
        described = {
            "type": "string",
            "pattern": "^(me|none|[0-9]{1,18})$",
            "description": f"{options['label']}: ids of people, `me`, or `none`.",
        }
    found: filters.MultipleChoiceFilter = extend_schema_field(described)(
        filters.MultipleChoiceFilter(**options)
    )
    return found


# The groups of every scale, each word once: "neutral" is a group of two.
CATEGORIES = list(
    {level.name: (level.name, level.label) for scale in SCALES.values() for level in scale.levels}.values()
)


class Noted(Func):
    """What was noted of the account at the answer, as text; empty when nothing was.

    Written out because Django reads JSON's null as a word on SQLite and as NULL on PostgreSQL.
    """

    template = "COALESCE(CAST(%(expressions)s ->> '%(key)s' AS text), '')"
    output_field = TextField()

    def __init__(self, key: str) -> None:
        if key not in NOTED:
            raise ValueError(f"Nothing is noted under {key}")
        super().__init__(F("attributes"), key=key)


class ResponseFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label="Search", max_length=200)
    category = filters.MultipleChoiceFilter(choices=CATEGORIES, method="by_category", label="Category")
    metric = filters.MultipleChoiceFilter(
        choices=[(scale.metric, scale.label) for scale in SCALES.values()], label="Kind of score"
    )
    score = filters.MultipleChoiceFilter(choices=[(str(s), str(s)) for s in range(11)], label="Score")
    survey = _keys(choices=_surveys, field_name="survey_id", label="Survey")
    channel = filters.MultipleChoiceFilter(choices=_words(Channel), label="Channel")
    source = filters.CharFilter(label="Source", max_length=40)
    owner = _keys(
        field_name="account__owner", choices=_people, method="by_owner", label="Account owner", words=True
    )
    assignee = _keys(choices=_people, method="by_assignee", label="Assignee", words=True)
    loop_status = filters.MultipleChoiceFilter(choices=_words(LoopStatus), label="Status")
    identity = filters.MultipleChoiceFilter(choices=_words(Identity), label="Identity")
    commented = filters.BooleanFilter(method="by_comment", label="With a comment")
    excluded = filters.BooleanFilter(method="by_exclusion", label="Excluded")
    since = filters.DateFilter(method="from_day", label="From")
    until = filters.DateFilter(method="to_day", label="To")
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=2**62)
    contact = filters.NumberFilter(field_name="contact_id", min_value=1, max_value=2**62)
    saved = filters.NumberFilter(method="in_segment", label="Saved segment", min_value=1, max_value=2**62)
    plan = filters.CharFilter(method="by_attribute", label="Plan", max_length=60)
    segment = filters.CharFilter(method="by_attribute", label="Account segment", max_length=60)
    country = filters.CharFilter(method="by_attribute", label="Country", max_length=60)
    owner_then = filters.CharFilter(method="by_attribute", label="Owner at the answer", max_length=20)
    counted = filters.BooleanFilter(method="only_counted", label="Counted in figures")
    latest = filters.NumberFilter(
        method="only_latest", label="Latest per contact, days", min_value=1, max_value=MAX_DAYS
    )
    as_of = filters.DateFilter(method="unchanged", label="As of")
    imported = filters.NumberFilter(
        field_name="imported__run_id", label="Made by import", min_value=1, max_value=2**62
    )

    class Meta:
        model = Response
        fields: list[str] = []

    def __init__(self, data: Any = None, queryset: Any = None, *, request: Any = None, **more: Any) -> None:
        super().__init__(data, queryset, request=request, **more)
        self.user: User = request.user

    @extend_schema_field({"type": "string", "format": "date", "description": "The last day of `latest`."})
    def unchanged(self, queryset: QuerySet[Response], name: str, value: Any) -> QuerySet[Response]:
        return queryset

    def search(self, queryset: QuerySet[Response], name: str, value: str) -> QuerySet[Response]:
        """Every word is in the comment, the contact's name or address, or the account's name."""
        blank = Value(" ")
        text = Concat(
            "comment", blank, Coalesce("contact__first_name", Value("")), blank,
            Coalesce("contact__last_name", Value("")), blank, Coalesce("contact__email", Value("")), blank,
            Coalesce("account__name", Value("")), output_field=TextField(),
        )  # fmt: skip
        queryset = queryset.alias(_text=Folded(text))
        for word in fold(value).split()[:MAX_WORDS]:
            queryset = queryset.filter(_text__contains=word)
        return queryset

    def by_category(self, queryset: QuerySet[Response], name: str, values: list[str]) -> QuerySet[Response]:
        wanted = Q()
        for value in values:
            for scale in SCALES.values():
                if (level := scale.named(value)) is not None:
                    wanted |= Q(metric=scale.metric, score__gte=level.low, score__lte=level.high)
        return queryset.filter(wanted)

    def _people(self, queryset: QuerySet[Response], path: str, values: list[str]) -> QuerySet[Response]:
        wanted = Q()
        for value in values:
            if value == "none":
                wanted |= Q(**{f"{path}__isnull": True})
            else:
                wanted |= Q(**{path: self.user.pk if value == "me" else int(value)})
        return queryset.filter(wanted)

    def by_owner(self, queryset: QuerySet[Response], name: str, values: list[str]) -> QuerySet[Response]:
        return self._people(queryset, "account__owner", values) if values else queryset

    def by_assignee(self, queryset: QuerySet[Response], name: str, values: list[str]) -> QuerySet[Response]:
        return self._people(queryset, "assignee", values) if values else queryset

    def by_comment(self, queryset: QuerySet[Response], name: str, value: bool) -> QuerySet[Response]:
        return queryset.exclude(comment="") if value else queryset.filter(comment="")

    def by_exclusion(self, queryset: QuerySet[Response], name: str, value: bool) -> QuerySet[Response]:
        return queryset.exclude(excluded_reason="") if value else queryset.filter(excluded_reason="")

    def from_day(self, queryset: QuerySet[Response], name: str, value: dt.date) -> QuerySet[Response]:
        return queryset.filter(responded_at__gte=rollups.start_of(value, rollups.zone()))

    def to_day(self, queryset: QuerySet[Response], name: str, value: dt.date) -> QuerySet[Response]:
        return queryset.filter(responded_at__lt=rollups.start_of(_after(value), rollups.zone()))

    @extend_schema_field({"type": "integer", "description": "Id of a saved segment."})
    def in_segment(self, queryset: QuerySet[Response], name: str, value: Any) -> QuerySet[Response]:
        found = account_queries.list_segments(self.user).filter(pk=value).first()
        if found is None:
            return queryset.none()
        try:
            if found.target == "account":
                return queryset.filter(account__in=segments.accounts_of(found, self.user).values("pk"))
            return queryset.filter(contact__in=segments.contacts_of(found, self.user).values("pk"))
        except Refused:
            return queryset.none()

    def by_attribute(self, queryset: QuerySet[Response], name: str, value: str) -> QuerySet[Response]:
        key = "owner" if name == "owner_then" else name
        return queryset.alias(**{f"_{key}": Noted(key)}).filter(
            **{f"_{key}": "" if value == "none" else value}
        )

    def only_counted(self, queryset: QuerySet[Response], name: str, value: bool) -> QuerySet[Response]:
        counted = Response.objects.counted().values("pk")
        return queryset.filter(pk__in=counted) if value else queryset.exclude(pk__in=counted)

    @extend_schema_field({"type": "integer", "description": "Latest per contact, within so many days."})
    def only_latest(self, queryset: QuerySet[Response], name: str, value: Any) -> QuerySet[Response]:
        day = self.form.cleaned_data.get("as_of") or rollups.today()
        return latest_within(queryset, days=int(value), as_of=day)


def _after(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=1) if day < dt.date.max else day


def latest_within(queryset: QuerySet[Response], *, days: int, as_of: dt.date) -> QuerySet[Response]:
    """The answers that count as "latest per contact, trailing `days`, as of the end of a day"."""
    zone = rollups.zone()
    end = rollups.start_of(as_of + dt.timedelta(days=1), zone)
    start = rollups.start_of(as_of - dt.timedelta(days=days - 1), zone)
    return (
        queryset.filter(responded_at__gte=start, responded_at__lt=end, excluded_reason="")
        .filter(deleted_upstream_at__isnull=True, identity__in=[Identity.MATCHED, Identity.ANONYMOUS])
        .filter(Q(superseded_at__isnull=True) | Q(superseded_at__gte=end))
    )
