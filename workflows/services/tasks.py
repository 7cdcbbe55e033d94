"""What changes tasks."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from simple_history.utils import bulk_update_with_history

from accounts import cleaning, timeline
from accounts.domain import Origin
from accounts.models import Account, Contact, Event
from core import clock, jobs
from core.errors import Invalid, Refused
from surveys.models import Response
from team import audit
from team.models import User
from workflows.calendars import domain as calendars
from workflows.domain import Priority, TaskState
from workflows.models import (
    ChecklistItem,
    HandOver,
    Leave,
    PlaybookRun,
    PlaybookTask,
    Run,
    Task,
    TaskComment,
    TaskSeries,
)
from workflows.notifying.domain import Way
from workflows.notifying.topics import TASK_COMMENT, TASK_GIVEN
from workflows.queries import worktime
from workflows.services import holding, notifications, progress


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
        "planned_at": due_at if template is not None else None,
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
    # What a rule asks for beside its alert is told with the alert.
    _notify(
        task,
        actor,
        but=notifications.told_by_alert(user=assignee, task=task) if actor is None else frozenset(),
    )
    return task


CHECKLIST_LIMIT = 50


def _add_items(task: Task, texts: Sequence[str]) -> None:
    """Add lines below those there are; blank ones are left out."""
    lines = [" ".join(text.split())[:200] for text in texts if text.strip()]
    if not lines:
        return
    last = ChecklistItem.objects.filter(task=task).order_by("-position").values_list("position", flat=True)
    start = (last.first() or 0) + 1
    if ChecklistItem.objects.filter(task=task).count() + len(lines) > CHECKLIST_LIMIT:
        raise Invalid(f"A checklist has at most {CHECKLIST_LIMIT} lines.", field="checklist")
    ChecklistItem.objects.bulk_create(
        ChecklistItem(task=task, position=start + number, text=text) for number, text in enumerate(lines)
    )


def _notify(task: Task, actor: User | None, *, but: frozenset[Way] = frozenset()) -> None:
    if task.assignee != actor:
        notifications.notify(user=task.assignee, topic=TASK_GIVEN, task=task, but=but)


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
    if due_at != task.due_at:
        task.overdue_at = None
    task.title, task.description, task.assignee = title.strip()[:200], description, assignee
    task.priority, task.due_at = priority, due_at
    task.save(update_fields=["title", "description", "assignee", "priority", "due_at", "overdue_at"])
    audit.record(action="task.changed", actor=actor, obj=task, assignee=assignee.pk if assignee else None)
    if is_new_assignee:
        # Somebody decided: it does not go back by itself.
        HandOver.objects.filter(task=task).delete()
        _notify(task, actor)
    return task


@transaction.atomic
def finish_task(*, task: Task, outcome: str, actor: User | None, state: TaskState = TaskState.DONE) -> None:
    """Mark the task done (or cancelled) with what came of it."""
    progress.lock(task.playbook_run_id)
    finished = Task.objects.select_for_update(of=("self",)).filter(pk=task.pk, state=TaskState.OPEN).first()
    if finished is None:
        raise Refused("This task is finished already.", code="not_open")
    said = cleaning.text(outcome[:200], field="outcome", label="Outcome", limit=200)
    finished.state, finished.outcome, finished.completed_at = state, said, clock.now()
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
    for follow in _followers:
        follow(finished)
    task.refresh_from_db()


_followers: list[Callable[[Task], None]] = []


def on_finish(follow: Callable[[Task], None]) -> None:
    """Have `follow(task)` called in the transaction that finishes a task. Call from `AppConfig.ready`."""
    if follow not in _followers:
        _followers.append(follow)


# --- Checklist and comments ----------------------------------------------------------------------------------
def _open(task: Task) -> Task:
    task = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
    if task.state != TaskState.OPEN:
        raise Refused("This task is finished. Create a new one instead.", code="not_open")
    return task


@transaction.atomic
def add_checklist_items(*, task: Task, texts: Sequence[str], actor: User) -> None:
    """Add lines to the checklist of an open task."""
    task = _open(task)
    if not any(text.strip() for text in texts):
        raise Invalid("Write down what is to be ticked off.", field="text")
    _add_items(task, texts)
    audit.record(action="task.checklist", actor=actor, obj=task)


@transaction.atomic
def tick(*, item: ChecklistItem, is_done: bool, actor: User) -> None:
    """Tick a line off, or take the tick back. Ticking twice keeps who did it first."""
    _open(item.task)
    lines = ChecklistItem.objects.filter(pk=item.pk, done_at__isnull=is_done)
    lines.update(done_at=clock.now() if is_done else None, done_by=actor if is_done else None)


@transaction.atomic
def remove_checklist_item(*, item: ChecklistItem, actor: User) -> None:
    task = _open(item.task)
    ChecklistItem.objects.filter(pk=item.pk).delete()
    audit.record(action="task.checklist", actor=actor, obj=task)


@transaction.atomic
def comment(*, task: Task, body: str, actor: User) -> TaskComment:
    """Say something about a task, finished or not. Its assignee is told, in the ways they chose."""
    body = cleaning.text(body, field="body", label="Comment", limit=5_000, is_required=True, lines=True)
    made = TaskComment.objects.create(task=task, author=actor, body=body, created_at=clock.now())
    if task.assignee != actor:
        notifications.notify(user=task.assignee, topic=TASK_COMMENT, task=task, data={"author": actor.pk})
    return made


# --- Many at once --------------------------------------------------------------------------------------------
SLICE = 500
TOLD_ONE_BY_ONE = 10
"""Of more tasks than these the new assignee gets no mail each: their list says it better."""


def _each_slice(chosen: QuerySet[Task], change: Callable[[list[Task]], int], *, ends: bool = False) -> int:
    """Change the open tasks of a filter, in key order, each slice locked and in a transaction of its own. Where it `ends`
    them, the playbooks that may end with them are locked before."""
    last = number = 0
    while True:
        waiting = chosen.filter(state=TaskState.OPEN, pk__gt=last).order_by("pk")
        ids = list(dict.fromkeys(waiting.values_list("pk", flat=True)[:SLICE]))
        if not ids:
            return number
        with transaction.atomic():
            if ends:
                holding.playbooks_of_tasks(ids)
            rows = Task.objects.filter(pk__in=ids, state=TaskState.OPEN).order_by("pk")
            number += change(list(rows.select_for_update(of=("self",))))
        last = max(ids)


def assign_tasks(*, chosen: QuerySet[Task], assignee: User, actor: User) -> int:
    """Give the open tasks of a filter to somebody; returns how many changed hands."""
    if not assignee.is_active:
        raise Refused("This person is deactivated. Choose an active colleague.", field="assignee")

    def give(rows: list[Task]) -> int:
        moved = [task for task in rows if task.assignee_id != assignee.pk]
        for task in moved:
            task.assignee = assignee
        _save_many(moved, ["assignee"], actor)
        # Somebody decided: it does not go back by itself.
        HandOver.objects.filter(task__in=moved).delete()
        for task in moved:
            audit.record(action="task.assigned", actor=actor, obj=task, assignee=assignee.pk)
            if len(moved) <= TOLD_ONE_BY_ONE:
                _notify(task, actor)
        return len(moved)

    return _each_slice(chosen.exclude(assignee=assignee) | chosen.filter(assignee=None), give)


def prioritise_tasks(*, chosen: QuerySet[Task], priority: Priority, actor: User) -> int:
    """Give the open tasks of a filter another priority; returns how many changed."""

    def change(rows: list[Task]) -> int:
        for task in rows:
            task.priority = priority
        _save_many(rows, ["priority"], actor)
        return len(rows)

    return _each_slice(chosen.exclude(priority=priority), change)


def postpone_tasks(*, chosen: QuerySet[Task], days: int, actor: User) -> int:
    """Move the open tasks of a filter by business days of each assignee, from now where they are late; returns how
    many. Tasks without a date stay without one."""
    if not 1 <= days <= 250:
        raise Invalid("Postpone by 1 to 250 business days.", field="days")
    now = clock.now()

    def move(rows: list[Task]) -> int:
        people = User.objects.in_bulk({task.assignee_id for task in rows if task.assignee_id})
        known, company = worktime.calendars_of(people.values()), worktime.calendar_of(None)
        for task in rows:
            calendar = known.get(task.assignee_id or 0, company)
            task.due_at = calendars.add_days(calendar, max(task.due_at or now, now), days)
            task.overdue_at = None
        _save_many(rows, ["due_at", "overdue_at"], actor)
        return len(rows)

    return _each_slice(chosen.filter(due_at__isnull=False), move)


def finish_tasks(*, chosen: QuerySet[Task], state: TaskState, outcome: str, actor: User) -> int:
    """Mark the open tasks of a filter done or cancelled; returns how many."""

    def finish(rows: list[Task]) -> int:
        for task in rows:
            finish_task(task=task, outcome=outcome, actor=actor, state=state)
        return len(rows)

    return _each_slice(chosen, finish, ends=True)


def _save_many(rows: Sequence[Task], fields: list[str], actor: User | None) -> None:
    if rows:
        bulk_update_with_history(rows, Task, fields, batch_size=SLICE, default_user=actor)


# --- What happens by itself ----------------------------------------------------------------------------------
def tell_overdue() -> int:
    """Record once that a task is late, each time its date has passed; runs with every tick, returns how many."""
    number = 0
    while rows := _tell_overdue_slice():
        number += rows
    return number


@transaction.atomic
def _tell_overdue_slice() -> int:
    now = clock.now()
    late = Task.objects.filter(state=TaskState.OPEN, overdue_at__isnull=True, due_at__lt=now)
    rows = list(
        late.select_related("account", "contact")
        .order_by("due_at", "pk")
        .select_for_update(of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked)[
            :SLICE
        ]
    )
    # Not a change that somebody made: it leaves no trace in the task's history.
    Task.objects.filter(pk__in=[task.pk for task in rows]).update(overdue_at=now)
    facts = timeline.facts_of_many([(task.account, task.contact) for task in rows])
    timeline.record_many(
        [
            Event(
                kind="task.overdue",
                cause_key=f"task:{task.pk}:overdue:{task.due_at:%Y%m%d%H%M}",
                account=task.account,
                contact=task.contact,
                subject_type="task",
                subject_id=task.pk,
                origin=Origin.LIVE,
                occurred_at=now,
                data={
                    "task_priority": task.priority,
                    "template": task.template_id,
                    "assignee": task.assignee_id,
                    "days": (now - (task.due_at or now)).days,
                },
                facts=known,
            )
            for task, known in zip(rows, facts, strict=True)
        ]
    )
    return len(rows)


def register() -> None:
    jobs.on_tick("tasks_overdue", tell_overdue)
