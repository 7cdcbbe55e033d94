"""Rules and what becomes of them: runs and their steps."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact, Event
from accounts.querysets import OfAccountQuerySet
from core.outbox import OutboxRow
from workflows.choices import choices
from workflows.domain import RunState, StepKind


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
