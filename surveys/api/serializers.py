"""The shapes of answers and figures in the API."""

from typing import Any

from rest_framework import serializers

from surveys.api.answers import ORIGINS
from surveys.choices import Channel, LoopStatus
from surveys.domain import category_of
from surveys.models import Response


class ResponseSerializer(serializers.ModelSerializer[Response]):
    survey = serializers.IntegerField(source="survey_id")
    version = serializers.IntegerField(source="version_id", allow_null=True)
    invitation = serializers.IntegerField(source="invitation_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    account = serializers.IntegerField(source="account_id", allow_null=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)
    category = serializers.SerializerMethodField()
    is_excluded = serializers.SerializerMethodField()
    attributes = serializers.JSONField(read_only=True)

    class Meta:
        model = Response
        fields = [
            "id", "survey", "version", "invitation", "contact", "account", "source", "external_id", "channel", "metric",
            "scale_min", "scale_max", "score", "category", "comment", "answers", "language", "state", "may_contact", "may_quote", "responded_at",
            "received_at", "source_updated_at", "finalised_at", "locked_at", "is_excluded", "excluded_reason",
            "deleted_upstream_at", "superseded_at", "identity", "attributes", "origin", "loop_status", "assignee",
        ]  # fmt: skip
        read_only_fields = fields

    def get_category(self, response: Response) -> str:
        return category_of(response.metric, response.score)

    def get_is_excluded(self, response: Response) -> bool:
        return bool(response.excluded_reason)


class AnswerSerializer(serializers.Serializer[Any]):
    """An answer as it is sent in. Say whose it is by invitation, contact, contact_external_id or email: the strongest
    that is known counts, and an answer of nobody we know waits in the inbox."""

    survey = serializers.IntegerField(min_value=1)
    score = serializers.IntegerField(min_value=0, max_value=10, help_text="A whole number from 0 to 10.")
    external_id = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Your id of the answer: sent again, it updates and never repeats.",
    )
    source = serializers.CharField(  # type: ignore[assignment]  # a field of ours, not DRF's attribute
        max_length=40, required=False, default="api", help_text="Whose ids those are."
    )
    comment = serializers.CharField(
        max_length=20_000,
        required=False,
        allow_blank=True,
        help_text="Left out: unchanged. Empty: taken back.",
    )
    responded_at = serializers.DateTimeField(
        required=False, help_text="When the person answered; now if left out."
    )
    source_updated_at = serializers.DateTimeField(
        required=False, help_text="An older version than the known is ignored."
    )
    invitation = serializers.IntegerField(min_value=1, required=False)
    contact = serializers.IntegerField(min_value=1, required=False)
    contact_external_id = serializers.CharField(max_length=120, required=False)
    email = serializers.CharField(max_length=254, required=False)
    name = serializers.CharField(max_length=200, required=False)
    phone = serializers.CharField(max_length=40, required=False)
    language = serializers.CharField(max_length=10, required=False)
    channel = serializers.ChoiceField(choices=[c.value for c in Channel], required=False, default="api")
    may_contact = serializers.BooleanField(required=False)
    may_quote = serializers.BooleanField(required=False)
    answers = serializers.DictField(
        required=False,
        help_text="Answers to further questions by the question's key: an option's key, a list of them, 1 to 5, or a text."
        " Keys that are not named stay as they are; an empty value takes an answer back.",
    )
    completed = serializers.BooleanField(required=False, help_text="No comment will follow.")
    origin = serializers.ChoiceField(
        choices=sorted(ORIGINS), required=False, default="live",
        help_text="Only live answers raise alerts; correction may change an answer after its edit window.",
    )  # fmt: skip
    attributes = serializers.DictField(
        required=False,
        help_text="Up to 20 values to break figures down by; those of a known account replace them.",
    )


class OutcomeSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True)
    result = serializers.ChoiceField(choices=["created", "updated", "unchanged"])
    identity = serializers.ChoiceField(choices=["matched", "inbox", "ignored", "anonymous"])
    message = serializers.CharField(allow_blank=True)


class ResponsePatchSerializer(serializers.Serializer[Any]):
    loop_status = serializers.ChoiceField(choices=[s.value for s in LoopStatus], required=False)
    assignee = serializers.IntegerField(required=False, allow_null=True)
    excluded = serializers.BooleanField(
        required=False, help_text="Takes the answer out of all figures, or back in."
    )
    reason = serializers.CharField(
        max_length=200, required=False, default="", help_text="Needed when the answer is excluded."
    )


class IntervalSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    margin = serializers.FloatField()


class FigureSerializer(serializers.Serializer[Any]):
    """A figure with the exact counts it stands on; null where there are no answers."""

    nps = serializers.IntegerField(allow_null=True)
    exact = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    promoters = serializers.IntegerField()
    passives = serializers.IntegerField()
    detractors = serializers.IntegerField()
    interval = IntervalSerializer(allow_null=True)


class ChangeSerializer(serializers.Serializer[Any]):
    points = serializers.IntegerField()
    margin = serializers.FloatField()
    within_noise = serializers.BooleanField()


class TrendPointSerializer(FigureSerializer):
    as_of = serializers.DateField()


class BreakdownSerializer(FigureSerializer):
    value = serializers.CharField(allow_blank=True)


class _EndsSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()


class ScaleNumbersSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    share = serializers.FloatField(
        allow_null=True, help_text="Answers in the good level per hundred: CSAT 4-5, CES 5-7."
    )
    share_interval = _EndsSerializer(allow_null=True, help_text="95 %, Wilson's score interval.")
    mean = serializers.FloatField(allow_null=True)
    mean_interval = _EndsSerializer(
        allow_null=True, help_text="95 %, Student's; null below two answers or when all are alike."
    )
    levels = serializers.DictField(child=serializers.IntegerField())


class _ScalePointSerializer(ScaleNumbersSerializer):
    as_of = serializers.DateField()


class ScaleFigureSerializer(serializers.Serializer[Any]):
    metric = serializers.ChoiceField(choices=["csat", "ces"])
    unit = serializers.CharField()
    window_days = serializers.IntegerField()
    as_of = serializers.DateField()
    time_zone = serializers.CharField()
    figure = ScaleNumbersSerializer()
    previous = ScaleNumbersSerializer()
    distribution = serializers.DictField(child=serializers.IntegerField())
    trend = _ScalePointSerializer(many=True)


class NpsSerializer(serializers.Serializer[Any]):
    definition = serializers.CharField()
    unit = serializers.CharField()
    window_days = serializers.IntegerField()
    as_of = serializers.DateField()
    time_zone = serializers.CharField()
    figure = FigureSerializer()
    previous = FigureSerializer()
    change = ChangeSerializer(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    median = serializers.FloatField(allow_null=True)
    distribution = serializers.ListField(
        child=serializers.IntegerField(), help_text="Answers of score 0, 1, … 10."
    )
    trend = TrendPointSerializer(many=True)
    breakdown = BreakdownSerializer(many=True)
