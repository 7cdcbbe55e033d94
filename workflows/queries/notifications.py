"""What pages and the API read about what a person is told."""

from django.db.models import Q, QuerySet

from team.domain import RowScope
from team.models import User
from team.scope import scope_of
from workflows.models import Alert, Notification, Task

_PARTS = (
    "alert__account", "alert__contact", "alert__response", "alert__message", "task__account",
    "step__run__rule", "step__run__account__owner", "step__run__contact", "step__run__event",
)  # fmt: skip


def _told(user: User) -> QuerySet[Notification]:
    """What this person was told in the app and may still see.

    Words are read from today's rows, so what was handed on out of their sight is not told to them any more.
    """
    rows = Notification.objects.filter(user=user, in_app=True)
    if scope_of(user) is RowScope.ALL:
        return rows
    alerts, tasks = Alert.objects.visible_to(user).values("pk"), Task.objects.visible_to(user).values("pk")
    return rows.filter(
        Q(alert__isnull=True) | Q(alert__assignee=user) | Q(alert__in=alerts),
        Q(task__isnull=True) | Q(task__assignee=user) | Q(task__in=tasks),
    )


def list_notifications(*, user: User) -> QuerySet[Notification]:
    """What this person was told in the app, newest first."""
    return _told(user).select_related(*_PARTS).order_by("-at", "-pk")


def count_unread(user: User) -> int:
    """What the bell shows."""
    return _told(user).filter(read_at__isnull=True).count()
