"""The shapes of health in the API."""

import datetime as dt
from typing import Any

from rest_framework import serializers

from workflows.health import queries
from workflows.models import AccountHealth, HealthOverride, HealthSentiment, HealthVersion


class HealthVersionSerializer(serializers.ModelSerializer[HealthVersion]):
    restores = serializers.IntegerField(source="restores.number", default=None, allow_null=True)

    class Meta:
        model = HealthVersion
        fields = ["number", "note", "author", "created_at", "restores", "config"]
        read_only_fields = fields


class HealthConfigSerializer(serializers.Serializer[Any]):
    """A whole configuration; its form is described in docs/health.md."""

    config = serializers.DictField()
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    base = serializers.IntegerField(required=False, allow_null=True, default=None)


class RollbackSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class HealthChangeSerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField()
    before = serializers.CharField()
    after = serializers.CharField()
    score_before = serializers.FloatField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    profile = serializers.CharField()


class HealthPreviewSerializer(serializers.Serializer[Any]):
    before = serializers.DictField(child=serializers.IntegerField())
    after = serializers.DictField(child=serializers.IntegerField())
    profiles = serializers.DictField(child=serializers.IntegerField())
    changing = serializers.IntegerField()
    changes = HealthChangeSerializer(many=True)


class HealthSerializer(serializers.ModelSerializer[AccountHealth]):
    """`score` and `band` are computed; `effective_…` are a person's where an override is in force."""

    account = serializers.IntegerField(source="account_id")
    effective_band = serializers.CharField()
    effective_score = serializers.FloatField(allow_null=True)
    change_30d = serializers.FloatField(allow_null=True)

    class Meta:
        model = AccountHealth
        fields = [
            "account", "profile", "version", "score", "shown", "confidence", "band", "reason", "effective_band",
            "effective_score", "change_30d", "override", "computed_at",
        ]  # fmt: skip
        read_only_fields = fields


class ContributionSerializer(serializers.Serializer[Any]):
    component = serializers.CharField()
    group = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the option
    value = serializers.JSONField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    weight = serializers.FloatField()
    contribution = serializers.FloatField()
    observed_at = serializers.SerializerMethodField()
    state = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # the same
    row = serializers.IntegerField(source="ref", allow_null=True)

    def get_observed_at(self, one: Any) -> dt.datetime | None:
        return None if one.observed is None else dt.datetime.fromtimestamp(one.observed, dt.UTC)


class StandingSerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField()
    score = serializers.FloatField(allow_null=True)
    shown = serializers.IntegerField(allow_null=True)
    own_score = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField()
    band = serializers.CharField()
    reason = serializers.CharField()
    profile = serializers.CharField(source="profile.key", default="")
    version = serializers.IntegerField()
    computed_at = serializers.DateTimeField()
    effective_band = serializers.CharField()
    override_band = serializers.CharField()
    override_score = serializers.IntegerField(allow_null=True)
    contributions = ContributionSerializer(many=True)
    below = serializers.SerializerMethodField()

    def get_below(self, standing: queries.Standing) -> list[dict[str, float]]:
        return [{"account": a, "score": score, "weight": weight} for a, score, weight in standing.below]


class OverrideSerializer(serializers.ModelSerializer[HealthOverride]):
    class Meta:
        model = HealthOverride
        fields = [
            "id",
            "account",
            "band",
            "score",
            "reason",
            "expires_on",
            "by",
            "at",
            "ended_at",
            "ended_by",
        ]
        read_only_fields = fields


class OverrideWriteSerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField()
    band = serializers.CharField(max_length=20)
    score = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=100
    )
    reason = serializers.CharField(max_length=500)
    expires_on = serializers.DateField()


class SentimentSerializer(serializers.ModelSerializer[HealthSentiment]):
    class Meta:
        model = HealthSentiment
        fields = ["id", "account", "value", "note", "by", "at"]
        read_only_fields = fields


class SentimentWriteSerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField()
    value = serializers.IntegerField(min_value=1, max_value=5)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
