"""The shapes of tasks, alerts and rules in the API."""

from typing import Any

from rest_framework import serializers

from workflows.domain import AlertState
from workflows.models import Alert, Rule


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


class RuleSerializer(serializers.ModelSerializer[Rule]):
    class Meta:
        model = Rule
        fields = [
            "id",
            "key",
            "name",
            "description",
            "trigger",
            "conditions",
            "steps",
            "is_active",
            "version",
        ]
        read_only_fields = [f for f in fields if f != "is_active"]
