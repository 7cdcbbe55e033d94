"""What colleagues are told: each thing once (`Notification`), and the mails that carry them (`Notice`)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.outbox import OutboxRow, due_indexes
from workflows.models.alerts import Alert
from workflows.models.rules import RunStep
from workflows.models.tasks import Task


class Notice(OutboxRow):
    """A mail to a colleague, about one thing or, where there are too many, about all that gathered until it goes.

    A lost one is worse than a repeated one. It goes at `due_at`: at once, after quiet hours, or when the hour is over in
    which the person had their share.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    is_gathered = models.BooleanField(default=False)
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["state", "next_at"], name="workflows_notice_due"),
            models.Index(fields=["user", "-due_at"], name="workflows_notice_of"),
        ]

    def __str__(self) -> str:
        return self.key


class Notification(models.Model):
    """One thing a person is told. It stands in the app where `in_app` says so, until it is read; `notice` is the mail that
    carries it. What it says is put into words when it is read, from what it points at."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications_had"
    )
    topic = models.CharField(max_length=60)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="notifications")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="notifications")
    step = models.ForeignKey(RunStep, on_delete=models.SET_NULL, null=True, related_name="notifications")
    data = models.JSONField(default=dict)
    at = models.DateTimeField()
    in_app = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)
    notice = models.ForeignKey(Notice, on_delete=models.SET_NULL, null=True, related_name="items")

    class Meta:
        indexes = [
            models.Index(fields=["user", "-at"], name="workflows_told_of"),
            models.Index(
                fields=["user"], condition=Q(in_app=True, read_at__isnull=True), name="workflows_told_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.pk}"


class Digest(OutboxRow):
    """The mail "What needs attention today" of one person and local date."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="digests")
    day = models.DateField()
    is_asked_for = models.BooleanField(default=False)
    counts = models.JSONField(default=dict)

    class Meta:
        indexes = due_indexes("workflows_digest")

    def __str__(self) -> str:
        return self.key
