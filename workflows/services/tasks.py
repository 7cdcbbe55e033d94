"""What changes tasks."""

import datetime as dt
from typing import Any

from django.db import transaction

from accounts import timeline
from accounts.models import Account, Contact
from core import clock
from core.errors import Invalid, Refused
from surveys.models import Response
from team import audit
from team import queries as team_queries
from team.models import User
from workflows.domain import Priority, TaskState, add_business_days
from workflows.models import Run, Task
from workflows.notifying.topics import TASK_GIVEN
from workflows.services import notifications


def due_in_business_days(*, days: int, assignee: User | None, start: dt.datetime) -> dt.datetime:
    """When work given at `start` is due, in the working hours and the zone of the person who has to do it."""
    workspace = team_queries.workspace()
    zone = team_queries.zone_of(assignee) if assignee is not None else team_queries.zone()
    return add_business_days(start, days, zone=zone, day_start=workspace.day_start, day_end=workspace.day_end)


@transaction.atomic
def create_task(
    *,
    title: str,
    account: Account | None,
    assignee: User | None,
    actor: User | None,
    contact: Contact | None = None,
    response: Response | None = None,
    run: Run | None = None,
    description: str = "",
    priority: Priority = Priority.NORMAL,
    due_at: dt.datetime | None = None,
    dedupe_key: str | None = None,
) -> Task:
    """Create a task; with a `dedupe_key`, once. The assignee must be active and is told by mail when they want it."""
    if not title.strip():
        raise Invalid("Say in a few words what is to be done.", field="title")
    if len(title) > 200:
        title = title[:199] + "…"
    if assignee is not None and not assignee.is_active:
        raise Refused("This person is deactivated. Choose an active colleague.", field="assignee")
    if contact is not None and account is not None and contact.account_id != account.pk:
        raise Invalid("The contact belongs to another account.", field="contact")
    values: dict[str, Any] = {
        "title": title.strip(),
        "description": description,
        "account": account,
        "contact": contact,
        "response": response,
        "run": run,
        "assignee": assignee,
        "priority": priority,
        "due_at": due_at,
        "created_by": actor,
    }
    if dedupe_key is not None:
        task, is_new = Task.objects.get_or_create(dedupe_key=dedupe_key, defaults=values)
        if not is_new:
            return task
    else:
        task = Task.objects.create(**values)
    timeline.record(
        kind="task.created",
        cause_key=f"task:{task.pk}:created",
        account=account,
        contact=contact,
        actor=actor,
        subject=("task", task.pk),
        data={"assignee": assignee.pk if assignee else None, "rule": run.rule_id if run else None},
    )
    _notify(task, actor)
    return task


def _notify(task: Task, actor: User | None) -> None:
    if task.assignee != actor:
        notifications.notify(user=task.assignee, topic=TASK_GIVEN, task=task)


@transaction.atomic
def change_task(
    *,
    task: Task,
    title: str,
    description: str,
    assignee: User | None,
    priority: Priority,
    due_at: dt.datetime | None,
    actor: User,
) -> Task:
    """Change what an open task says or who does it."""
    task = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
    if task.state != TaskState.OPEN:
        raise Refused("This task is finished. Create a new one instead.", code="not_open")
    if not title.strip():
        raise Invalid("Say in a few words what is to be done.", field="title")
    if assignee is not None and not assignee.is_active:
        raise Refused("This person is deactivated. Choose an active colleague.", field="assignee")
    is_new_assignee = assignee is not None and assignee.pk != task.assignee_id
    task.title, task.description, task.assignee = title.strip()[:200], description, assignee
    task.priority, task.due_at = priority, due_at
    task.save(update_fields=["title", "description", "assignee", "priority", "due_at"])
    audit.record(action="task.changed", actor=actor, obj=task, assignee=assignee.pk if assignee else None)
    if is_new_assignee:
        _notify(task, actor)
    return task


@transaction.atomic
def finish_task(*, task: Task, outcome: str, actor: User | None, state: TaskState = TaskState.DONE) -> None:
    """Mark the task done (or cancelled) with what came of it."""
    finished = Task.objects.select_for_update(of=("self",)).filter(pk=task.pk, state=TaskState.OPEN).first()
    if finished is None:
        raise Refused("This task is finished already.", code="not_open")
    finished.state, finished.outcome, finished.completed_at = state, outcome[:200], clock.now()
    finished.save(update_fields=["state", "outcome", "completed_at"])
    timeline.record(
        kind="task.completed" if state == TaskState.DONE else "task.cancelled",
        cause_key=f"task:{task.pk}:{state.value}",
        account=finished.account,
        contact=finished.contact,
        actor=actor,
        subject=("task", task.pk),
        data={},
    )
    task.refresh_from_db()
