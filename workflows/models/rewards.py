"""Codes to give away: a voucher, a month free of charge."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Contact
from workflows.models.rules import Run


class RewardList(models.Model):
    """A list of codes of one kind; a person gets one of each list."""

    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class RewardCode(models.Model):
    """One code. It is worth money: kept sealed (core.secrets), found again by its digest, never in logs or events."""

    list = models.ForeignKey(RewardList, on_delete=models.CASCADE, related_name="codes")
    sealed = models.TextField()
    digest = models.CharField(max_length=64)
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="reward_codes")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="reward_codes")
    given_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["list", "digest"], name="workflows_rewardcode_once"),
            models.UniqueConstraint(fields=["list", "contact"], name="workflows_rewardcode_one_each"),
        ]
        indexes = [
            models.Index(
                fields=["list", "id"], condition=Q(given_at__isnull=True), name="workflows_rewardcode_left"
            )
        ]

    def __str__(self) -> str:
        return f"Code {self.pk}"
