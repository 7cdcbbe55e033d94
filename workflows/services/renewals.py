"""Playbooks whose tasks count from the renewal follow it when it moves, by whatever way it was moved."""

import datetime as dt

from django.db import transaction
from django.db.models import F

from accounts.models import Account
from core import clock, jobs
from workflows.domain import TaskState
from workflows.models import PlaybookRun, Task, TaskComment
from workflows.notifying.topics import TASK_COMMENT
from workflows.queries import worktime
from workflows.services import notifications, playbooks
from workflows.work.domain import Anchor, PlaybookState

SLICE = 500


def follow() -> int:
    """Bring playbooks under way to where the renewals of their accounts are now; returns how many. Every tick.

    Open tasks that count from the renewal get the date their template gives now, not before today. One that somebody set
    to another day keeps it. Either way a comment says what happened, and who does the task is told of a new date. A
    renewal that was taken away moves nothing.
    """
    moved = PlaybookRun.objects.filter(
        state=PlaybookState.RUNNING, counted_from__isnull=False, account__renewal_on__isnull=False
    ).exclude(account__renewal_on=F("counted_from"))
    return sum(_follow(pk) for pk in list(moved.order_by("pk").values_list("pk", flat=True)[:SLICE]))


@transaction.atomic
def _follow(pk: int) -> bool:
    running = PlaybookRun.objects.filter(pk=pk, state=PlaybookState.RUNNING)
    started = running.select_for_update(of=("self",)).select_related("account").first()
    if started is None:
        return False
    before, after = started.counted_from, started.account.renewal_on
    if before is None or after is None or before == after:
        return False
    waiting = Task.objects.filter(
        playbook_run=started, state=TaskState.OPEN, template__anchor=Anchor.RENEWAL
    ).select_related("template", "assignee")
    why = f"The renewal moved from {_day(before)} to {_day(after)}."
    for task in waiting.order_by("pk").select_for_update(of=("self",)):
        _move(task, started.account, why)
    started.counted_from = after
    started.save(update_fields=["counted_from"])
    return True


def _move(task: Task, account: Account, why: str) -> None:
    assert task.template is not None
    now = clock.now()
    due_at, was = playbooks.due_at(task.template, account, task.assignee, now), task.due_at
    is_chosen = task.planned_at is not None and was != task.planned_at
    task.planned_at = due_at
    if is_chosen:
        task.save(update_fields=["planned_at"])
        said = f"{why} The date of this task was chosen by hand and stays; the playbook would have it on {_shown(due_at, task)}."
    elif due_at == was:
        task.save(update_fields=["planned_at"])
        return
    else:
        task.due_at, task.overdue_at = due_at, None
        task.save(update_fields=["due_at", "planned_at", "overdue_at"])
        said = f"{why} This is due on {_shown(due_at, task)} now" + (
            f", no longer on {_shown(was, task)}." if was is not None else "."
        )
    TaskComment.objects.create(task=task, author=None, body=said, created_at=now)
    if not is_chosen:
        notifications.notify(user=task.assignee, topic=TASK_COMMENT, task=task, data={"moved": True})


def _shown(moment: dt.datetime, task: Task) -> str:
    return _day(moment.astimezone(worktime.calendar_of(task.assignee).zone).date())


def _day(day: dt.date) -> str:
    return f"{day:%-d %B %Y}"


def register() -> None:
    jobs.on_tick("playbook_renewals", follow)
