"""The shapes of tasks, playbooks, loops and leave in the API."""

from typing import Any

from rest_framework import serializers

from accounts.domain import OwnerRole
from surveys.choices import LoopStatus
from workflows.calendars.domain import NewWork, OpenWork
from workflows.domain import Priority, TaskState
from workflows.models import (
    ChecklistItem,
    Leave,
    Loop,
    LoopOutcome,
    Playbook,
    PlaybookRun,
    PlaybookTask,
    Task,
    TaskComment,
    TaskSeries,
    WorkHours,
)
from workflows.work.domain import Anchor, NextAt, Route, Unit


def _values(words: Any) -> list[str]:
    return [word.value for word in words]


# --- Tasks ---------------------------------------------------------------------------------------------------
class ChecklistItemSerializer(serializers.ModelSerializer[ChecklistItem]):
    done_by = serializers.IntegerField(source="done_by_id", allow_null=True)

    class Meta:
        model = ChecklistItem
        fields = ["id", "text", "done_at", "done_by"]
        read_only_fields = fields


class TaskSeriesSerializer(serializers.ModelSerializer[TaskSeries]):
    class Meta:
        model = TaskSeries
        fields = ["id", "rule", "starts_on", "at", "zone", "next_at", "is_active"]
        read_only_fields = fields


class TaskSerializer(serializers.ModelSerializer[Task]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    response = serializers.IntegerField(source="response_id", allow_null=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)
    rule = serializers.IntegerField(source="run.rule_id", allow_null=True, default=None)
    playbook_run = serializers.IntegerField(source="playbook_run_id", allow_null=True)
    checklist = serializers.SerializerMethodField()
    series = TaskSeriesSerializer(allow_null=True)

    class Meta:
        model = Task
        fields = [
            "id", "title", "description", "account", "contact", "response", "assignee", "rule", "playbook_run",
            "priority", "due_at", "overdue_at", "state", "outcome", "checklist", "series", "created_at", "completed_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_checklist(self, task: Task) -> list[dict[str, Any]]:
        lines = sorted(task.checklist.all(), key=lambda item: item.position)
        return [dict(ChecklistItemSerializer(item).data) for item in lines]


class TaskWriteSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True, default="")
    account = serializers.IntegerField(required=False, allow_null=True, default=None)
    contact = serializers.IntegerField(required=False, allow_null=True, default=None)
    assignee = serializers.IntegerField()
    priority = serializers.ChoiceField(choices=_values(Priority), default=Priority.NORMAL.value)
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    due_in_business_days = serializers.IntegerField(
        min_value=0, max_value=250, required=False, allow_null=True, default=None,
        help_text="Instead of `due_at`: counted from now by the assignee's calendar.",
    )  # fmt: skip
    checklist = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=50, required=False, default=list
    )


class TaskPatchSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    assignee = serializers.IntegerField(required=False)
    priority = serializers.ChoiceField(choices=_values(Priority), required=False)
    due_at = serializers.DateTimeField(required=False, allow_null=True)
    state = serializers.ChoiceField(choices=[TaskState.DONE.value, TaskState.CANCELLED.value], required=False)
    outcome = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class TaskBulkSerializer(serializers.Serializer[Any]):
    """One change to many open tasks: those of `tasks`, or without it all that the filter of the address finds."""

    action = serializers.ChoiceField(choices=["assign", "priority", "postpone", "done", "cancelled"])
    tasks = serializers.ListField(
        child=serializers.IntegerField(), min_length=1, max_length=1_000, required=False
    )
    assignee = serializers.IntegerField(required=False)
    priority = serializers.ChoiceField(choices=_values(Priority), required=False)
    business_days = serializers.IntegerField(min_value=1, max_value=250, required=False)
    outcome = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = {"assign": "assignee", "priority": "priority", "postpone": "business_days"}.get(
            attrs["action"]
        )
        if needed and needed not in attrs:
            raise serializers.ValidationError({needed: f"The action {attrs['action']} needs it."})
        return attrs


class ChangedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()


class LinesSerializer(serializers.Serializer[Any]):
    lines = serializers.ListField(child=serializers.CharField(max_length=200), min_length=1, max_length=50)


class TickSerializer(serializers.Serializer[Any]):
    done = serializers.BooleanField()


class CommentSerializer(serializers.ModelSerializer[TaskComment]):
    author = serializers.IntegerField(source="author_id", allow_null=True, read_only=True)
    body = serializers.CharField(max_length=5_000)

    class Meta:
        model = TaskComment
        fields = ["id", "author", "body", "created_at"]
        read_only_fields = ["id", "created_at"]


class RepeatSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField(
        max_length=200, help_text="RRULE with FREQ (DAILY to YEARLY), INTERVAL, and BYDAY for weekly ones."
    )
    next_at = serializers.ChoiceField(choices=_values(NextAt), default=NextAt.DONE.value)


# --- Playbooks -----------------------------------------------------------------------------------------------
class PlaybookTaskSerializer(serializers.ModelSerializer[PlaybookTask]):
    title = serializers.CharField(max_length=200, help_text="{contact} and {account} become their names.")
    offset = serializers.IntegerField(
        min_value=-730, max_value=730, default=0, help_text="Days after the anchor; before it where negative."
    )
    role = serializers.ChoiceField(choices=_values(OwnerRole), source="route_settings.role", required=False)
    user = serializers.IntegerField(source="route_settings.user", required=False)
    users = serializers.ListField(
        child=serializers.IntegerField(), source="route_settings.users", required=False, max_length=200
    )
    checklist = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=50, required=False, default=list
    )
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True, default="")
    priority = serializers.ChoiceField(choices=_values(Priority), default=Priority.NORMAL.value)
    anchor = serializers.ChoiceField(choices=_values(Anchor), default=Anchor.START.value)
    unit = serializers.ChoiceField(choices=_values(Unit), default=Unit.BUSINESS_DAYS.value)
    route = serializers.ChoiceField(choices=_values(Route), default=Route.OWNER.value)

    class Meta:
        model = PlaybookTask
        fields = [
            "id", "title", "description", "priority", "anchor", "offset", "unit", "route", "role", "user", "users",
            "checklist",
        ]  # fmt: skip
        read_only_fields = ["id"]


class PlaybookSerializer(serializers.ModelSerializer[Playbook]):
    tasks = serializers.SerializerMethodField()

    class Meta:
        model = Playbook
        fields = ["id", "key", "name", "description", "is_active", "tasks"]
        read_only_fields = fields

    def get_tasks(self, playbook: Playbook) -> list[dict[str, Any]]:
        rows = sorted(playbook.tasks.all(), key=lambda task: (task.position, task.pk))
        return [dict(PlaybookTaskSerializer(task).data) for task in rows]


class PlaybookWriteSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    tasks = PlaybookTaskSerializer(many=True, required=False)


class PlaybookPatchSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)
    is_active = serializers.BooleanField(required=False)


class StartSerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField(required=False, allow_null=True, default=None)
    contact = serializers.IntegerField(required=False, allow_null=True, default=None)


class PlaybookRunSerializer(serializers.ModelSerializer[PlaybookRun]):
    playbook = serializers.IntegerField(source="playbook_id")
    account = serializers.IntegerField(source="account_id")
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    started_by = serializers.IntegerField(source="started_by_id", allow_null=True)
    rule = serializers.IntegerField(source="run.rule_id", allow_null=True, default=None)
    total = serializers.IntegerField(help_text="How many tasks it has.")
    finished = serializers.IntegerField(help_text="How many of them are done or cancelled.")

    class Meta:
        model = PlaybookRun
        fields = [
            "id", "playbook", "account", "contact", "state", "total", "finished", "rule", "started_by", "started_at",
            "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


# --- Loops ---------------------------------------------------------------------------------------------------
class LoopOutcomeSerializer(serializers.ModelSerializer[LoopOutcome]):
    class Meta:
        model = LoopOutcome
        fields = ["id", "key", "label", "is_active"]
        read_only_fields = fields


class LoopSerializer(serializers.ModelSerializer[Loop]):
    response = serializers.IntegerField(source="response_id")
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    status = serializers.CharField(source="response.loop_status")
    contacted_by = serializers.IntegerField(source="contacted_by_id", allow_null=True)
    resolved_by = serializers.IntegerField(source="resolved_by_id", allow_null=True)
    outcome = serializers.IntegerField(source="outcome_id", allow_null=True)

    class Meta:
        model = Loop
        fields = [
            "id", "response", "account", "contact", "owner", "category", "status", "started_at", "contact_due_at",
            "contacted_at", "contacted_by", "contact_by", "resolution_due_at", "resolved_at", "resolved_by", "outcome",
            "contact_breached_at", "resolution_breached_at", "escalations", "pause",
        ]  # fmt: skip
        read_only_fields = fields


class LoopPatchSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=_values(LoopStatus), required=False)
    outcome = serializers.IntegerField(required=False)


class WaitingSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    still = serializers.IntegerField(help_text="How many of them wait still.")
    median = serializers.FloatField(allow_null=True, help_text="Hours of the wall clock.")
    p90 = serializers.FloatField(allow_null=True, help_text="Hours of the wall clock.")


class ShareSerializer(serializers.Serializer[Any]):
    kept = serializers.IntegerField()
    n = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True, help_text="Percent.")
    low = serializers.FloatField(source="interval.low", default=None, allow_null=True)
    high = serializers.FloatField(source="interval.high", default=None, allow_null=True)


class FiguresSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    contact = WaitingSerializer()
    resolution = WaitingSerializer()
    contact_kept = ShareSerializer()
    resolution_kept = ShareSerializer()


class EffectSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    n_unfollowed = serializers.IntegerField()
    before = serializers.FloatField(required=False)
    after = serializers.FloatField(required=False)
    expected = serializers.FloatField(
        required=False, help_text="The next score that was to be expected anyway."
    )
    slope = serializers.FloatField(required=False)
    difference = serializers.FloatField(required=False)
    low = serializers.FloatField(required=False)
    high = serializers.FloatField(required=False)
    why = serializers.CharField(required=False, help_text="Why there is no figure.")


class LoopStatisticsSerializer(serializers.Serializer[Any]):
    figures = FiguresSerializer()
    effect = EffectSerializer()


# --- Leave ---------------------------------------------------------------------------------------------------
class LeaveSerializer(serializers.ModelSerializer[Leave]):
    user = serializers.IntegerField(source="user_id")
    stand_in = serializers.IntegerField(source="stand_in_id", allow_null=True)

    class Meta:
        model = Leave
        fields = [
            "id",
            "user",
            "starts_on",
            "ends_on",
            "stand_in",
            "new_work",
            "open_work",
            "began_at",
            "ended_at",
        ]
        read_only_fields = fields


class LeaveWriteSerializer(serializers.Serializer[Any]):
    user = serializers.IntegerField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    stand_in = serializers.IntegerField(required=False, allow_null=True, default=None)
    new_work = serializers.ChoiceField(choices=_values(NewWork), default=NewWork.STAND_IN.value)
    open_work = serializers.ChoiceField(choices=_values(OpenWork), default=OpenWork.KEEP.value)


class WorkHoursSerializer(serializers.ModelSerializer[WorkHours]):
    user = serializers.IntegerField(source="user_id", read_only=True)
    weekdays = serializers.CharField(max_length=7, help_text="ISO numbers: 12345 is Monday to Friday.")
    day_start = serializers.TimeField(allow_null=True, required=False, default=None)
    day_end = serializers.TimeField(allow_null=True, required=False, default=None)
    country = serializers.CharField(max_length=2, allow_blank=True, required=False, default="")
    region = serializers.CharField(max_length=6, allow_blank=True, required=False, default="")

    class Meta:
        model = WorkHours
        fields = ["user", "weekdays", "day_start", "day_end", "country", "region"]
