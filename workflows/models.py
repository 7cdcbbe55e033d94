"""Acting: rules, their runs step by step, and what they leave behind: alerts, tasks, notices."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact, Event
from accounts.querysets import OfAccountQuerySet
from core.outbox import OutboxRow
from surveys.models import InboundMessage, Response
from workflows import alert_kinds
from workflows.domain import AlertState, Priority, RunState, StepKind, TaskState


def choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values]


class Rule(models.Model):
    """A trigger, conditions and steps. Built-in rules have a `key`; they can be switched off, not deleted."""

    key = models.SlugField(max_length=60, null=True, blank=True, unique=True)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True, default="")
    trigger = models.CharField(max_length=60)
    conditions = models.JSONField(default=dict)
    steps = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    class Meta:
        indexes = [
            models.Index(fields=["trigger"], condition=Q(is_active=True), name="workflows_rule_trigger")
        ]

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One execution of a rule. Unique by rule and cause, so one answer never makes a second one."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="runs")
    rule_version = models.PositiveIntegerField()
    cause_key = models.CharField(max_length=160)
    event = models.ForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="runs")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="runs")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="runs")
    state = models.CharField(max_length=10, choices=choices(RunState), default=RunState.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "cause_key"], name="workflows_run_once")]

    def __str__(self) -> str:
        return f"Run {self.pk}"


class RunStep(OutboxRow):
    """One step of a run, done once however often it is delivered."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=choices(StepKind))
    settings = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="workflows_runstep_once")]
        indexes = [models.Index(fields=["state", "next_at"], name="workflows_runstep_due")]

    def __str__(self) -> str:
        return self.key


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


class Task(models.Model):
    """Work for a person, with a due date."""

    dedupe_key = models.CharField(max_length=160, null=True, blank=True, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="tasks"
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    response = models.ForeignKey(
        Response, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="tasks"
    )
    priority = models.CharField(max_length=10, choices=choices(Priority), default=Priority.NORMAL)
    due_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=choices(TaskState), default=TaskState.OPEN)
    outcome = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["assignee", "state", "due_at"], name="workflows_task_assignee"),
            models.Index(fields=["account", "state", "due_at"], name="workflows_task_account"),
        ]

    def __str__(self) -> str:
        return self.title


class Notice(OutboxRow):
    """A mail to a colleague about an alert or a task; a lost one is worse than a repeated one."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="notices")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="notices")

    class Meta:
        indexes = [models.Index(fields=["state", "next_at"], name="workflows_notice_due")]

    def __str__(self) -> str:
        return self.key
