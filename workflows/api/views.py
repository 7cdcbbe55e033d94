"""REST resources of acting."""

from typing import cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from team.models import User
from team.permissions import can_lead, can_work
from workflows.api import serializers
from workflows.api.common import SCOPES
from workflows.models import Rule
from workflows.queries import rules as rule_queries
from workflows.services import rules as rule_services


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
