"""What colleagues are told by mail."""

from django.conf import settings
from django.db import models

from core.outbox import OutboxRow
from workflows.models.alerts import Alert
from workflows.models.tasks import Task


class Notice(OutboxRow):
    """A mail to a colleague about an alert or a task; a lost one is worse than a repeated one."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="notices")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="notices")

    class Meta:
        indexes = [models.Index(fields=["state", "next_at"], name="workflows_notice_due")]

    def __str__(self) -> str:
        return self.key
