"""The shapes of connections and runs in the API. Secrets go in and never come out."""

from typing import Any

from rest_framework import serializers

from integrations import registry, vault
from integrations.contract import Input
from integrations.models import ConnectedSurvey, Connection, RunLine, SyncRun
from surveys.choices import MetricFamily


class ConnectedSurveySerializer(serializers.ModelSerializer[ConnectedSurvey]):
    survey = serializers.IntegerField(source="survey_id")

    class Meta:
        model = ConnectedSurvey
        fields = ["remote_id", "remote_name", "metric", "survey", "is_enabled", "mapping", "synced_until"]
        read_only_fields = fields


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    surveys = ConnectedSurveySerializer(many=True, read_only=True)
    connected_by = serializers.IntegerField(source="connected_by_id", allow_null=True)
    known_secrets = serializers.SerializerMethodField(
        help_text="Which secrets are stored, by their keys. Their values are never returned."
    )

    class Meta:
        model = Connection
        fields = [
            "id", "system", "name", "state", "options", "known_secrets", "mapping", "surveys", "zone", "connected_to",
            "history_since", "every_minutes", "next_run_at", "first_sync_at", "last_sync_at", "broken_since", "last_error",
            "last_error_at", "hook_state", "hook_error", "hook_heard_at", "hook_forged", "hook_forged_at", "hook_altered",
            "hook_altered_at", "connected_by", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_known_secrets(self, connection: Connection) -> list[str]:
        system = registry.all_systems().get(connection.system)
        named = {s.key for s in system.settings if s.input is Input.SECRET} if system else set()
        return sorted(vault.known_secrets(connection) & (named | {"hook"}))


class SurveyChoiceSerializer(serializers.Serializer[Any]):
    remote_id = serializers.CharField(max_length=200, allow_blank=True)
    survey = serializers.IntegerField()
    remote_name = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    metric = serializers.ChoiceField(
        choices=[m.value for m in MetricFamily], required=False, allow_blank=True, default=""
    )
    is_enabled = serializers.BooleanField(required=False, default=True)


class ConnectionChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    options = serializers.DictField(
        child=serializers.CharField(max_length=2_000, allow_blank=True), required=False
    )
    secrets = serializers.DictField(
        child=serializers.CharField(max_length=10_000, allow_blank=True),
        required=False,
        write_only=True,
        help_text="Only those given are replaced; the place where reading stopped stays.",
    )
    zone = serializers.CharField(max_length=60, required=False)
    every_minutes = serializers.IntegerField(required=False)
    history_since = serializers.DateTimeField(required=False)
    mapping = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=300), max_length=20),
        required=False,
    )
    surveys = SurveyChoiceSerializer(many=True, required=False)


class ConnectionWriteSerializer(ConnectionChangeSerializer):
    system = serializers.CharField(max_length=30)


class RunRequestSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Read again from this moment on; else what is new. Of a system that only sends, what came in since then"
        " is read again from what is kept.",
    )


class CheckSerializer(serializers.Serializer[Any]):
    connected_to = serializers.CharField()


class HookSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Where deliveries are sent to. It is a secret.")


class RunSerializer(serializers.ModelSerializer[SyncRun]):
    connection = serializers.IntegerField(source="connection_id")
    continues = serializers.IntegerField(source="continues_id", allow_null=True)
    requested_by = serializers.IntegerField(source="requested_by_id", allow_null=True)
    rate = serializers.FloatField(allow_null=True, help_text="Answers a second while it worked.")
    seconds_left = serializers.FloatField(allow_null=True)

    class Meta:
        model = SyncRun
        fields = [
            "id", "connection", "kind", "state", "since", "until", "continues", "received", "created", "updated", "unchanged",
            "unmatched", "refused", "declined", "skipped", "deleted", "excluded", "total", "pages", "rate", "seconds_left",
            "day", "created_at", "started_at", "finished_at", "waits_until", "error", "requested_by",
        ]  # fmt: skip
        read_only_fields = fields


class LineSerializer(serializers.ModelSerializer[RunLine]):
    run = serializers.IntegerField(source="run_id")
    response = serializers.IntegerField(source="response_id", allow_null=True)

    class Meta:
        model = RunLine
        fields = ["id", "run", "kind", "external_id", "field", "message", "response", "at"]
        read_only_fields = fields
