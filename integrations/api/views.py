"""REST resources of listening: connections, the log of their runs, and the door for the generic webhook."""

from collections.abc import Mapping
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
from integrations import queries
from integrations.api import serializers
from integrations.filters import ConnectionFilter, LineFilter, RunFilter
from integrations.models import Connection, RunLine, SyncRun
from integrations.services import connections
from surveys.queries import surveys as survey_queries
from team.domain import ApiScope
from team.models import User
from team.permissions import can_administer

SCOPES = {"read": ApiScope.CONNECTIONS_READ, "write": ApiScope.CONNECTIONS_WRITE}
NAMED = ("name", "options", "zone", "every_minutes", "history_since")


@extend_schema_view(
    list=extend_schema(summary="List connections"), retrieve=extend_schema(summary="Read a connection")
)
class ConnectionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Connections to other systems. Writing is for administrators, whose keys alone touch secrets."""

    scopes = SCOPES
    allowed = {"write": can_administer}
    serializer_class = serializers.ConnectionSerializer
    filterset_class = ConnectionFilter
    queryset = Connection.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "name": ("name",)}

    def get_queryset(self) -> QuerySet[Connection]:
        return queries.list_connections(self._user).prefetch_related("surveys")

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    @extend_schema(
        summary="Set up a connection",
        description="It is a draft until `activate`.",
        request=serializers.ConnectionWriteSerializer,
        responses={201: serializers.ConnectionSerializer},
    )
    def create(self, request: Request) -> Response:
        body = serializers.ConnectionWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        with transaction.atomic():
            connection = connections.create_connection(
                system=values["system"], name=values.get("name", ""), actor=self._user
            )
            self._change(connection, {key: v for key, v in values.items() if key != "name"})
        return self._shown(connection, status=201)

    @extend_schema(
        summary="Change a connection",
        request=serializers.ConnectionChangeSerializer,
        responses=serializers.ConnectionSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        body = serializers.ConnectionChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        connection = self.get_object()
        with transaction.atomic():
            self._change(connection, body.validated_data)
        return self._shown(connection)

    def _change(self, connection: Connection, values: Mapping[str, Any]) -> None:
        connections.change_connection(
            connection=connection,
            actor=self._user,
            new_secrets=values.get("secrets"),
            **{key: values[key] for key in NAMED if key in values},
        )
        if "mapping" in values:
            connections.set_mapping(connection=connection, mapping=values["mapping"], actor=self._user)
        if "surveys" in values:
            choices = [self._choice(row) for row in values["surveys"]]
            connections.choose_surveys(connection=connection, choices=choices, actor=self._user)

    def _choice(self, row: Mapping[str, Any]) -> connections.SurveyChoice:
        survey = survey_queries.get_survey(self._user, row["survey"])
        if survey is None:
            raise Invalid("There is no survey with this id.", field="surveys")
        return connections.SurveyChoice(**{**row, "survey": survey})

    @extend_schema(summary="Call the other side once", request=None, responses=serializers.CheckSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        found = connections.check_connection(connection=self.get_object())
        return Response({"connected_to": found})

    @extend_schema(summary="Where deliveries are sent to", request=None, responses=serializers.HookSerializer)
    @action(detail=True, methods=["post"], url_path="hook")
    def hook(self, request: Request, pk: str) -> Response:
        return Response({"url": connections.hook_url(self.get_object())})

    @extend_schema(summary="Activate", request=None, responses=serializers.ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        connection = self.get_object()
        connections.activate(connection=connection, actor=self._user)
        return self._shown(connection)

    @extend_schema(summary="Pause", request=None, responses=serializers.ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        connection = self.get_object()
        connections.pause(connection=connection, actor=self._user)
        return self._shown(connection)

    @extend_schema(summary="Resume", request=None, responses=serializers.ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        connection = self.get_object()
        connections.resume(connection=connection, actor=self._user)
        return self._shown(connection)

    @extend_schema(
        summary="Run now, or again from a moment on",
        request=serializers.RunRequestSerializer,
        responses={201: serializers.RunSerializer},
    )
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        body = serializers.RunRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        connection, since = self.get_object(), body.validated_data["since"]
        run = (
            connections.rerun_since(connection=connection, since=since, actor=self._user)
            if since
            else connections.run_now(connection=connection, actor=self._user)
        )
        return Response(serializers.RunSerializer(run).data, status=201)

    @extend_schema(
        summary="Disconnect",
        description="Credentials are deleted; answers and their log stay.",
        request=None,
        responses=serializers.ConnectionSerializer,
    )
    @action(detail=True, methods=["post"])
    def disconnect(self, request: Request, pk: str) -> Response:
        connection = self.get_object()
        connections.disconnect(connection=connection, actor=self._user)
        return self._shown(connection)

    def _shown(self, connection: Connection, *, status: int = 200) -> Response:
        fresh = self.get_queryset().get(pk=connection.pk)
        return Response(serializers.ConnectionSerializer(fresh).data, status=status)


@extend_schema_view(
    list=extend_schema(summary="List runs of connections"), retrieve=extend_schema(summary="Read a run")
)
class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"write": can_administer}
    serializer_class = serializers.RunSerializer
    filterset_class = RunFilter
    queryset = SyncRun.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": ()}

    def get_queryset(self) -> QuerySet[SyncRun]:
        return queries.list_all_runs(cast(User, self.request.user))

    @extend_schema(
        summary="Stop a run",
        description="What it took in stays; the next one begins its window again.",
        request=None,
        responses=serializers.RunSerializer,
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        connections.cancel_run(run=run, actor=cast(User, request.user))
        run.refresh_from_db()
        return Response(serializers.RunSerializer(run).data)

    @extend_schema(
        summary="Carry on with a run that failed",
        description="It goes on where it stopped, as a run of its own.",
        request=None,
        responses={201: serializers.RunSerializer},
    )
    @action(detail=True, methods=["post"], url_path="carry-on")
    def carry_on(self, request: Request, pk: str) -> Response:
        run = connections.carry_on(run=self.get_object(), actor=cast(User, request.user))
        return Response(serializers.RunSerializer(run).data, status=201)


@extend_schema_view(list=extend_schema(summary="List lines of runs: what was not simply taken in, and why"))
class LineViewSet(mixins.ListModelMixin, ApiViewSet):
    scopes = SCOPES
    serializer_class = serializers.LineSerializer
    filterset_class = LineFilter
    queryset = RunLine.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": ()}

    def get_queryset(self) -> QuerySet[RunLine]:
        return queries.list_all_lines(cast(User, self.request.user))
