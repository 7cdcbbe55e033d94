"""Tasks: work for a person, what is to be ticked off in it, what was said about it, and when it comes again."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact
from accounts.querysets import OfAccountQuerySet
from surveys.models import Response
from workflows.choices import choices
from workflows.domain import Priority, TaskState
from workflows.models.playbooks import PlaybookRun, PlaybookTask
from workflows.models.rules import Run
from workflows.work.domain import NextAt


class TaskSeries(models.Model):
    """A task that comes again: `rule` is an RRULE (RFC 5545) on the wall clock of `zone`, from `starts_on` on.

    What the next task is like is read from the one before it, so a change there carries on.
    """

    rule = models.CharField(max_length=200)
    starts_on = models.DateField()
    at = models.TimeField()
    zone = models.CharField(max_length=64)
    next_at = models.CharField(max_length=10, choices=choices(NextAt), default=NextAt.DONE)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "task series"

    def __str__(self) -> str:
        return f"Series {self.pk}"


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
    playbook_run = models.ForeignKey(
        PlaybookRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    template = models.ForeignKey(
        PlaybookTask, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    series = models.ForeignKey(
        TaskSeries, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    occurs_on = models.DateField(null=True, blank=True, help_text="Which day of its series it is.")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="tasks"
    )
    priority = models.CharField(max_length=10, choices=choices(Priority), default=Priority.NORMAL)
    due_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="What its playbook says; where it is due otherwise, somebody chose so.",
    )
    state = models.CharField(max_length=10, choices=choices(TaskState), default=TaskState.OPEN)
    outcome = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)
    overdue_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was told that the work is late; unset when the date moves."
    )
    history = HistoricalRecords()

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "occurs_on"], name="workflows_task_occurrence")
        ]
        indexes = [
            models.Index(fields=["assignee", "state", "due_at"], name="workflows_task_assignee"),
            models.Index(fields=["account", "state", "due_at"], name="workflows_task_account"),
            models.Index(
                fields=["due_at"],
                condition=Q(state="open", overdue_at__isnull=True),
                name="workflows_task_late",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ChecklistItem(models.Model):
    """One line of a task to be ticked off."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="checklist", db_index=False)
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "position"], name="workflows_checklistitem_place")
        ]

    def __str__(self) -> str:
        return self.text


class TaskComment(models.Model):
    """Something a colleague said about a task."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="comments", db_index=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["task", "created_at"], name="workflows_taskcomment_task")]

    def __str__(self) -> str:
        return f"Comment {self.pk}"
