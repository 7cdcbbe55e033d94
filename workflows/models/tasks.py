"""Tasks: work for a person."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact
from accounts.querysets import OfAccountQuerySet
from surveys.models import Response
from workflows.choices import choices
from workflows.domain import Priority, TaskState
from workflows.models.rules import Run


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
