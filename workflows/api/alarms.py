"""REST resource of alarms on the NPS."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from core.errors import Invalid
from team import queries as team_queries
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead
from workflows.api import alarm_serializers as serializers
from workflows.models import Alarm
from workflows.queries import alarms as queries
from workflows.services import alarms as services


@extend_schema_view(
    list=extend_schema(summary="List alarms on the NPS"), retrieve=extend_schema(summary="Read an alarm")
)
class AlarmViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, ApiViewSet):
    scopes = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}
    allowed = {"write": can_lead, "read": queries.may_see}
    serializer_class = serializers.AlarmSerializer
    queryset = Alarm.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "name": ("name",)}

    def get_queryset(self) -> QuerySet[Alarm]:
        return queries.list_alarms(cast(User, self.request.user))

    @extend_schema(
        summary="Set an alarm",
        description="It takes its first look at once.",
        request=serializers.AlarmWriteSerializer,
        responses={201: serializers.AlarmSerializer},
    )
    def create(self, request: Request) -> Response:
        alarm = services.create_alarm(actor=cast(User, request.user), **self._values(request))
        return Response(serializers.AlarmSerializer(alarm).data, status=201)

    @extend_schema(
        summary="Change an alarm",
        request=serializers.AlarmWriteSerializer,
        responses={200: serializers.AlarmSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        values = self._values(request, partial=True)
        alarm = services.update_alarm(alarm=self.get_object(), actor=cast(User, request.user), **values)
        return Response(serializers.AlarmSerializer(alarm).data)

    def perform_destroy(self, instance: Alarm) -> None:
        services.delete_alarm(alarm=instance, actor=cast(User, self.request.user))

    @extend_schema(
        summary="List the looks of an alarm",
        description="The last 60, newest first, each with its counts and the interval that decided.",
        responses=serializers.AlarmLookSerializer(many=True),
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def looks(self, request: Request, pk: str) -> Response:
        looks = queries.list_looks(self.get_object())[: queries.LOOKS]
        return Response(serializers.AlarmLookSerializer(looks, many=True).data)

    def _values(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        given = serializers.AlarmWriteSerializer(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(given.validated_data)
        user = cast(User, request.user)
        for field, rows in (
            ("segment", queries.choosable_segments(user)),
            ("survey", queries.choosable_surveys()),
            ("assignee", team_queries.list_assignable()),
        ):
            if values.get(field) is not None:
                found = rows.filter(pk=values[field]).first()
                if found is None:
                    raise Invalid(f"There is no {field} with this id that an alarm can use.", field=field)
                values[field] = found
        return values
