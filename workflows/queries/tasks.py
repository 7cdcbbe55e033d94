"""What pages and the API read about tasks."""

import datetime as dt

from django.db.models import F, Q, QuerySet

from core import clock
from team.domain import Role
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


def nobodys(*, user: User) -> QuerySet[Task]:
    """Open tasks that nobody will do: without a person, or of somebody who was deactivated or may no longer work."""
    left = Q(assignee__isnull=True) | Q(assignee__is_active=False) | Q(assignee__role=Role.VIEWER)
    return list_tasks(user=user).filter(left, state=TaskState.OPEN)


def of_team(*, user: User) -> QuerySet[Task]:
    """Tasks of those in the person's team; without a team, their own."""
    if user.team_id is None:
        return list_tasks(user=user).filter(assignee=user)
    return list_tasks(user=user).filter(assignee__team=user.team_id)


def count_due_for(user: User) -> int:
    """How many of the person's open tasks are due by the end of the next day."""
    soon = clock.now() + dt.timedelta(days=1)
    return Task.objects.filter(assignee=user, state=TaskState.OPEN, due_at__lte=soon).count()
