"""What addresses have said about being asked."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from surveys.choices import AskScope, Channel, SuppressionReason, pairs


class AskRule(models.Model):
    """How long people are left alone, for asks of one scope; 0 switches a rule off. Every scope that applies must allow.

    The budget is in tenths of an ask: an invitation is 10, a reminder 5, a survey shown in the product 3.
    """

    scope = models.CharField(max_length=15, choices=pairs(AskScope), unique=True)
    quiet_days_answered = models.PositiveSmallIntegerField(default=0)
    quiet_days_declined = models.PositiveSmallIntegerField(default=0)
    quiet_days_ignored = models.PositiveSmallIntegerField(default=0)
    budget = models.PositiveSmallIntegerField(default=0)
    budget_days = models.PositiveSmallIntegerField(default=90)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.scope


class Preference(models.Model):
    """What an address has chosen on its preference page: a pause, and the sorts of survey it does not want."""

    address_key = models.CharField(max_length=64, unique=True)
    paused_until = models.DateTimeField(null=True)
    unwanted = models.JSONField(default=list, help_text="Kinds of survey (surveys.choices.SurveyKind).")
    updated_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Preference {self.pk}"


class Suppression(models.Model):
    """An address that must not be asked, kept as an HMAC so that it outlives the erased person."""

    address_key = models.CharField(max_length=64)
    channel = models.CharField(max_length=10, choices=pairs(Channel), default=Channel.EMAIL)
    reason = models.CharField(max_length=15, choices=pairs(SuppressionReason))
    detail = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address_key", "channel"],
                condition=Q(lifted_at__isnull=True),
                name="surveys_suppression_active",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.pk}"
