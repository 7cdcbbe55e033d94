"""The shapes of alerts, notifications and preferences in the API."""

from typing import Any

from rest_framework import serializers

from team.models import NotificationPreference
from workflows.domain import AlertState
from workflows.models import Alert, AlertCause, Notification
from workflows.notifying import words
from workflows.notifying.domain import Way


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """`contact`, `response` and `rule` are those of the newest cause; `count` is how often it fired."""

    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    response = serializers.IntegerField(source="response_id", allow_null=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)
    rule = serializers.IntegerField(source="run.rule_id", allow_null=True, default=None)

    class Meta:
        model = Alert
        fields = [
            "id", "kind", "reason", "severity", "account", "contact", "response", "assignee", "rule", "state", "count",
            "opened_at", "last_at", "seen_at", "snoozed_until", "snooze_reason", "muted_count", "woken_at", "woken_why",
            "closed_at", "outcome", "data",
        ]  # fmt: skip
        read_only_fields = fields


class AlertCauseSerializer(serializers.ModelSerializer[AlertCause]):
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    response = serializers.IntegerField(source="response_id", allow_null=True)
    rule = serializers.IntegerField(source="run.rule_id", allow_null=True, default=None)

    class Meta:
        model = AlertCause
        fields = ["id", "at", "severity", "contact", "response", "rule", "is_muted", "data"]
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


class SnoozeSerializer(serializers.Serializer[Any]):
    until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=200)


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    alert = serializers.IntegerField(source="alert_id", allow_null=True)
    task = serializers.IntegerField(source="task_id", allow_null=True)
    title = serializers.SerializerMethodField()

    class Meta:
        model = Notification
        fields = ["id", "topic", "title", "alert", "task", "at", "read_at"]
        read_only_fields = fields

    def get_title(self, obj: Notification) -> str:
        return words.of(obj).title


class UnreadSerializer(serializers.Serializer[Any]):
    unread = serializers.IntegerField()


class PreferenceSerializer(serializers.ModelSerializer[NotificationPreference]):
    """`choices` are what was chosen, `in_force` what holds for every topic with the defaults of the role."""

    choices = serializers.DictField(
        child=serializers.ListField(child=serializers.ChoiceField(choices=[way.value for way in Way])),
        required=False,
    )
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = NotificationPreference
        fields = [
            "choices", "in_force", "quiet_from", "quiet_until", "is_quiet_at_weekends", "digest", "digest_at",
            "digest_on_workdays_only",
        ]  # fmt: skip

    def get_in_force(self, obj: NotificationPreference) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.context["in_force"]
        return found
