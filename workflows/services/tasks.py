"""What changes tasks."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts import timeline
from accounts.models import Account, Contact
from core import clock, jobs, outbox
from core.errors import Invalid, Refused
from surveys.models import Response
from team import audit
from team.models import NotificationPreference, User
from workflows.calendars import domain as calendars
from workflows.domain import Priority, TaskState
from workflows.models import (
    ChecklistItem,
    HandOver,
    Leave,
    Notice,
    PlaybookRun,
    PlaybookTask,
    Run,
    Task,
    TaskSeries,
)
from workflows.queries import worktime
from workflows.services import progress
from workflows.services.alerts import NOTICE


def due_in_business_days(*, days: int, assignee: User | None, start: dt.datetime) -> dt.datetime:
    """When work given at `start` is due, by the calendar of the person who has to do it: their weekdays, hours, zone,
    holidays, and leave during which their work waits."""
    return calendars.add_days(worktime.calendar_of(assignee), start, days)


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
    checklist: Sequence[str] = (),
    template: PlaybookTask | None = None,
    playbook_run: PlaybookRun | None = None,
    series: TaskSeries | None = None,
    occurs_on: dt.date | None = None,
    covering: Leave | None = None,
) -> Task:
    """Create a task; with a `dedupe_key`, once. The assignee must be active and is told by mail when they want it.

    `covering` is the leave because of which the assignee does it (workflows.people.choose): the task goes back to the
    person on leave when that ends, unless it is finished by then.
    """
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
        "template": template,
        "playbook_run": playbook_run,
        "series": series,
        "occurs_on": occurs_on,
    }
    if dedupe_key is not None:
        task, is_new = Task.objects.get_or_create(dedupe_key=dedupe_key, defaults=values)
        if not is_new:
            return task
    else:
        task = Task.objects.create(**values)
    _add_items(task, checklist)
    if covering is not None and assignee is not None:
        HandOver.objects.get_or_create(
            leave=covering, task=task, defaults={"stand_in": assignee, "at": clock.now()}
        )
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


CHECKLIST_LIMIT = 50


def _add_items(task: Task, texts: Sequence[str]) -> None:
    """Add lines below those there are; blank ones are left out."""
    lines = [" ".join(text.split())[:200] for text in texts if text.strip()]
    last = ChecklistItem.objects.filter(task=task).order_by("-position").values_list("position", flat=True)
    start = (last.first() or 0) + 1
    if ChecklistItem.objects.filter(task=task).count() + len(lines) > CHECKLIST_LIMIT:
        raise Invalid(f"A checklist has at most {CHECKLIST_LIMIT} lines.", field="checklist")
    ChecklistItem.objects.bulk_create(
        ChecklistItem(task=task, position=start + number, text=text) for number, text in enumerate(lines)
    )


def _notify(task: Task, actor: User | None) -> None:
    if task.assignee is None or task.assignee == actor:
        return
    wants = (
        NotificationPreference.objects.filter(user=task.assignee).values_list("task_mail", flat=True).first()
    )
    if not wants:
        return
    outbox.add([Notice(key=f"task:{task.pk}:{task.assignee_id}:mail", user=task.assignee, task=task)])
    jobs.wake(NOTICE)


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
    progress.lock(task.playbook_run_id)
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
    if finished.playbook_run_id is not None:
        progress.note_finished(finished.playbook_run_id, actor)
    task.refresh_from_db()
