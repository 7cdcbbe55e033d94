"""What pages and the API read about what a person is told."""

from django.db.models import QuerySet

from team.models import User
from workflows.models import Notification

_PARTS = (
    "alert__account", "alert__contact", "alert__response", "alert__message", "task__account",
    "step__run__rule", "step__run__account__owner", "step__run__contact", "step__run__event",
)  # fmt: skip


def list_notifications(*, user: User) -> QuerySet[Notification]:
    """What this person was told in the app, newest first."""
    return Notification.objects.filter(user=user, in_app=True).select_related(*_PARTS).order_by("-at", "-pk")


def count_unread(user: User) -> int:
    """What the bell shows."""
    return Notification.objects.filter(user=user, in_app=True, read_at__isnull=True).count()
