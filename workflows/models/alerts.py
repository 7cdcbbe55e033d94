"""Alerts: what a person should look at now."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Account, Contact
from accounts.querysets import OfAccountQuerySet
from surveys.models import InboundMessage, Response
from workflows import alert_kinds
from workflows.choices import choices
from workflows.domain import AlertState
from workflows.models.rules import Run


class Alert(models.Model):
    """Something a person should look at now."""

    dedupe_key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=40)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="alerts")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="alerts")
    response = models.ForeignKey(Response, on_delete=models.CASCADE, null=True, related_name="alerts")
    message = models.ForeignKey(InboundMessage, on_delete=models.CASCADE, null=True, related_name="alerts")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="alerts")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="alerts"
    )
    state = models.CharField(max_length=10, choices=choices(AlertState), default=AlertState.OPEN)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    outcome = models.CharField(max_length=200, blank=True, default="")

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["assignee", "state", "-opened_at"], name="workflows_alert_assignee"),
            models.Index(fields=["account", "state"], name="workflows_alert_account"),
        ]

    def __str__(self) -> str:
        return f"Alert {self.pk}"

    @property
    def matter(self) -> "alert_kinds.Matter | None":
        """What it is about, where it belongs to no answer or message."""
        return alert_kinds.matter_of(self)
