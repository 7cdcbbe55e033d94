"""Health of accounts: the configuration in versions, the present scores, what they were, and what people say against them."""

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.domain import Origin
from accounts.models import Account
from accounts.querysets import OfAccountQuerySet
from workflows.choices import choices
from workflows.health.domain import Reason


class HealthVersion(models.Model):
    """The whole health configuration as it was saved, never changed. The one with the highest number is in force.

    `config` is read by workflows/health/config.py. Going back to an earlier one makes a new version that says so.
    """

    number = models.PositiveIntegerField(unique=True)
    config = models.JSONField()
    note = models.CharField(max_length=300, blank=True, default="")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField()
    restores = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"Version {self.number}"


class HealthState(models.Model):
    """The one row whose lock makes computing take turns, and when all accounts were computed last."""

    computed_at = models.DateTimeField(null=True)
    day = models.DateField(null=True, help_text="The workspace's date of that computing.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="workflows_healthstate_single_row")]

    def __str__(self) -> str:
        return f"Health as of {self.computed_at}"


class HealthOverride(models.Model):
    """A person's own judgement of an account, for a while, with the reason. Computing goes on beside it.

    In force until `expires_on` is over, or until it was ended. `score` is optional; `band` is always set.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="health_overrides", db_index=False
    )
    band = models.CharField(max_length=20)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    expires_on = models.DateField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(ended_at__isnull=True), name="workflows_healthoverride_one"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="workflows_healthoverride_reason"),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__lte=100), name="workflows_healthoverride_score"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-at"], name="workflows_override_account"),
            models.Index(
                fields=["expires_on"], condition=Q(ended_at__isnull=True), name="workflows_override_due"
            ),
        ]

    def __str__(self) -> str:
        return f"Override {self.pk}"


class HealthSentiment(models.Model):
    """How a person who knows the customer feels about it: 1 (very worried) to 5 (very confident). The latest counts."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="sentiments", db_index=False)
    value = models.PositiveSmallIntegerField()
    note = models.CharField(max_length=500, blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(value__gte=1) & Q(value__lte=5), name="workflows_healthsentiment_value"
            )
        ]
        indexes = [models.Index(fields=["account", "-at", "-id"], name="workflows_sentiment_account")]

    def __str__(self) -> str:
        return f"Sentiment {self.pk}"


class _Computed(models.Model):
    """What computing writes, in one set-based statement (workflows/health/compute.py).

    `parts` holds three values per component of the profile, in its order: the value, when it was observed (seconds of the
    epoch), the row behind it; scores follow from these by the version (workflows/health/queries.py). `below` holds the accounts a roll-up was made of: [account, score, weight]. Texts instead of JSON
    columns because the database only ever stores and compares them. `band` is of the exact `score`.
    """

    profile = models.CharField(max_length=40, blank=True, default="")
    version = models.PositiveIntegerField(default=0)
    score = models.FloatField(null=True)
    own_score = models.FloatField(null=True)
    shown = models.PositiveSmallIntegerField(null=True)
    confidence = models.FloatField(default=0)
    band = models.CharField(max_length=20, blank=True, default="")
    reason = models.CharField(max_length=12, choices=choices(Reason), blank=True, default="")
    parts = models.TextField(default="[]")
    below = models.TextField(blank=True, default="")
    computed_at = models.DateTimeField()

    class Meta:
        abstract = True

    def said(self) -> list[Any]:
        found: list[Any] = json.loads(self.parts)
        return found

    def accounts_below(self) -> list[list[Any]]:
        found: list[list[Any]] = json.loads(self.below) if self.below else []
        return found


class AccountHealth(_Computed):
    """The present health of an account. `told_band` is the band that the last event told of.

    `kept_on` is the day of its newest snapshot, null where nobody knows: then there may be one of today.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="health")
    told_band = models.CharField(max_length=20, blank=True, default="")
    override = models.ForeignKey(
        HealthOverride, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    kept_on = models.DateField(null=True)

    objects: ClassVar = OfAccountQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Health of account {self.account_id}"


class HealthSnapshot(_Computed):
    """The health of an account as it last stood on a day. A day without a row was like the one before it.

    The database does not check the account, which would cost more than the row; Django deletes both together. Rows of days that are over are never changed. `override_band` and `override_score` are those in force then.
    """

    account = models.ForeignKey(
        Account,
        on_delete=models.CASCADE,
        related_name="health_snapshots",
        db_index=False,
        db_constraint=False,
    )
    day = models.DateField()
    override_band = models.CharField(max_length=20, blank=True, default="", db_default="")
    override_score = models.PositiveSmallIntegerField(null=True)

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "day"], name="workflows_healthsnapshot_once")
        ]

    def __str__(self) -> str:
        return f"Health of account {self.account_id} on {self.day}"


class HealthMark(models.Model):
    """An account whose health may be another now. Append-only; computing deletes exactly the marks it read.

    `by_run` is the run of a rule that changed something, `origin` is `correction` where only our records changed and nothing
    happened to the customer.
    """

    account_key = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    by_run = models.BigIntegerField(null=True)
    origin = models.CharField(
        max_length=10, choices=choices(Origin), default=Origin.LIVE, db_default=Origin.LIVE.value
    )

    def __str__(self) -> str:
        return f"Mark {self.pk}"
