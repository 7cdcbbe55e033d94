"""REST resources of acting."""

from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as account_queries
from core.api import ApiViewSet
from core.errors import Invalid
from team import queries as team_queries
from team.domain import ApiScope
from team.models import User
from workflows.api import serializers
from workflows.domain import Priority, TaskState
from workflows.filters import AlertFilter, TaskFilter
from workflows.models import Alert, Task
from workflows.queries import alerts as alert_queries
from workflows.queries import tasks as task_queries
from workflows.services import alerts as alert_services
from workflows.services import loop
from workflows.services import tasks as task_services

SCOPES = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}


def _assignee(pk: int) -> User:
    found = team_queries.list_assignable().filter(pk=pk).first()
    if found is None:
        raise Invalid("There is no active person with this id to whom work can be given.", field="assignee")
    return found


def _visible(queryset: QuerySet[Any], pk: int | None, field: str) -> Any:
    if pk is None:
        return None
    found = queryset.filter(pk=pk).first()
    if found is None:
        raise Invalid(f"There is no {field} with this id that the key may see.", field=field)
    return found


@extend_schema_view(list=extend_schema(summary="List tasks"), retrieve=extend_schema(summary="Read a task"))
class TaskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    serializer_class = serializers.TaskSerializer
    filterset_class = TaskFilter
    queryset = Task.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "created_at": ("created_at",)}

    def get_queryset(self) -> QuerySet[Task]:
        return task_queries.list_tasks(user=cast(User, self.request.user))

    @extend_schema(
        summary="Create a task",
        request=serializers.TaskWriteSerializer,
        responses={201: serializers.TaskSerializer},
    )
    def create(self, request: Request) -> Response:
        user = cast(User, request.user)
        given = serializers.TaskWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        contact = _visible(account_queries.list_contacts(user=user), data["contact"], "contact")
        account = _visible(account_queries.list_accounts(user=user), data["account"], "account")
        task = task_services.create_task(
            title=data["title"],
            description=data["description"],
            account=account or (contact.account if contact else None),
            contact=contact,
            assignee=_assignee(data["assignee"]),
            priority=Priority(data["priority"]),
            due_at=data["due_at"],
            actor=user,
        )
        return Response(serializers.TaskSerializer(task).data, status=201)

    @extend_schema(
        summary="Change or finish a task",
        request=serializers.TaskPatchSerializer,
        responses={200: serializers.TaskSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        user, task = cast(User, request.user), self.get_object()
        given = serializers.TaskPatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        with transaction.atomic():
            self._change(task, data, user)
        return Response(serializers.TaskSerializer(self.get_object()).data)

    def _change(self, task: Task, data: dict[str, Any], user: User) -> None:
        if {"title", "description", "assignee", "priority", "due_at"} & data.keys():
            task = task_services.change_task(
                task=task,
                title=data.get("title", task.title),
                description=data.get("description", task.description),
                assignee=_assignee(data["assignee"]) if "assignee" in data else task.assignee,
                priority=Priority(data.get("priority", task.priority)),
                due_at=data.get("due_at", task.due_at),
                actor=user,
            )
        if "state" in data:
            task_services.finish_task(
                task=task, outcome=data["outcome"], actor=user, state=TaskState(data["state"])
            )


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
                alert_services.assign_alert(alert=alert, assignee=_assignee(data["assignee"]), actor=user)
            if "state" in data:
                loop.close_loop(alert=alert, outcome=data["outcome"], actor=user)
        return Response(serializers.AlertSerializer(self.get_object()).data)
