"""The shapes of customers in the API. Reading and writing shapes differ; a key that is not known is refused."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.domain import ContactRole, ContractOutcome, InteractionKind, Sharing
from accounts.metric_values import MAX_CHOICE, MAX_CHOICES, Direction, MetricType, Side, sent
from accounts.models import (
    Account,
    Contact,
    Contract,
    CustomField,
    Event,
    Interaction,
    LifecycleStage,
    Metric,
    MetricPoint,
    Segment,
    TrackedEvent,
)

KEY = {"min_value": 1, "max_value": 2**63 - 1}


class Strict(serializers.Serializer[Any]):
    """Refuses what it does not know, so that a misspelt field is not silently lost."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {unknown[0][:60]: "This field is not known here, or cannot be written."},
                    code="unknown_field",
                )
        return super().to_internal_value(data)


def _id(**more: Any) -> serializers.IntegerField:
    return serializers.IntegerField(**{**KEY, **more})


@extend_schema_field({"type": "object", "additionalProperties": True})
class CustomValuesField(serializers.JSONField):
    """Values of custom fields by their key."""


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": True,
        "example": {"agent": "Ida", "amount": 120, "first": True},
    }
)
class TrackedDataField(serializers.JSONField):
    """Up to 50 plain values by key."""


# --- Accounts ------------------------------------------------------------------------------------------------
class AccountSerializer(serializers.ModelSerializer[Account]):
    parent = serializers.IntegerField(source="parent_id", allow_null=True)  # type: ignore[assignment]  # a field named as an attribute of DRF
    stage = serializers.IntegerField(source="stage_id", allow_null=True)
    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    custom = CustomValuesField()

    class Meta:
        model = Account
        fields = (
            "id", "external_id", "name", "domain", "parent", "stage", "stage_since", "owner", "plan", "segment",
            "industry", "country", "city", "seats", "currency", "arr", "lifetime_value", "customer_since",
            "renewal_on", "churned_on", "custom", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class AccountWriteSerializer(Strict):
    """All fields may be left out on PATCH and upsert; a new account needs `name`."""

    external_id = serializers.CharField(max_length=120, allow_null=True, required=False)
    name = serializers.CharField(max_length=200, required=False)
    domain = serializers.CharField(max_length=300, allow_blank=True, required=False)
    parent = _id(allow_null=True, required=False, help_text="The id of the account it belongs to.")  # type: ignore[assignment]  # a field named as an attribute of DRF
    stage = _id(allow_null=True, required=False, help_text="The id of its lifecycle stage.")
    owner = _id(allow_null=True, required=False, help_text="The id of its primary owner.")
    owner_email = serializers.CharField(
        max_length=254, required=False, help_text="The owner by address, instead of `owner`."
    )
    plan = serializers.CharField(max_length=60, allow_blank=True, required=False)
    segment = serializers.CharField(max_length=60, allow_blank=True, required=False)
    industry = serializers.CharField(max_length=80, allow_blank=True, required=False)
    country = serializers.CharField(max_length=2, allow_blank=True, required=False)
    city = serializers.CharField(max_length=80, allow_blank=True, required=False)
    seats = serializers.IntegerField(min_value=0, max_value=999_999_999, allow_null=True, required=False)
    currency = serializers.CharField(max_length=3, required=False)
    arr = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, allow_null=True, required=False
    )
    lifetime_value = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, allow_null=True, required=False
    )
    customer_since = serializers.DateField(allow_null=True, required=False)
    renewal_on = serializers.DateField(allow_null=True, required=False)
    churned_on = serializers.DateField(allow_null=True, required=False)
    custom = CustomValuesField(required=False)


# --- Contacts ------------------------------------------------------------------------------------------------
class ContactSerializer(serializers.ModelSerializer[Contact]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    custom = CustomValuesField()

    class Meta:
        model = Contact
        fields = (
            "id", "external_id", "account", "first_name", "last_name", "email", "phone", "job_title", "role", "language",
            "time_zone", "custom", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class ContactWriteSerializer(Strict):
    external_id = serializers.CharField(max_length=120, allow_null=True, required=False)
    account = _id(allow_null=True, required=False, help_text="The id of the account.")
    account_external_id = serializers.CharField(
        max_length=120,
        allow_null=True,
        required=False,
        help_text="The account by its external id, instead of `account`.",
    )
    first_name = serializers.CharField(max_length=100, allow_blank=True, required=False)
    last_name = serializers.CharField(max_length=100, allow_blank=True, required=False)
    email = serializers.CharField(max_length=300, allow_blank=True, required=False)
    phone = serializers.CharField(max_length=40, allow_blank=True, required=False)
    job_title = serializers.CharField(max_length=120, allow_blank=True, required=False)
    role = serializers.ChoiceField(choices=[r.value for r in ContactRole], required=False)
    language = serializers.CharField(max_length=10, allow_blank=True, required=False)
    time_zone = serializers.CharField(max_length=64, allow_blank=True, required=False)
    custom = CustomValuesField(required=False)


# --- Segments ------------------------------------------------------------------------------------------------
@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": True,
        "example": {"all": [{"field": "plan", "op": "in", "value": ["Enterprise"]}]},
    }
)
class ConditionsField(serializers.JSONField):
    """A tree of `all`, `any`, `not` and conditions `{field, op, value}`."""


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    conditions = ConditionsField()
    is_shared = serializers.BooleanField(read_only=True, help_text="Whether `sharing` is `everybody`.")

    class Meta:
        model = Segment
        fields = ("id", "name", "target", "conditions", "owner", "sharing", "is_shared", "created_at")
        read_only_fields = fields


class SegmentWriteSerializer(Strict):
    name = serializers.CharField(max_length=80)
    target = serializers.ChoiceField(choices=["account", "contact"])
    conditions = ConditionsField()
    sharing = serializers.ChoiceField(choices=[s.value for s in Sharing], required=False)
    is_shared = serializers.BooleanField(required=False, help_text="The short form: everybody, or only me.")


class SegmentPatchSerializer(Strict):
    name = serializers.CharField(max_length=80, required=False)
    conditions = ConditionsField(required=False)
    sharing = serializers.ChoiceField(choices=[s.value for s in Sharing], required=False)
    is_shared = serializers.BooleanField(required=False, help_text="The short form: everybody, or only me.")


class SegmentCountSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Rows of the segment that this key may see.")


# --- What happened -------------------------------------------------------------------------------------------
class EventSerializer(serializers.ModelSerializer[Event]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    actor = serializers.IntegerField(source="actor_id", allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]  # a field named as an attribute of DRF
    facts = serializers.DictField()

    class Meta:
        model = Event
        fields = (
            "id", "kind", "account", "contact", "actor", "subject_type", "subject_id", "origin", "occurred_at",
            "recorded_at", "data", "facts",
        )  # fmt: skip
        read_only_fields = fields


class TrackSerializer(Strict):
    """Something that happened to a customer; who it is, is named in exactly one way."""

    name = serializers.CharField(
        max_length=80, help_text="Such as ticket_solved. Campaigns are triggered by it."
    )
    contact = _id(required=False, help_text="The id of the contact.")
    contact_external_id = serializers.CharField(max_length=120, required=False)
    email = serializers.CharField(max_length=300, required=False)
    account = _id(
        required=False, help_text="The id of the account, when it happened to no person in particular."
    )
    account_external_id = serializers.CharField(max_length=120, required=False)
    occurred_at = serializers.DateTimeField(
        required=False, help_text="Now if left out. Campaigns act on the last seven days only."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # a field named as an attribute of DRF
        max_length=40, required=False, help_text="The system it comes from; the name of the key if left out."
    )
    external_id = serializers.CharField(
        max_length=200, required=False, allow_null=True,
        help_text="What the source calls it. Sent again, it is the same event.",
    )  # fmt: skip
    data = TrackedDataField(required=False)  # type: ignore[assignment]  # a field named as an attribute of DRF


class TrackedSerializer(serializers.ModelSerializer[TrackedEvent]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # a field named as an attribute of DRF
    data = TrackedDataField()  # type: ignore[assignment]  # a field named as an attribute of DRF

    class Meta:
        model = TrackedEvent
        fields = (
            "id",
            "name",
            "account",
            "contact",
            "source",
            "external_id",
            "occurred_at",
            "received_at",
            "data",
        )
        read_only_fields = fields


class InteractionSerializer(serializers.ModelSerializer[Interaction]):
    account = serializers.IntegerField(source="account_id")
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    user = serializers.IntegerField(source="user_id", allow_null=True)

    class Meta:
        model = Interaction
        fields = (
            "id",
            "account",
            "contact",
            "user",
            "kind",
            "subject",
            "body",
            "outcome",
            "happened_at",
            "created_at",
        )
        read_only_fields = fields


class InteractionWriteSerializer(Strict):
    account = _id()
    contact = _id(required=False, allow_null=True, default=None)
    kind = serializers.ChoiceField(choices=[k.value for k in InteractionKind])
    subject = serializers.CharField(max_length=200, allow_blank=True, default="")
    body = serializers.CharField(max_length=20_000, allow_blank=True, default="", trim_whitespace=False)
    outcome = serializers.CharField(max_length=200, allow_blank=True, default="")
    happened_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class InteractionPatchSerializer(Strict):
    subject = serializers.CharField(max_length=200, allow_blank=True, required=False)
    body = serializers.CharField(max_length=20_000, allow_blank=True, required=False, trim_whitespace=False)
    outcome = serializers.CharField(max_length=200, allow_blank=True, required=False)
    happened_at = serializers.DateTimeField(required=False)


# --- Contracts and metrics -----------------------------------------------------------------------------------
class ContractSerializer(serializers.ModelSerializer[Contract]):
    account = serializers.IntegerField(source="account_id")

    class Meta:
        model = Contract
        fields = (
            "id", "external_id", "account", "starts_on", "ends_on", "arr", "currency", "outcome", "outcome_on", "note",
        )  # fmt: skip
        read_only_fields = fields


class ContractPatchSerializer(Strict):
    external_id = serializers.CharField(max_length=120, allow_null=True, required=False)
    starts_on = serializers.DateField(required=False)
    ends_on = serializers.DateField(required=False)
    arr = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    currency = serializers.CharField(max_length=3, required=False)
    note = serializers.CharField(max_length=500, allow_blank=True, required=False)


class ContractWriteSerializer(ContractPatchSerializer):
    account = _id()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    arr = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0)


class OutcomeSerializer(Strict):
    outcome = serializers.ChoiceField(choices=[o.value for o in ContractOutcome])
    outcome_on = serializers.DateField(required=False, allow_null=True, default=None)


METRIC_VALUE = {
    "oneOf": [{"type": "number"}, {"type": "string"}, {"type": "boolean"}],
    "description": "A number (or a decimal text) for number and percent, true or false for boolean, one of its choices"
    " for choice.",
}


@extend_schema_field(METRIC_VALUE)
class MetricValueField(serializers.JSONField):
    """A value as the type of its metric wants it."""


class ThresholdSerializer(Strict):
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    value = MetricValueField()


class MetricSerializer(serializers.ModelSerializer[Metric]):
    choices = serializers.ListField(child=serializers.CharField())
    thresholds = ThresholdSerializer(many=True)

    class Meta:
        model = Metric
        fields = (
            "id",
            "key",
            "label",
            "unit",
            "type",
            "choices",
            "direction",
            "retention_days",
            "thresholds",
        )
        read_only_fields = fields


class MetricWriteSerializer(Strict):
    """What is left out stays as it is."""

    key = serializers.CharField(max_length=60)
    label = serializers.CharField(max_length=80, allow_blank=True, required=False)  # type: ignore[assignment]  # a field named as an attribute of DRF
    unit = serializers.CharField(max_length=20, allow_blank=True, required=False)
    type = serializers.ChoiceField(
        choices=[one.value for one in MetricType],
        required=False,
        help_text="percent is said in percent (41 is 41 %). For good, once there are points.",
    )
    choices = serializers.ListField(
        child=serializers.CharField(max_length=MAX_CHOICE), max_length=MAX_CHOICES, required=False
    )
    direction = serializers.ChoiceField(choices=[one.value for one in Direction], required=False)
    retention_days = serializers.IntegerField(
        min_value=30,
        max_value=36_500,
        required=False,
        allow_null=True,
        help_text="null keeps points for good.",
    )
    thresholds = ThresholdSerializer(many=True, required=False)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": METRIC_VALUE,
        "example": {"seats_used": 41, "logins_share": "62.5", "on_premises": False, "tier": "gold"},
    }
)
class MetricValuesField(serializers.DictField):
    """Values by the key of their metric."""

    child = MetricValueField()


class AccountMetricsWriteSerializer(Strict):
    values = MetricValuesField()
    observed_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it was so; the time of the call if left out."
    )


class AccountMetricsResultSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField(help_text="Corrects what was known for its moment.")
    unchanged = serializers.IntegerField()
    results = serializers.DictField(
        child=serializers.ChoiceField(choices=["created", "updated", "unchanged"]),
        help_text="What became of each value, by the key of its metric.",
    )


class AccountMetricSerializer(serializers.Serializer[Any]):
    """The newest value of a metric."""

    metric = serializers.CharField(source="metric.key")
    label = serializers.CharField(source="metric.label")  # type: ignore[assignment]  # a field named as an attribute of DRF
    unit = serializers.CharField(source="metric.unit")
    type = serializers.CharField(source="metric.type")
    value = serializers.SerializerMethodField()
    observed_at = serializers.DateTimeField()

    @extend_schema_field(METRIC_VALUE)
    def get_value(self, now: Any) -> Any:
        return sent(now.metric.type, now.metric.choices, now.value)


class PointSerializer(serializers.ModelSerializer[MetricPoint]):
    metric = serializers.CharField(source="metric.key")
    account = serializers.IntegerField(source="account_id")

    class Meta:
        model = MetricPoint
        fields = ("id", "metric", "account", "value", "observed_at", "recorded_at")
        read_only_fields = fields


class PointWriteSerializer(Strict):
    metric = serializers.CharField(max_length=60, help_text="The key of a metric.")
    account = _id(required=False)
    account_external_id = serializers.CharField(max_length=120, required=False)
    value = MetricValueField()
    observed_at = serializers.DateTimeField()


class PointsResultSerializer(serializers.Serializer[Any]):
    stored = serializers.IntegerField(help_text="Points that said something new.")
    unchanged = serializers.IntegerField()


class StageSerializer(serializers.ModelSerializer[LifecycleStage]):
    class Meta:
        model = LifecycleStage
        fields = ("id", "name", "position", "is_customer")
        read_only_fields = fields


class CustomFieldSerializer(serializers.ModelSerializer[CustomField]):
    choices = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = CustomField
        fields = ("id", "target", "key", "label", "type", "choices", "is_personal", "position")
        read_only_fields = fields
