"""REST resources of health."""

from typing import ClassVar, cast

import django_filters as filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as account_queries
from accounts.models import Account
from core.api import ApiViewSet
from core.errors import Invalid
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead, can_work
from workflows.api import health_serializers as serializers
from workflows.health import compute, queries
from workflows.health import config as configuration
from workflows.models import AccountHealth, HealthOverride, HealthSentiment, HealthVersion
from workflows.services import health

SCOPES = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}


def _account(request: Request, pk: int) -> Account:
    found = account_queries.list_accounts(user=cast(User, request.user)).filter(pk=pk).first()
    if found is None:
        raise Invalid("There is no account with this id that the key may see.", field="account")
    return found


@extend_schema_view(
    list=extend_schema(summary="List the versions of the health configuration"),
    retrieve=extend_schema(summary="Read a version of the health configuration"),
)
class HealthProfileViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"write": can_lead, "read": can_work}
    serializer_class = serializers.HealthVersionSerializer
    queryset = HealthVersion.objects.none()
    lookup_field = "number"
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"number": ("number",)}

    def get_queryset(self) -> QuerySet[HealthVersion]:
        return queries.list_versions()

    @extend_schema(
        summary="Save a health configuration as the next version",
        request=serializers.HealthConfigSerializer,
        responses={201: serializers.HealthVersionSerializer},
    )
    def create(self, request: Request) -> Response:
        given = serializers.HealthConfigSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        saved = health.save_profiles(
            config=data["config"], note=data["note"], base=data["base"], actor=cast(User, request.user)
        )
        return Response(serializers.HealthVersionSerializer(saved).data, status=201)

    @extend_schema(
        summary="See what a health configuration would change, without saving it",
        request=serializers.HealthConfigSerializer,
        responses={200: serializers.HealthPreviewSerializer},
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        given = serializers.HealthConfigSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        checked = configuration.check(given.validated_data["config"])
        seen = compute.preview(checked, user=cast(User, request.user))
        return Response(serializers.HealthPreviewSerializer(seen).data)

    @extend_schema(
        summary="Go back to a version of the health configuration",
        request=serializers.RollbackSerializer,
        responses={201: serializers.HealthVersionSerializer},
    )
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, number: str) -> Response:
        given = serializers.RollbackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        saved = health.rollback(
            to=self.get_object(), note=given.validated_data["note"], actor=cast(User, request.user)
        )
        return Response(serializers.HealthVersionSerializer(saved).data, status=201)


class HealthFilter(filters.FilterSet):
    band = filters.CharFilter(field_name="effective_band")
    profile = filters.CharFilter(field_name="profile")
    score_min = filters.NumberFilter(field_name="effective_score", lookup_expr="gte")
    score_max = filters.NumberFilter(field_name="effective_score", lookup_expr="lte")

    class Meta:
        model = AccountHealth
        fields: list[str] = []


@extend_schema_view(list=extend_schema(summary="List the health of accounts"))
class HealthViewSet(mixins.ListModelMixin, ApiViewSet):
    scopes = SCOPES
    serializer_class = serializers.HealthSerializer
    filterset_class = HealthFilter
    queryset = AccountHealth.objects.none()

    def get_queryset(self) -> QuerySet[AccountHealth]:
        return queries.list_health(user=cast(User, self.request.user))

    @extend_schema(
        summary="Read the health of an account, with what it is made of",
        responses={200: serializers.StandingSerializer},
    )
    def retrieve(self, request: Request, account: int) -> Response:
        if not account_queries.list_accounts(user=cast(User, request.user)).filter(pk=account).exists():
            raise Http404
        standing = queries.health_of(account)
        if standing is None:
            raise Http404
        return Response(serializers.StandingSerializer(standing).data)


class OfAccountFilter(filters.FilterSet):
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=2**63 - 1)


@extend_schema_view(
    list=extend_schema(summary="List health overrides"), retrieve=extend_schema(summary="Read a health override")
)  # fmt: skip
class OverrideViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    serializer_class = serializers.OverrideSerializer
    filterset_class = OfAccountFilter
    queryset = HealthOverride.objects.none()

    def get_queryset(self) -> QuerySet[HealthOverride]:
        return queries.list_overrides(user=cast(User, self.request.user))

    @extend_schema(
        summary="Set the health of an account by hand, for a while",
        request=serializers.OverrideWriteSerializer,
        responses={201: serializers.OverrideSerializer},
    )
    def create(self, request: Request) -> Response:
        given = serializers.OverrideWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        made = health.override(
            account=_account(request, data["account"]), band=data["band"], score=data["score"],
            reason=data["reason"], expires_on=data["expires_on"], actor=cast(User, request.user),
        )  # fmt: skip
        return Response(serializers.OverrideSerializer(made).data, status=201)

    @extend_schema(
        summary="End a health override", request=None, responses={200: serializers.OverrideSerializer}
    )
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        ended = health.end_override(override=self.get_object(), actor=cast(User, request.user))
        return Response(serializers.OverrideSerializer(ended).data)


@extend_schema_view(list=extend_schema(summary="List how people feel about customers"))
class SentimentViewSet(mixins.ListModelMixin, ApiViewSet):
    scopes = SCOPES
    serializer_class = serializers.SentimentSerializer
    filterset_class = OfAccountFilter
    queryset = HealthSentiment.objects.none()

    def get_queryset(self) -> QuerySet[HealthSentiment]:
        return queries.list_sentiments(user=cast(User, self.request.user))

    @extend_schema(
        summary="Say how one feels about a customer",
        request=serializers.SentimentWriteSerializer,
        responses={201: serializers.SentimentSerializer},
    )
    def create(self, request: Request) -> Response:
        given = serializers.SentimentWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        made = health.set_sentiment(
            account=_account(request, data["account"]), value=data["value"], note=data["note"],
            actor=cast(User, request.user),
        )  # fmt: skip
        return Response(serializers.SentimentSerializer(made).data, status=201)
