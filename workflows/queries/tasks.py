"""What pages and the API read about tasks."""

import datetime as dt

from django.db.models import F, QuerySet

from core import clock
from team.models import User
from workflows.domain import TaskState
from workflows.models import Task


def list_tasks(*, user: User) -> QuerySet[Task]:
    """Tasks of visible accounts and one's own, the most urgent first."""
    visible = Task.objects.visible_to(user) | Task.objects.filter(assignee=user)
    return (
        visible.distinct()
        .select_related("account", "contact", "response", "assignee", "run__rule")
        .order_by("state", F("due_at").asc(nulls_last=True), "pk")
    )


def count_due_for(user: User) -> int:
    """How many of the person's open tasks are due by the end of the next day."""
    soon = clock.now() + dt.timedelta(days=1)
    return Task.objects.filter(assignee=user, state=TaskState.OPEN, due_at__lte=soon).count()
