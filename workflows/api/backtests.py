"""REST resource of back-tests of health."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead
from workflows.health.backtest_domain import HORIZONS, Against
from workflows.models import BackTest
from workflows.queries import backtests as queries
from workflows.services import backtests as services


class BackTestSerializer(serializers.ModelSerializer[BackTest]):
    version = serializers.IntegerField(source="version.number", help_text="The number of the configuration.")
    results = serializers.DictField(help_text="AUC and lift with their intervals, by predictor.")
    suggestion = serializers.DictField(help_text="Other weights as a draft to review. Nothing applies them.")

    class Meta:
        model = BackTest
        fields = [
            "id", "version", "against", "horizon_days", "state", "days", "days_done", "outcomes", "evaluations",
            "results", "suggestion", "error", "requested_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class BackTestStartSerializer(serializers.Serializer[Any]):
    against = serializers.ChoiceField(choices=[one.value for one in Against], default=Against.CHURN.value)
    horizon_days = serializers.ChoiceField(choices=list(HORIZONS), default=HORIZONS[0])


@extend_schema_view(
    list=extend_schema(summary="List back-tests of health"),
    retrieve=extend_schema(summary="Read a back-test"),
)
class BackTestViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}
    allowed = {"write": can_lead, "read": queries.may_see}
    serializer_class = BackTestSerializer
    queryset = BackTest.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": ()}

    def get_queryset(self) -> QuerySet[BackTest]:
        return queries.list_backtests(cast(User, self.request.user))

    @extend_schema(
        summary="Start a back-test",
        description="It runs in the background; read it again until its state is done or refused.",
        request=BackTestStartSerializer,
        responses={202: BackTestSerializer},
    )
    def create(self, request: Request) -> Response:
        given = BackTestStartSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        test = services.start(actor=cast(User, request.user), **given.validated_data)
        return Response(BackTestSerializer(test).data, status=202)
