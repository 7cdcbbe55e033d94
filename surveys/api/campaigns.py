"""Campaigns, invitations and the suppression list over the API."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

import django_filters
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from core.errors import Invalid, Refused
from surveys.campaign_plan import NAMES, Plan
from surveys.choices import Cadence, CampaignState, Channel, InvitationState, Reason, SuppressionReason
from surveys.experiments import Outcome
from surveys.models import Campaign, Invitation, Suppression
from surveys.queries import campaigns as queries
from surveys.queries import experiments as experiment_queries
from surveys.queries import forecast as forecast_queries
from surveys.queries import suppressions as suppression_queries
from surveys.services import campaigns as services
from surveys.services import suppressions as suppression_services
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead, can_work

MAX_ID = 2**63 - 1
# What a plan settles beyond survey and segment, which the API names by their ids.
OPTIONS = tuple(name for name in NAMES if name not in {"survey", "segment"})
SCOPES = {"read": ApiScope.SURVEYS_READ, "write": ApiScope.SURVEYS_WRITE}


def _values(values: Any) -> list[tuple[str, str]]:
    return [(value.value, value.value) for value in values]


def _optional_number(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10_000_000, help_text=help_text
    )


# --- Campaigns -----------------------------------------------------------------------------------------------
class CampaignFilter(filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=_values(CampaignState))
    survey = django_filters.NumberFilter(field_name="survey_id", min_value=1, max_value=MAX_ID)
    segment = django_filters.NumberFilter(field_name="segment_id", min_value=1, max_value=MAX_ID)

    class Meta:
        model = Campaign
        fields = ("state", "survey", "segment")


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    survey_id = serializers.IntegerField()
    segment_id = serializers.IntegerField(allow_null=True, help_text="Null: every contact.")
    created_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Campaign
        fields = (
            "id", "survey_id", "segment_id", "state", *OPTIONS, "pause_reason", "created_by_id", "created_at",
            "launched_at", "finished_at",
        )  # fmt: skip


class CampaignWriteSerializer(serializers.Serializer[Any]):
    """Everything that can be settled about a campaign; what is left out keeps its value. Meaning: docs/campaigns.md."""

    name = serializers.CharField(max_length=120)
    survey_id = serializers.IntegerField(min_value=1)
    segment_id = serializers.IntegerField(
        min_value=1, required=False, allow_null=True, help_text="Null: every contact."
    )
    sample_percent = serializers.IntegerField(required=False, min_value=1, max_value=100)
    channels = serializers.ListField(
        child=serializers.ChoiceField(choices=_values(Channel)), required=False, min_length=1, max_length=4,
        help_text="In order of preference; each person is asked on the first that reaches them.",
    )  # fmt: skip
    fallback_days = _optional_number("After so many days without an answer the next channel is tried.")
    send_as_owner = serializers.BooleanField(required=False)
    starts_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Null: when it is launched."
    )
    cadence = serializers.ChoiceField(choices=_values(Cadence), required=False)
    every_days = _optional_number("Recurring: days after a person's last ask.")
    period_months = _optional_number("Calendar: months from one wave to the next: 1, 2, 3, 4, 6 or 12.")
    anchor = serializers.CharField(
        required=False, allow_blank=True, max_length=60,
        help_text="Account date: customer_since, renewal_on, or custom.<key> of a date field of accounts.",
    )  # fmt: skip
    offsets = serializers.ListField(
        child=serializers.CharField(max_length=8), required=False, max_length=12,
        help_text="Account date: distances from it, such as -90d or 6m.",
    )  # fmt: skip
    grace_days = serializers.IntegerField(required=False, min_value=0, max_value=90)
    trigger_event = serializers.CharField(required=False, allow_blank=True, max_length=80)
    trigger_conditions = serializers.JSONField(
        required=False,
        help_text='Over the event\'s data: {"all": [{"field": "priority", "op": "is", "value": "high"}]}.',
    )
    delay_minutes = serializers.IntegerField(required=False, min_value=0)
    daily_limit = _optional_number("At most so many people a day.")
    hourly_limit = _optional_number("At most so many people an hour.")
    spread_days = _optional_number("Spread evenly over so many days.")
    daily_answers_limit = _optional_number("Pause for the day after so many answers.")
    target_answers = _optional_number("Aim for so many answers within target_days.")
    target_days = _optional_number("See target_answers.")
    account_week_limit = _optional_number("At most so many people of one account within seven days.")
    send_weekdays = serializers.CharField(
        required=False, allow_blank=True, max_length=7, help_text="Digits, 1 is Monday; empty: every day."
    )
    send_from = serializers.TimeField(required=False, allow_null=True)
    send_until = serializers.TimeField(required=False, allow_null=True)
    in_contact_zone = serializers.BooleanField(required=False)
    skip_holidays = serializers.BooleanField(required=False)
    reminders = serializers.IntegerField(required=False, min_value=0, max_value=3)
    reminder_gap_days = serializers.IntegerField(required=False, min_value=1, max_value=90)
    expires_after_days = serializers.IntegerField(min_value=1, max_value=365, required=False)


class ReasonCountSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=_values(Reason))
    title = serializers.CharField(source="text.label")
    count = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Any]):
    """Who would be asked if the campaign were launched now."""

    audience = serializers.IntegerField(help_text="Contacts in the audience that the key may see.")
    asked = serializers.IntegerField()
    not_asked = serializers.IntegerField()
    excluded = ReasonCountSerializer(many=True)


class ForecastDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    asks = serializers.IntegerField(help_text="Asked on this date.")
    asks_total = serializers.IntegerField(help_text="Asked by the end of it.")
    answers = serializers.FloatField(help_text="Expected by the end of it.")
    answers_low = serializers.FloatField(help_text="Lower end of the range that holds 95 %.")
    answers_high = serializers.FloatField()
    margin = serializers.FloatField(
        allow_null=True, help_text="Margin of error of the NPS on these answers, in points, at 95 %."
    )


class ForecastSerializer(serializers.Serializer[Any]):
    response_rate = serializers.FloatField(
        source="rate.mean", help_text="The share of the asked expected to answer."
    )
    is_endless = serializers.BooleanField()
    last_ask = serializers.DateField(allow_null=True)
    days = ForecastDaySerializer(many=True)


class ProgressSerializer(serializers.Serializer[Any]):
    """Exact counts of people the key may see."""

    planned = serializers.IntegerField()
    waiting = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    opened = serializers.IntegerField()
    scored = serializers.IntegerField()
    commented = serializers.IntegerField()
    declined = serializers.IntegerField()
    failed = serializers.IntegerField()
    withdrawn = serializers.IntegerField()
    expired = serializers.IntegerField()
    in_doubt = serializers.IntegerField()
    excluded = ReasonCountSerializer(many=True)


class GapSerializer(serializers.Serializer[Any]):
    """A difference to the first arm in points, with its interval, corrected for the number of arms."""

    points = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    is_noise = serializers.BooleanField()


class ArmSerializer(serializers.Serializer[Any]):
    """Exact counts of people the key may see. Shares lie between 0 and 1, intervals are at 95 %."""

    key = serializers.CharField()
    name = serializers.CharField(source="variant.name")
    weight = serializers.IntegerField(source="variant.weight")
    channel = serializers.CharField(source="variant.channel", help_text="Empty: as the campaign.")
    send_hour = serializers.IntegerField(source="variant.send_hour", allow_null=True)
    version_id = serializers.IntegerField(
        source="variant.version_id", allow_null=True, help_text="Null: as the round."
    )
    units = serializers.IntegerField(help_text="Accounts, and people without one, drawn into this arm.")
    planned = serializers.IntegerField()
    asked = serializers.IntegerField()
    delivered = serializers.IntegerField()
    opened = serializers.IntegerField()
    answered = serializers.IntegerField(source="answered.part")
    response_rate = serializers.FloatField(allow_null=True)
    response_rate_low = serializers.FloatField(source="answered.low")
    response_rate_high = serializers.FloatField(source="answered.high")
    difference = GapSerializer(source="gap", allow_null=True)
    promoters = serializers.IntegerField(source="counts.promoters")
    passives = serializers.IntegerField(source="counts.passives")
    detractors = serializers.IntegerField(source="counts.detractors")
    nps = serializers.IntegerField(source="counts.score", allow_null=True)
    nps_difference = GapSerializer(source="nps_gap", allow_null=True)


class VerdictSerializer(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=_values(Outcome))
    sentence = serializers.CharField()
    winner = serializers.CharField(help_text="An arm's key; empty unless the outcome is `winner`.")


class ExperimentSerializer(serializers.Serializer[Any]):
    horizon = serializers.IntegerField(help_text="Asked in each arm before the one comparison.")
    arms = ArmSerializer(many=True)
    verdict = VerdictSerializer(allow_null=True, help_text="Null for keys that do not see every account.")


@extend_schema_view(
    list=extend_schema(summary="List campaigns"),
    retrieve=extend_schema(summary="Read a campaign"),
    create=extend_schema(
        summary="Draft a campaign", request=CampaignWriteSerializer, responses={201: CampaignSerializer}
    ),
    partial_update=extend_schema(
        summary="Change a draft", request=CampaignWriteSerializer(partial=True), responses=CampaignSerializer
    ),
)
class CampaignViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Campaigns: drafted, previewed, launched, paused, resumed, stopped. Nobody is asked before the launch."""

    scopes = SCOPES
    allowed: ClassVar[Mapping[str, Any]] = {"write": can_lead}
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilter
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"name": ("name",), "created_at": ("created_at",)}

    def get_queryset(self) -> QuerySet[Campaign]:
        return queries.list_campaigns()

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def create(self, request: Request) -> Response:
        campaign = services.create_campaign(plan=Plan(**self._values(partial=False)), actor=self._user)
        return Response(CampaignSerializer(campaign).data, status=201)

    def partial_update(self, request: Request, pk: int) -> Response:
        campaign: Campaign = self.get_object()
        plan = replace(Plan.of(campaign), **self._values(partial=True))
        changed = services.update_campaign(campaign=campaign, plan=plan, actor=self._user)
        return Response(CampaignSerializer(changed).data)

    @extend_schema(summary="Who would be asked now", responses=PreviewSerializer, filters=False)
    @action(detail=True, methods=["get"])
    def preview(self, request: Request, pk: int) -> Response:
        campaign: Campaign = self.get_object()
        found = queries.review(campaign, self._user)
        return Response(PreviewSerializer(found).data)

    @extend_schema(
        summary="What a campaign will bring",
        description="Asks, answers and the margin of error by date, by the campaign's own pace, as if it were launched now"
        " or when it is set to. Of a campaign without end, the next three months.",
        responses=ForecastSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def forecast(self, request: Request, pk: int) -> Response:
        return Response(ForecastSerializer(forecast_queries.of_campaign(self.get_object(), self._user)).data)

    @extend_schema(summary="How a campaign stands", responses=ProgressSerializer, filters=False)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: int) -> Response:
        found = queries.progress(self.get_object(), self._user)
        body = {**found.counts, "in_doubt": found.in_doubt, "excluded": found.excluded}
        return Response(ProgressSerializer(body).data)

    @extend_schema(
        summary="The arms of its experiment, compared", responses=ExperimentSerializer, filters=False
    )
    @action(detail=True, methods=["get"])
    def experiment(self, request: Request, pk: int) -> Response:
        found = experiment_queries.compare(self.get_object(), self._user)
        if found is None:
            raise Refused("This campaign has no experiment.", code="not_found", status=404)
        return Response(ExperimentSerializer(found).data)

    @extend_schema(summary="Launch, or schedule for `starts_at`", request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def launch(self, request: Request, pk: int) -> Response:
        campaign: Campaign = self.get_object()
        return self._shown(services.launch(campaign=campaign, actor=self._user, at=campaign.starts_at))

    @extend_schema(summary="Pause", request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: int) -> Response:
        return self._act(services.pause)

    @extend_schema(summary="Resume", request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: int) -> Response:
        return self._act(services.resume)

    @extend_schema(summary="Stop for good", request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        return self._act(services.stop)

    def _act(self, act: Callable[..., Campaign]) -> Response:
        return self._shown(act(campaign=self.get_object(), actor=self._user))

    def _shown(self, campaign: Campaign) -> Response:
        return Response(CampaignSerializer(campaign).data)

    def _values(self, *, partial: bool) -> dict[str, Any]:
        """The body, with the survey and segment it names."""
        body = CampaignWriteSerializer(data=self.request.data, partial=partial)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        for name in {"channels", "offsets"} & set(values):
            values[name] = tuple(values[name])
        if "survey_id" in values:
            values["survey"] = queries.list_surveys().filter(pk=values.pop("survey_id")).first()
            if values["survey"] is None:
                raise Invalid(
                    "There is no published survey with this id.", field="survey_id", code="not_found"
                )
        if "segment_id" in values or not partial:
            asked = values.pop("segment_id", None)
            values["segment"] = (
                None if asked is None else queries.list_segments(self._user).filter(pk=asked).first()
            )
            if asked is not None and values["segment"] is None:
                raise Invalid(
                    "There is no segment with this id that the key may see.",
                    field="segment_id",
                    code="not_found",
                )
        return values


# --- Invitations ---------------------------------------------------------------------------------------------
class InvitationFilter(filters.FilterSet):
    campaign = django_filters.NumberFilter(field_name="wave__campaign_id", min_value=1, max_value=MAX_ID)
    contact = django_filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    account = django_filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    state = django_filters.MultipleChoiceFilter(choices=_values(InvitationState))
    asked_since = django_filters.IsoDateTimeFilter(field_name="asked_at", lookup_expr="gte")

    class Meta:
        model = Invitation
        fields = ("campaign", "contact", "account", "state", "asked_since")


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    campaign_id = serializers.IntegerField(source="wave.campaign_id", default=None, allow_null=True)
    survey_id = serializers.IntegerField(source="version.survey_id")
    contact_id = serializers.IntegerField(allow_null=True)
    account_id = serializers.IntegerField(allow_null=True)
    context = serializers.DictField(  # type: ignore[assignment]  # a field named as an attribute of DRF
        help_text="The data of the event that led to the ask."
    )

    class Meta:
        model = Invitation
        fields = (
            "id", "campaign_id", "survey_id", "contact_id", "account_id", "channel", "language", "state", "outcome_reason",
            "reminders", "context", "planned_at", "asked_at", "delivered_at", "opened_at", "scored_at", "commented_at",
            "declined_at", "expires_at",
        )  # fmt: skip


@extend_schema_view(
    list=extend_schema(summary="List invitations"), retrieve=extend_schema(summary="Read an invitation")
)
class InvitationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Asks: one person in one wave, with what became of it. Tests are not listed."""

    scopes = {"read": ApiScope.SURVEYS_READ}
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"planned_at": ("planned_at",)}

    def get_queryset(self) -> QuerySet[Invitation]:
        return queries.all_invitations(cast(User, self.request.user))


# --- Suppressions --------------------------------------------------------------------------------------------
class SuppressionFilter(filters.FilterSet):
    reason = django_filters.ChoiceFilter(choices=_values(SuppressionReason))
    channel = django_filters.ChoiceFilter(choices=_values(Channel))
    email = django_filters.CharFilter(method="by_email", label="A whole e-mail address.")
    phone = django_filters.CharFilter(method="by_phone", label="A whole telephone number.")

    class Meta:
        model = Suppression
        fields = ("reason", "channel", "email", "phone")

    def by_phone(self, queryset: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        return queryset.filter(address_key=suppression_services.key_of_number(value), channel=Channel.SMS)

    def by_email(self, queryset: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        return queryset.filter(address_key=suppression_services.key_of(value))


class SuppressionSerializer(serializers.ModelSerializer[Suppression]):
    """An address that is asked no more. The address itself is not kept, only its fingerprint."""

    created_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Suppression
        fields = ("id", "address_key", "channel", "reason", "detail", "created_by_id", "created_at")


class SuppressionWriteSerializer(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254, required=False, default="")
    phone = serializers.CharField(
        max_length=40, required=False, default="", help_text="Instead of email: stops SMS."
    )
    detail = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class LiftSerializer(serializers.Serializer[Any]):
    why = serializers.CharField(max_length=200, help_text="Why the address may be asked again; audited.")


@extend_schema_view(
    list=extend_schema(summary="List suppressed addresses"),
    retrieve=extend_schema(summary="Read a suppression"),
    create=extend_schema(
        summary="Suppress an address",
        request=SuppressionWriteSerializer,
        responses={201: SuppressionSerializer},
    ),
)
class SuppressionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed: ClassVar[Mapping[str, Any]] = {"write": can_work}
    queryset = Suppression.objects.none()
    serializer_class = SuppressionSerializer
    filterset_class = SuppressionFilter
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"created_at": ("created_at",)}

    def get_queryset(self) -> QuerySet[Suppression]:
        return suppression_queries.list_suppressions(self._user)

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def create(self, request: Request) -> Response:
        body = SuppressionWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        entry = suppression_services.suppress_by_hand(actor=self._user, **body.validated_data)
        return Response(SuppressionSerializer(entry).data, status=201)

    @extend_schema(summary="Lift a suppression", request=LiftSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, pk: int) -> Response:
        if not can_lead(self._user):
            raise Refused(
                "Only a lead or an administrator can lift a suppression.",
                code="permission_denied",
                status=403,
            )
        body = LiftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        suppression_services.lift_by_hand(entry=self.get_object(), actor=self._user, **body.validated_data)
        return Response(status=204)
