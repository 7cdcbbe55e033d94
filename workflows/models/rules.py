"""Rules and what becomes of them: runs and their steps."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact, Event
from accounts.querysets import OfAccountQuerySet
from core.outbox import OutboxRow
from workflows.choices import choices
from workflows.domain import UNDER_WAY, RunState
from workflows.rules.domain import OneRunPer, Reentry, StepOutcome


class RuleState(models.Model):
    """One row: its stamp changes with every change of a rule, so that workers know when to read them again."""

    stamp = models.CharField(max_length=32)

    def __str__(self) -> str:
        return "The state of the rules"


forget_rules: list[Callable[[], None]] = []
"""What this process keeps of rules is dropped with these."""


def renew_stamp() -> None:
    """Have every worker read the rules again."""
    RuleState.objects.update_or_create(pk=1, defaults={"stamp": uuid.uuid4().hex})
    for forget in forget_rules:
        forget()


class RuleQuerySet(models.QuerySet["Rule"]):
    """Rules, whose changes are noticed also when they are made to many at once."""

    def update(self, **kwargs: Any) -> int:
        changed = super().update(**kwargs)
        renew_stamp()
        return changed

    def bulk_create(self, objs: Iterable["Rule"], *args: Any, **kwargs: Any) -> list["Rule"]:
        made = super().bulk_create(objs, *args, **kwargs)
        renew_stamp()
        return made

    def delete(self) -> tuple[int, dict[str, int]]:
        found = super().delete()
        renew_stamp()
        return found


class Rule(models.Model):
    """A trigger, conditions and steps. Built-in rules have a `key`; they can be switched off, not deleted.

    `steps` is a list of objects with `kind` and its settings; a branch holds lists of its own under `then` and `else`.
    Past versions are in the history, by `version`, with author and note.
    """

    key = models.SlugField(max_length=60, null=True, blank=True, unique=True)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True, default="")
    trigger = models.CharField(max_length=60)
    trigger_settings = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField())
    )
    conditions = models.JSONField(default=dict)
    steps = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    exit_on = models.JSONField(default=list, blank=True, db_default=models.Value([], models.JSONField()))
    reentry = models.CharField(
        max_length=10, choices=choices(Reentry), default=Reentry.ALWAYS, db_default=Reentry.ALWAYS.value
    )
    reentry_days = models.PositiveSmallIntegerField(null=True, blank=True)
    one_run_per = models.CharField(
        max_length=10, choices=choices(OneRunPer), default=OneRunPer.CAUSE, db_default=OneRunPer.CAUSE.value
    )
    max_runs_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="Runs above it are held until a person lets them go."
    )
    includes_imports = models.BooleanField(
        default=False, db_default=False, help_text="Also act on what was imported or brought in later."
    )
    reply_suppresses = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Write nothing to customers whom a colleague has contacted since.",
    )
    confirmed_reach = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many people somebody agreed to reach when switching it on."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    objects: ClassVar = RuleQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["trigger"], condition=Q(is_active=True), name="workflows_rule_trigger")
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        renew_stamp()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        found = super().delete(*args, **kwargs)
        renew_stamp()
        return found


class Run(models.Model):
    """One execution of a rule. Unique by rule and cause, so one answer never makes a second one.

    `subject_key` is set while it is under way, where the rule allows one at a time ("contact:5"). `ancestry` names the
    rules whose runs led to the event, the first one first. `waiting_for` is the trigger a step waits for.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="runs")
    rule_version = models.PositiveIntegerField()
    cause_key = models.CharField(max_length=160)
    event = models.ForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="runs")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="runs")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="runs")
    state = models.CharField(max_length=10, choices=choices(RunState), default=RunState.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    ancestry = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    subject_key = models.CharField(max_length=40, null=True)
    waiting_for = models.CharField(max_length=60, blank=True, default="", db_default="")

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "cause_key"], name="workflows_run_once"),
            models.UniqueConstraint(fields=["rule", "subject_key"], name="workflows_run_one_under_way"),
        ]
        indexes = [
            models.Index(fields=["rule", "-started_at"], name="workflows_run_of_rule"),
            models.Index(
                fields=["state", "rule"],
                condition=Q(state__in=[state.value for state in UNDER_WAY]),
                name="workflows_run_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"


class RunStep(OutboxRow):
    """One step of a run, done once however often it is delivered. `path` is its place: "0", "2.then.0".

    `note` says in words what became of it; `result` holds what it made, as neutral values.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    path = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    outcome = models.CharField(
        max_length=10, choices=choices(StepOutcome), blank=True, default="", db_default=""
    )
    note = models.CharField(max_length=300, blank=True, default="", db_default="")
    started_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="Until when a step that waits waits at the longest.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "path"], name="workflows_runstep_once")]
        indexes = [models.Index(fields=["state", "next_at"], name="workflows_runstep_due")]

    def __str__(self) -> str:
        return self.key
