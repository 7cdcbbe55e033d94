"""REST resources of work: tasks, playbooks, loops and leave."""

from dataclasses import asdict
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as account_queries
from core import clock
from core.api import ApiViewSet
from core.errors import Invalid
from surveys.choices import LoopStatus
from surveys.queries import feedback
from team.models import User
from team.permissions import can_lead, can_work
from workflows.api import work_serializers as serializers
from workflows.api.common import SCOPES, assignable, visible
from workflows.calendars.domain import NewWork, OpenWork
from workflows.domain import Priority, TaskState
from workflows.filters import LoopFilter, TaskFilter
from workflows.models import ChecklistItem, Leave, Loop, LoopOutcome, Playbook, PlaybookRun, Task
from workflows.queries import loops as loop_queries
from workflows.queries import playbooks as playbook_queries
from workflows.queries import tasks as task_queries
from workflows.queries import worktime as worktime_queries
from workflows.services import absences, loop, loop_clocks, playbook_editing, playbooks, recurring
from workflows.services import tasks as task_services
from workflows.work.domain import NextAt


class _WorkViewSet(ApiViewSet):
    scopes = SCOPES

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def _customer(self, data: dict[str, Any]) -> tuple[Any, Any]:
        """The account and contact that a body names, as far as the key's person sees them."""
        contact = visible(account_queries.list_contacts(user=self._user), data["contact"], "contact")
        account = visible(account_queries.list_accounts(self._user), data["account"], "account")
        return account or (contact.account if contact else None), contact


def _read(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


@extend_schema_view(list=extend_schema(summary="List tasks"), retrieve=extend_schema(summary="Read a task"))
class TaskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _WorkViewSet):
    serializer_class = serializers.TaskSerializer
    filterset_class = TaskFilter
    queryset = Task.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "created_at": ("created_at",)}

    def get_queryset(self) -> QuerySet[Task]:
        return task_queries.list_tasks(user=self._user).prefetch_related("checklist")

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(serializers.TaskSerializer(self.get_queryset().get(pk=pk)).data, status=status)

    @extend_schema(
        summary="Create a task",
        request=serializers.TaskWriteSerializer,
        responses={201: serializers.TaskSerializer},
    )
    def create(self, request: Request) -> Response:
        data = _read(serializers.TaskWriteSerializer(data=request.data))
        account, contact = self._customer(data)
        assignee, due_at = assignable(data["assignee"]), data["due_at"]
        if data["due_in_business_days"] is not None:
            if due_at is not None:
                raise Invalid("Give either due_at or due_in_business_days.", field="due_in_business_days")
            due_at = task_services.due_in_business_days(
                days=data["due_in_business_days"], assignee=assignee, start=clock.now()
            )
        task = task_services.create_task(
            title=data["title"],
            description=data["description"],
            account=account,
            contact=contact,
            assignee=assignee,
            priority=Priority(data["priority"]),
            due_at=due_at,
            checklist=data["checklist"],
            actor=self._user,
        )
        return Response(serializers.TaskSerializer(task).data, status=201)

    @extend_schema(
        summary="Change or finish a task",
        request=serializers.TaskPatchSerializer,
        responses={200: serializers.TaskSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        task = self.get_object()
        data = _read(serializers.TaskPatchSerializer(data=request.data))
        with transaction.atomic():
            self._change(task, data)
        return self._shown(task.pk)

    def _change(self, task: Task, data: dict[str, Any]) -> None:
        if {"title", "description", "assignee", "priority", "due_at"} & data.keys():
            task = task_services.change_task(
                task=task,
                title=data.get("title", task.title),
                description=data.get("description", task.description),
                assignee=assignable(data["assignee"]) if "assignee" in data else task.assignee,
                priority=Priority(data.get("priority", task.priority)),
                due_at=data.get("due_at", task.due_at),
                actor=self._user,
            )
        if "state" in data:
            task_services.finish_task(
                task=task, outcome=data["outcome"], actor=self._user, state=TaskState(data["state"])
            )

    @extend_schema(
        summary="Change many open tasks",
        description="Those of `tasks`, or without it all that the filter of the address finds. More than 5,000 are refused.",
        request=serializers.TaskBulkSerializer,
        responses=serializers.ChangedSerializer,
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        data = _read(serializers.TaskBulkSerializer(data=request.data))
        rows = self.filter_queryset(self.get_queryset())
        if "tasks" in data:
            rows = rows.filter(pk__in=data["tasks"])
        chosen = task_queries.by_keys_of(rows.filter(state=TaskState.OPEN))
        if data["action"] == "assign":
            number = task_services.assign_tasks(
                chosen=chosen, assignee=assignable(data["assignee"]), actor=self._user
            )
        elif data["action"] == "priority":
            number = task_services.prioritise_tasks(
                chosen=chosen, priority=Priority(data["priority"]), actor=self._user
            )
        elif data["action"] == "postpone":
            number = task_services.postpone_tasks(chosen=chosen, days=data["business_days"], actor=self._user)
        else:
            number = task_services.finish_tasks(
                chosen=chosen, state=TaskState(data["action"]), outcome=data["outcome"], actor=self._user
            )
        return Response({"changed": number})

    @extend_schema(
        methods=["get"], summary="Comments on a task", responses=serializers.CommentSerializer(many=True), filters=False
    )  # fmt: skip
    @extend_schema(
        methods=["post"], summary="Comment on a task", request=serializers.CommentSerializer,
        responses={201: serializers.CommentSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def comments(self, request: Request, pk: str) -> Response:
        task = self.get_object()
        if request.method == "GET":
            return Response(serializers.CommentSerializer(task_queries.comments_of(task), many=True).data)
        data = _read(serializers.CommentSerializer(data=request.data))
        made = task_services.comment(task=task, body=data["body"], actor=self._user)
        return Response(serializers.CommentSerializer(made).data, status=201)

    @extend_schema(
        summary="Add lines to a task's checklist", request=serializers.LinesSerializer,
        responses=serializers.TaskSerializer,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def checklist(self, request: Request, pk: str) -> Response:
        task = self.get_object()
        data = _read(serializers.LinesSerializer(data=request.data))
        task_services.add_checklist_items(task=task, texts=data["lines"], actor=self._user)
        return self._shown(task.pk)

    @extend_schema(
        methods=["patch"], summary="Tick a line off, or take the tick back", request=serializers.TickSerializer,
        responses=serializers.TaskSerializer,
    )  # fmt: skip
    @extend_schema(methods=["delete"], summary="Remove a line", responses={204: None})
    @action(detail=True, methods=["patch", "delete"], url_path=r"checklist/(?P<line>[0-9]{1,18})")
    def line(self, request: Request, pk: str, line: str) -> Response:
        task = self.get_object()
        item: ChecklistItem = get_object_or_404(task_queries.checklist_of(task), pk=int(line))
        if request.method == "DELETE":
            task_services.remove_checklist_item(item=item, actor=self._user)
            return Response(status=204)
        data = _read(serializers.TickSerializer(data=request.data))
        task_services.tick(item=item, is_done=data["done"], actor=self._user)
        return self._shown(task.pk)

    @extend_schema(
        methods=["post"], summary="Let a task come again", request=serializers.RepeatSerializer,
        responses=serializers.TaskSerializer,
    )  # fmt: skip
    @extend_schema(methods=["delete"], summary="Let a task come no more", responses={204: None})
    @action(detail=True, methods=["post", "delete"])
    def repeat(self, request: Request, pk: str) -> Response:
        task = self.get_object()
        if request.method == "DELETE":
            recurring.end_series(task=task, actor=self._user)
            return Response(status=204)
        data = _read(serializers.RepeatSerializer(data=request.data))
        try:
            recurring.repeat(task=task, rule=data["rule"], next_at=NextAt(data["next_at"]), actor=self._user)
        except Invalid as refusal:
            # The page calls the field otherwise.
            refusal.field = {"repeats": "rule", "due_on": "due_at"}.get(refusal.field, refusal.field)
            raise
        return self._shown(task.pk)


@extend_schema_view(
    list=extend_schema(summary="List playbooks"), retrieve=extend_schema(summary="Read a playbook")
)
class PlaybookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _WorkViewSet):
    # Starting one is work; `_lead` guards what changes the playbook itself.
    allowed = {"write": can_work, "read": can_work}
    serializer_class = serializers.PlaybookSerializer
    queryset = Playbook.objects.none()

    def get_queryset(self) -> QuerySet[Playbook]:
        return playbook_queries.list_playbooks(user=self._user).prefetch_related("tasks")

    def _lead(self) -> None:
        if not can_lead(self._user):
            self.permission_denied(self.request, message="Only a lead may change playbooks.")

    @extend_schema(
        summary="Create a playbook with its tasks", request=serializers.PlaybookWriteSerializer,
        responses={201: serializers.PlaybookSerializer},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        self._lead()
        data = _read(serializers.PlaybookWriteSerializer(data=request.data))
        with transaction.atomic():
            playbook = playbook_editing.create_playbook(
                name=data["name"], description=data["description"], actor=self._user
            )
            for values in data.get("tasks", ()):
                playbook_editing.save_task(
                    playbook=playbook, task=None, values={"route_settings": {}, **values}, actor=self._user
                )
        return Response(
            serializers.PlaybookSerializer(self.get_queryset().get(pk=playbook.pk)).data, status=201
        )

    @extend_schema(
        summary="Rename, archive or bring back a playbook", request=serializers.PlaybookPatchSerializer,
        responses=serializers.PlaybookSerializer,
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        self._lead()
        playbook = self.get_object()
        data = _read(serializers.PlaybookPatchSerializer(data=request.data))
        with transaction.atomic():
            if {"name", "description"} & data.keys():
                playbook_editing.update_playbook(
                    playbook=playbook,
                    name=data.get("name", playbook.name),
                    description=data.get("description", playbook.description),
                    actor=self._user,
                )
            if "is_active" in data:
                playbook_editing.archive_playbook(
                    playbook=playbook, is_active=data["is_active"], actor=self._user
                )
        return Response(serializers.PlaybookSerializer(self.get_object()).data)

    @extend_schema(
        summary="Add a task to a playbook", description="At its end. What was started already keeps its tasks.",
        request=serializers.PlaybookTaskSerializer, responses={201: serializers.PlaybookTaskSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def tasks(self, request: Request, pk: str) -> Response:
        self._lead()
        values = _read(serializers.PlaybookTaskSerializer(data=request.data))
        made = playbook_editing.save_task(
            playbook=self.get_object(), task=None, values={"route_settings": {}, **values}, actor=self._user
        )
        return Response(serializers.PlaybookTaskSerializer(made).data, status=201)

    @extend_schema(
        methods=["patch"], summary="Change a task of a playbook", request=serializers.PlaybookTaskSerializer,
        responses=serializers.PlaybookTaskSerializer,
    )  # fmt: skip
    @extend_schema(methods=["delete"], summary="Remove a task from a playbook", responses={204: None})
    @action(detail=True, methods=["patch", "delete"], url_path=r"tasks/(?P<task>[0-9]{1,18})")
    def task(self, request: Request, pk: str, task: str) -> Response:
        self._lead()
        playbook = self.get_object()
        held = get_object_or_404(playbook.tasks.all(), pk=int(task))
        if request.method == "DELETE":
            playbook_editing.remove_task(task=held, actor=self._user)
            return Response(status=204)
        given = serializers.PlaybookTaskSerializer(held, data=request.data, partial=True)
        changed = _read(given)
        known = {name: getattr(held, name) for name in playbook_editing.EDITABLE}
        saved = playbook_editing.save_task(
            playbook=playbook, task=held, values={**known, **changed}, actor=self._user
        )
        return Response(serializers.PlaybookTaskSerializer(saved).data)

    @extend_schema(
        summary="Start a playbook on an account or contact", request=serializers.StartSerializer,
        responses={201: serializers.PlaybookRunSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        playbook = self.get_object()
        account, contact = self._customer(_read(serializers.StartSerializer(data=request.data)))
        started = playbooks.start(playbook=playbook, account=account, contact=contact, actor=self._user)
        shown = playbook_queries.list_runs(user=self._user).get(pk=started.pk)
        return Response(serializers.PlaybookRunSerializer(shown).data, status=201)


@extend_schema_view(
    list=extend_schema(summary="List started playbooks"),
    retrieve=extend_schema(summary="Read how far a playbook is"),
)
class PlaybookRunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _WorkViewSet):
    serializer_class = serializers.PlaybookRunSerializer
    queryset = PlaybookRun.objects.none()

    def get_queryset(self) -> QuerySet[PlaybookRun]:
        return playbook_queries.list_runs(user=self._user)

    @extend_schema(
        summary="Stop a playbook: its open tasks are cancelled",
        request=None,
        responses=serializers.PlaybookRunSerializer,
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        playbooks.stop(started=self.get_object(), actor=self._user)
        return Response(serializers.PlaybookRunSerializer(self.get_object()).data)


@extend_schema_view(list=extend_schema(summary="List loops"), retrieve=extend_schema(summary="Read a loop"))
class LoopViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _WorkViewSet):
    serializer_class = serializers.LoopSerializer
    filterset_class = LoopFilter
    queryset = Loop.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "started_at": ("started_at",)}

    def get_queryset(self) -> QuerySet[Loop]:
        return loop_queries.list_loops(user=self._user)

    @extend_schema(
        summary="Say where a loop stands, or what came of it",
        request=serializers.LoopPatchSerializer,
        responses=serializers.LoopSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row: Loop = self.get_object()
        data = _read(serializers.LoopPatchSerializer(data=request.data))
        outcome = visible(loop_queries.outcomes(), data.get("outcome"), "outcome")
        with transaction.atomic():
            if "status" in data:
                loop.set_status(
                    response=row.response,
                    status=LoopStatus(data["status"]),
                    outcome=outcome,
                    actor=self._user,
                )
            if outcome is not None:
                loop_clocks.set_outcome(loop=row, outcome=outcome, actor=self._user)
        return Response(serializers.LoopSerializer(self.get_object()).data)

    @extend_schema(
        summary="How promises are kept", responses=serializers.LoopStatisticsSerializer,
        description="Of the loops that the filter finds. `effect` compares the next score of people who were followed up"
        " with what was to be expected anyway; where there are too few it says why instead.",
    )  # fmt: skip
    @action(detail=False, methods=["get"], pagination_class=None)
    def statistics(self, request: Request) -> Response:
        whole, _ = loop_queries.figures(self.filter_queryset(self.get_queryset()))
        effect = loop_queries.effect_of_following_up(
            user=self._user, answers=feedback.list_responses(self._user)
        )
        body = {"figures": whole, "effect": asdict(effect)}
        return Response(serializers.LoopStatisticsSerializer(body).data)


@extend_schema_view(list=extend_schema(summary="List what can come of a loop"))
class LoopOutcomeViewSet(mixins.ListModelMixin, _WorkViewSet):
    serializer_class = serializers.LoopOutcomeSerializer
    queryset = LoopOutcome.objects.none()

    def get_queryset(self) -> QuerySet[LoopOutcome]:
        return loop_queries.all_outcomes()


@extend_schema_view(
    list=extend_schema(summary="List leave"), retrieve=extend_schema(summary="Read one leave")
)
class LeaveViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _WorkViewSet):
    serializer_class = serializers.LeaveSerializer
    queryset = Leave.objects.none()

    def get_queryset(self) -> QuerySet[Leave]:
        return worktime_queries.list_leaves(self._user)

    def _person(self, pk: int) -> User:
        return cast(User, visible(worktime_queries.list_colleagues(self._user), pk, "user"))

    @extend_schema(
        summary="Note a leave", request=serializers.LeaveWriteSerializer,
        responses={201: serializers.LeaveSerializer},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        data = _read(serializers.LeaveWriteSerializer(data=request.data))
        leave = absences.plan_leave(
            user=self._person(data["user"]),
            starts_on=data["starts_on"],
            ends_on=data["ends_on"],
            stand_in=assignable(data["stand_in"], "stand_in") if data["stand_in"] is not None else None,
            new_work=NewWork(data["new_work"]),
            open_work=OpenWork(data["open_work"]),
            actor=self._user,
        )
        return Response(serializers.LeaveSerializer(leave).data, status=201)

    @extend_schema(summary="Cancel a leave, or end it early", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        leave = self.get_object()
        self._person(leave.user_id)
        absences.end_leave(leave=leave, actor=self._user)
        return Response(status=204)

    @extend_schema(
        methods=["get"],
        summary="Read when somebody works",
        responses=serializers.WorkHoursSerializer,
        filters=False,
    )
    @extend_schema(
        methods=["put"], summary="Say when somebody works", request=serializers.WorkHoursSerializer,
        responses=serializers.WorkHoursSerializer,
    )  # fmt: skip
    @action(
        detail=False, methods=["get", "put"], url_path=r"hours/(?P<user>[0-9]{1,18})", pagination_class=None
    )
    def hours(self, request: Request, user: str) -> Response:
        person = get_object_or_404(worktime_queries.list_colleagues(self._user), pk=int(user))
        if request.method == "GET":
            return Response(serializers.WorkHoursSerializer(worktime_queries.hours_of(person)).data)
        data = _read(serializers.WorkHoursSerializer(data=request.data))
        hours = absences.set_hours(user=person, actor=self._user, **data)
        return Response(serializers.WorkHoursSerializer(hours).data)
