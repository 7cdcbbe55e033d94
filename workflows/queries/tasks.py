"""What pages and the API read about tasks."""

import datetime as dt
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, When

from core import clock
from team.domain import Role
from team.models import User
from workflows.bulk import bulk_keys
from workflows.domain import TaskState
from workflows.models import ChecklistItem, Task, TaskComment


def list_tasks(*, user: User) -> QuerySet[Task]:
    """Tasks of visible accounts and one's own, the most urgent first."""
    visible = Task.objects.visible_to(user) | Task.objects.filter(assignee=user)
    return (
        visible.distinct()
        .select_related(
            "account", "contact", "response", "assignee", "run__rule", "playbook_run__playbook", "series"
        )
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


SORTS = ("due", "priority", "title", "account", "assignee")


def sorted_by(tasks: QuerySet[Task], key: str) -> QuerySet[Task]:
    """Tasks in the order of a column; a leading minus turns it round. Unknown keys keep the most urgent first."""
    name = key.removeprefix("-")
    if name not in SORTS:
        return tasks
    by: Any = {
        "due": F("due_at"),
        "priority": Case(When(priority="high", then=0), When(priority="normal", then=1), default=2),
        "title": F("title"),
        "account": F("account__name"),
        "assignee": F("assignee__name"),
    }[name]
    tasks = tasks.annotate(sort_value=by)
    column = F("sort_value")
    ordering = column.desc(nulls_last=True) if key.startswith("-") else column.asc(nulls_last=True)
    return tasks.order_by(ordering, F("due_at").asc(nulls_last=True), "pk")


def by_keys_of(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """The same tasks without the joins of the filter, which a lock must not have. More than `MAX_BULK` are refused."""
    return Task.objects.filter(pk__in=bulk_keys(tasks, "tasks"))


def with_progress(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Tasks with how many lines of their checklist there are, and are ticked off."""
    return tasks.annotate(
        lines=Count("checklist", distinct=True),
        lines_done=Count("checklist", filter=Q(checklist__done_at__isnull=False), distinct=True),
    )


def comments_of(task: Task) -> QuerySet[TaskComment]:
    return TaskComment.objects.filter(task=task).select_related("author").order_by("created_at", "pk")


def checklist_of(task: Task) -> QuerySet[ChecklistItem]:
    return ChecklistItem.objects.filter(task=task).select_related("done_by").order_by("position", "pk")


def count_due_for(user: User) -> int:
    """How many of the person's open tasks are due by the end of the next day."""
    soon = clock.now() + dt.timedelta(days=1)
    return Task.objects.filter(assignee=user, state=TaskState.OPEN, due_at__lte=soon).count()
