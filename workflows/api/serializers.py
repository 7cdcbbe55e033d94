"""The shapes of tasks, alerts and rules in the API."""

from typing import Any

from rest_framework import serializers

from surveys.choices import Channel
from workflows.alarms.evidence import CADENCES, MIN_N_FLOOR, Direction
from workflows.domain import AlertState, Priority, TaskState
from workflows.models import Alarm, AlarmLook, Alert, Task


class TaskSerializer(serializers.ModelSerializer[Task]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    response = serializers.IntegerField(source="response_id", allow_null=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)
    rule = serializers.IntegerField(source="run.rule_id", allow_null=True, default=None)

    class Meta:
        model = Task
        fields = [
            "id", "title", "description", "account", "contact", "response", "assignee", "rule", "priority", "due_at",
            "state", "outcome", "created_at", "completed_at",
        ]  # fmt: skip
        read_only_fields = fields


class TaskWriteSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True, default="")
    account = serializers.IntegerField(required=False, allow_null=True, default=None)
    contact = serializers.IntegerField(required=False, allow_null=True, default=None)
    assignee = serializers.IntegerField()
    priority = serializers.ChoiceField(choices=[p.value for p in Priority], default=Priority.NORMAL.value)
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class TaskPatchSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    assignee = serializers.IntegerField(required=False)
    priority = serializers.ChoiceField(choices=[p.value for p in Priority], required=False)
    due_at = serializers.DateTimeField(required=False, allow_null=True)
    state = serializers.ChoiceField(choices=[TaskState.DONE.value, TaskState.CANCELLED.value], required=False)
    outcome = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class AlertSerializer(serializers.ModelSerializer[Alert]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    response = serializers.IntegerField(source="response_id", allow_null=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)
    rule = serializers.IntegerField(source="run.rule_id", allow_null=True, default=None)

    class Meta:
        model = Alert
        fields = [
            "id", "kind", "account", "contact", "response", "assignee", "rule", "state", "opened_at", "seen_at",
            "closed_at", "outcome",
        ]  # fmt: skip
        read_only_fields = fields


class AlertPatchSerializer(serializers.Serializer[Any]):
    assignee = serializers.IntegerField(required=False)
    state = serializers.ChoiceField(choices=[AlertState.CLOSED.value], required=False)
    outcome = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("state") and not attrs.get("outcome", "").strip():
            raise serializers.ValidationError(
                {"outcome": "Say in a line what came of it when you close an alert."}
            )
        return attrs
# --- Alarms ------------------------------------------------------------------------------------------------
class AlarmLookSerializer(serializers.ModelSerializer[AlarmLook]):
    nps_before = serializers.IntegerField(source="before.score", allow_null=True)
    n_before = serializers.IntegerField(source="before.n")
    nps_now = serializers.IntegerField(source="now.score", allow_null=True)
    n_now = serializers.IntegerField(source="now.n")
    sentence = serializers.CharField(help_text="What was found, in words.")

    class Meta:
        model = AlarmLook
        fields = [
            "day", "before_from", "now_from", "nps_before", "n_before", "nps_now", "n_now", "pairs", "points", "low",
            "high", "z", "verdict", "sentence", "looked_at",
        ]  # fmt: skip
        read_only_fields = fields


class AlarmSerializer(serializers.ModelSerializer[Alarm]):
    segment = serializers.IntegerField(source="segment_id", allow_null=True)
    survey = serializers.IntegerField(source="survey_id", allow_null=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)

    class Meta:
        model = Alarm
        fields = [
            "id", "name", "segment", "survey", "channel", "direction", "window_days", "threshold", "min_n",
            "every_weeks", "is_active", "assignee", "fired_on", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class AlarmWriteSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    segment = serializers.IntegerField(required=False, allow_null=True)
    survey = serializers.IntegerField(required=False, allow_null=True)
    channel = serializers.ChoiceField(choices=[c.value for c in Channel], required=False, allow_blank=True)
    direction = serializers.ChoiceField(choices=[d.value for d in Direction], required=False)
    window_days = serializers.IntegerField(required=False, min_value=14, max_value=365)
    threshold = serializers.IntegerField(required=False, min_value=1, max_value=100)
    min_n = serializers.IntegerField(required=False, min_value=MIN_N_FLOOR, max_value=1_000_000)
    every_weeks = serializers.ChoiceField(choices=list(CADENCES), required=False)
    is_active = serializers.BooleanField(required=False)
    assignee = serializers.IntegerField(required=False, allow_null=True)
