"""REST resources of acting."""

from typing import ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from team.models import User
from team.permissions import can_lead, can_work
from workflows.api import serializers
from workflows.api.common import SCOPES, assignable
from workflows.filters import AlertFilter
from workflows.models import Alert, Rule
from workflows.queries import alerts as alert_queries
from workflows.queries import rules as rule_queries
from workflows.services import alerts as alert_services
from workflows.services import loop
from workflows.services import rules as rule_services


@extend_schema_view(
    list=extend_schema(summary="List alerts"), retrieve=extend_schema(summary="Read an alert")
)
class AlertViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    serializer_class = serializers.AlertSerializer
    filterset_class = AlertFilter
    queryset = Alert.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "opened_at": ("opened_at",)}

    def get_queryset(self) -> QuerySet[Alert]:
        return alert_queries.list_alerts(user=cast(User, self.request.user))

    @extend_schema(
        summary="Hand over or close an alert",
        request=serializers.AlertPatchSerializer,
        responses={200: serializers.AlertSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        user, alert = cast(User, request.user), self.get_object()
        given = serializers.AlertPatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        with transaction.atomic():
            if "assignee" in data:
                alert_services.assign_alert(alert=alert, assignee=assignable(data["assignee"]), actor=user)
            if "state" in data:
                loop.close_loop(alert=alert, outcome=data["outcome"], actor=user)
        return Response(serializers.AlertSerializer(self.get_object()).data)


@extend_schema_view(list=extend_schema(summary="List rules"), retrieve=extend_schema(summary="Read a rule"))
class RuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"write": can_lead, "read": can_work}
    serializer_class = serializers.RuleSerializer
    queryset = Rule.objects.none()

    def get_queryset(self) -> QuerySet[Rule]:
        return rule_queries.list_rules(cast(User, self.request.user))

    @extend_schema(
        summary="Switch a rule on or off",
        request=serializers.RuleSerializer,
        responses=serializers.RuleSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        given = serializers.RuleSerializer(rule, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        if "is_active" in given.validated_data:
            rule = rule_services.switch_rule(
                rule=rule, is_active=given.validated_data["is_active"], actor=cast(User, request.user)
            )
        return Response(serializers.RuleSerializer(rule).data)
