"""Playbooks: templates of tasks, and what was started from them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact
from accounts.querysets import OfAccountQuerySet
from workflows.choices import choices
from workflows.domain import Priority
from workflows.models.rules import Run
from workflows.work.domain import Anchor, PlaybookState, Route, Unit


class Playbook(models.Model):
    """A template of tasks with offsets. Ready ones have a `key`; they can be changed and archived, not deleted."""

    key = models.SlugField(max_length=60, null=True, blank=True, unique=True)
    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=300, blank=True, default="")
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class PlaybookTask(models.Model):
    """One task of a playbook: what, when counted from the anchor, and who.

    `route_settings` is {"role": …}, {"user": id} or {"users": [ids]}, as workflows.people.route reads it. `checklist` is
    a list of texts.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="tasks")
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    priority = models.CharField(max_length=10, choices=choices(Priority), default=Priority.NORMAL)
    anchor = models.CharField(max_length=20, choices=choices(Anchor), default=Anchor.START)
    offset = models.SmallIntegerField(default=0)
    unit = models.CharField(max_length=20, choices=choices(Unit), default=Unit.BUSINESS_DAYS)
    route = models.CharField(max_length=20, choices=choices(Route), default=Route.OWNER)
    route_settings = models.JSONField(default=dict, blank=True)
    checklist = models.JSONField(default=list, blank=True)
    history = HistoricalRecords()

    class Meta:
        indexes = [models.Index(fields=["playbook", "position"], name="workflows_playbooktask_order")]

    def __str__(self) -> str:
        return self.title


class PlaybookRun(models.Model):
    """A playbook that was started on an account or contact. Unique by playbook and cause.

    `counted_from` is the renewal that its open tasks count from, where some do; when the account's moves, they follow.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="runs")
    cause_key = models.CharField(max_length=200)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="playbook_runs")
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="playbook_runs"
    )
    run = models.ForeignKey(
        Run, on_delete=models.SET_NULL, null=True, blank=True, related_name="playbook_runs"
    )
    state = models.CharField(max_length=10, choices=choices(PlaybookState), default=PlaybookState.RUNNING)
    started_at = models.DateTimeField()
    counted_from = models.DateField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["playbook", "cause_key"], name="workflows_playbookrun_once")
        ]
        indexes = [
            models.Index(
                fields=["account"], condition=Q(state="running"), name="workflows_playbookrun_running"
            )
        ]

    def __str__(self) -> str:
        return f"Playbook run {self.pk}"
