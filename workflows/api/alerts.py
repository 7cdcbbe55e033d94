"""REST resources of alerts, and of what and how the key's person is told."""

from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from core.errors import Invalid
from team.domain import ApiScope
from team.models import NotificationPreference, User
from team.permissions import can_view
from team.services import people
from workflows.api import alert_serializers as serializers
from workflows.api.common import SCOPES, assignable
from workflows.filters import AlertFilter
from workflows.models import Alert, Notification
from workflows.notifying import topics
from workflows.notifying.preferences import wishes_of
from workflows.queries import alerts as queries
from workflows.queries import notifications as told_queries
from workflows.services import alerts as services
from workflows.services import loop
from workflows.services import notifications as told_services


@extend_schema_view(
    list=extend_schema(summary="List alerts"), retrieve=extend_schema(summary="Read an alert")
)
class AlertViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Alerts: at most one that is not closed for an account, kind and reason."""

    scopes = SCOPES
    serializer_class = serializers.AlertSerializer
    filterset_class = AlertFilter
    queryset = Alert.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "opened_at": ("opened_at",)}

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[Alert]:
        return queries.list_alerts(user=self._user)

    def _shown(self) -> Response:
        return Response(serializers.AlertSerializer(self.get_object()).data)

    @extend_schema(
        summary="Hand over or close an alert",
        request=serializers.AlertPatchSerializer,
        responses={200: serializers.AlertSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        alert = self.get_object()
        given = serializers.AlertPatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        with transaction.atomic():
            if "assignee" in data:
                services.assign_alert(alert=alert, assignee=assignable(data["assignee"]), actor=self._user)
            if "state" in data:
                loop.close_loop(alert=alert, outcome=data["outcome"], actor=self._user)
        return self._shown()

    @extend_schema(
        summary="Put an alert to sleep",
        description="It wakes at `until`, or at once when something clearly worse fires.",
        request=serializers.SnoozeSerializer,
        responses={200: serializers.AlertSerializer},
    )
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, pk: str) -> Response:
        given = serializers.SnoozeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.snooze_alert(alert=self.get_object(), actor=self._user, **given.validated_data)
        return self._shown()

    @extend_schema(summary="Wake an alert", request=None, responses={200: serializers.AlertSerializer})
    @action(detail=True, methods=["post"])
    def wake(self, request: Request, pk: str) -> Response:
        services.wake_alert(alert=self.get_object(), actor=self._user)
        return self._shown()

    @extend_schema(
        summary="What fired an alert, newest first: the last hundred",
        responses={200: serializers.AlertCauseSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def causes(self, request: Request, pk: str) -> Response:
        found = queries.causes_of(self.get_object())
        return Response(serializers.AlertCauseSerializer(found, many=True).data)


@extend_schema_view(
    list=extend_schema(summary="List what the key's person was told in the app"),
    retrieve=extend_schema(summary="Read a notification"),
)
class NotificationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"write": can_view}
    serializer_class = serializers.NotificationSerializer
    queryset = Notification.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "at": ("at",)}

    def get_queryset(self) -> QuerySet[Notification]:
        return told_queries.list_notifications(user=cast(User, self.request.user))

    @extend_schema(
        summary="Mark one as read", request=None, responses={200: serializers.NotificationSerializer}
    )
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str) -> Response:
        told = self.get_object()
        told_services.mark_read(user=cast(User, request.user), pk=told.pk)
        return Response(serializers.NotificationSerializer(self.get_object()).data)

    @extend_schema(
        summary="Mark all as read", request=None, responses={200: serializers.UnreadSerializer}, filters=False
    )
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        user = cast(User, request.user)
        told_services.mark_read(user=user)
        return Response({"unread": told_queries.count_unread(user)})


class PreferenceViewSet(ApiViewSet):
    """How the key's own person is told."""

    scopes = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}
    allowed = {"write": can_view}
    serializer_class = serializers.PreferenceSerializer
    queryset = NotificationPreference.objects.none()

    def _shown(self, user: User) -> Response:
        wishes = wishes_of(user)
        in_force = {t.key: sorted(way.value for way in wishes.ways_of(t)) for t in topics.all_topics()}
        shown = serializers.PreferenceSerializer(wishes.stored, context={"in_force": in_force})
        return Response(shown.data)

    @extend_schema(
        summary="Read how the key's person is told",
        responses={200: serializers.PreferenceSerializer},
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def mine(self, request: Request) -> Response:
        return self._shown(cast(User, request.user))

    @extend_schema(
        summary="Change how the key's person is told",
        request=serializers.PreferenceSerializer,
        responses={200: serializers.PreferenceSerializer},
    )
    @mine.mapping.patch
    def change_mine(self, request: Request) -> Response:
        user = cast(User, request.user)
        wishes = wishes_of(user)
        given: Any = serializers.PreferenceSerializer(wishes.stored, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        known = {t.key for t in topics.all_topics()} | {t.group for t in topics.all_topics()}
        unknown = sorted(set(values.get("choices", {})) - known)
        if unknown:
            raise Invalid(f"There is no topic “{unknown[0][:60]}”.", field="choices")
        people.set_notifications(person=user, actor=user, choices=values.pop("choices", None), **values)
        return self._shown(user)
