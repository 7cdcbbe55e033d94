"""Alerts: what a person should look at now, and what it was that happened."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Account, Contact
from accounts.querysets import OfAccountQuerySet
from surveys.models import InboundMessage, Response
from workflows import alert_kinds
from workflows.alerting.domain import Severity
from workflows.choices import choices
from workflows.domain import LIVE_ALERTS, AlertState
from workflows.models.rules import Run

_LIVE = Q(state__in=LIVE_ALERTS)


class Alert(models.Model):
    """Something a person should look at now: at most one that is not closed for an account, kind and reason.

    `contact`, `response`, `message` and `run` are those of the newest cause; all of them stand in `causes`. `count` says how
    often it fired, `muted_count` how often of that while it slept last. `seen_at` is when the assignee first saw it.
    """

    kind = models.CharField(max_length=40)
    reason = models.CharField(max_length=80, blank=True, default="")
    severity = models.CharField(max_length=10, choices=choices(Severity), default=Severity.NORMAL)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="alerts")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="alerts")
    response = models.ForeignKey(Response, on_delete=models.SET_NULL, null=True, related_name="alerts")
    message = models.ForeignKey(InboundMessage, on_delete=models.SET_NULL, null=True, related_name="alerts")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="alerts")
    data = models.JSONField(default=dict)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="alerts"
    )
    state = models.CharField(max_length=10, choices=choices(AlertState), default=AlertState.OPEN)
    count = models.PositiveIntegerField(default=1)
    muted_count = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    snoozed_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    snooze_reason = models.CharField(max_length=200, blank=True, default="")
    woken_at = models.DateTimeField(null=True)
    woken_why = models.CharField(max_length=10, blank=True, default="")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    outcome = models.CharField(max_length=200, blank=True, default="")

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "reason"], condition=_LIVE, name="workflows_alert_one_live"
            ),
            models.UniqueConstraint(
                fields=["kind", "reason"],
                condition=_LIVE & Q(account__isnull=True),
                name="workflows_alert_one_live_of_none",
            ),
        ]
        indexes = [
            models.Index(fields=["assignee", "state", "-opened_at"], name="workflows_alert_assignee"),
            models.Index(fields=["account", "state"], name="workflows_alert_account"),
            models.Index(
                fields=["snoozed_until"], condition=Q(state="snoozed"), name="workflows_alert_asleep"
            ),
        ]

    def __str__(self) -> str:
        return f"Alert {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_ALERTS

    @property
    def matter(self) -> "alert_kinds.Matter | None":
        """What it is about, where it belongs to no answer or message."""
        return alert_kinds.matter_of(self)

    @property
    def kind_label(self) -> str:
        return alert_kinds.label_of(self.kind)


class AlertCause(models.Model):
    """One time an alert fired. `key` is what happened, once in the whole history: an answer that is delivered twice
    fires once, also when its alert has long been closed."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="causes")
    key = models.CharField(max_length=200, unique=True)
    at = models.DateTimeField()
    severity = models.CharField(max_length=10, choices=choices(Severity), default=Severity.NORMAL)
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="alert_causes")
    response = models.ForeignKey(Response, on_delete=models.CASCADE, null=True, related_name="alert_causes")
    message = models.ForeignKey(
        InboundMessage, on_delete=models.CASCADE, null=True, related_name="alert_causes"
    )
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="alert_causes")
    is_muted = models.BooleanField(default=False)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["alert", "-at"], name="workflows_cause_of")]

    def __str__(self) -> str:
        return self.key
