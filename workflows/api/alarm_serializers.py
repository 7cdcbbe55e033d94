"""The shapes of alarms in the API."""

from typing import Any

from rest_framework import serializers

from surveys.choices import Channel
from workflows.alarms.evidence import CADENCES, MIN_N_FLOOR, Direction
from workflows.models import Alarm, AlarmLook


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
