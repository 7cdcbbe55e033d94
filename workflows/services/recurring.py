"""Tasks that come again. The next one is made once, whoever asks first: its place in the series is unique."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from core import clock, jobs
from core.errors import Invalid, Refused
from team import audit
from team import queries as team_queries
from team.models import User
from workflows import people
from workflows.domain import Priority, TaskState
from workflows.models import Task, TaskSeries
from workflows.services import tasks
from workflows.work import recurrence
from workflows.work.domain import NextAt, Route

SLICE = 500


@transaction.atomic
def repeat(*, task: Task, rule: str, next_at: NextAt, actor: User) -> TaskSeries:
    """Let an open task come again by an RRULE, counted from its due date in the assignee's zone."""
    task = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
    if task.state != TaskState.OPEN:
        raise Refused("This task is finished. Create a new one instead.", code="not_open")
    if task.due_at is None:
        raise Invalid("Give the task a due date first: the next ones are counted from it.", field="due_on")
    try:
        rule = recurrence.checked(rule)
    except recurrence.NotARule as error:
        raise Invalid(str(error), field="repeats") from None
    zone = team_queries.zone_of(task.assignee) if task.assignee is not None else team_queries.zone()
    local = task.due_at.astimezone(zone)
    end_series(task=task, actor=actor)
    series = TaskSeries.objects.create(
        rule=rule, starts_on=local.date(), at=local.time().replace(tzinfo=None), zone=zone.key, next_at=next_at,
        created_by=actor,
    )  # fmt: skip
    task.series, task.occurs_on = series, local.date()
    task.save(update_fields=["series", "occurs_on"])
    audit.record(action="task.repeats", actor=actor, obj=task, rule=rule, next_at=next_at)
    return series


@transaction.atomic
def end_series(*, task: Task, actor: User) -> None:
    """No further task of this series is made; those there are stay."""
    if task.series_id is not None and TaskSeries.objects.filter(pk=task.series_id, is_active=True).update(
        is_active=False
    ):
        audit.record(action="task.repeats_no_more", actor=actor, obj=task)


@transaction.atomic
def make_next(task: Task) -> Task | None:
    """The task that follows in the series; None where it is there already or the series has ended.

    Days that passed meanwhile are left out: the next one lies ahead.
    """
    series = TaskSeries.objects.select_for_update().filter(pk=task.series_id or 0, is_active=True).first()
    if series is None or task.occurs_on is None:
        return None
    if Task.objects.filter(series=series, occurs_on__gt=task.occurs_on).exists():
        return None
    zone = ZoneInfo(series.zone)
    yesterday = clock.now().astimezone(zone).date() - dt.timedelta(days=1)
    day = recurrence.next_on(series.rule, series.starts_on, max(task.occurs_on, yesterday))
    chosen = people.stand_in_of(task.assignee) if task.assignee and task.assignee.is_active else None
    if chosen is None or chosen.user is None:
        chosen = people.choose(Route.OWNER, task.account)
    return tasks.create_task(
        title=task.title,
        description=task.description,
        account=task.account,
        contact=task.contact,
        assignee=chosen.user,
        covering=chosen.leave,
        priority=Priority(task.priority),
        due_at=recurrence.moment(day, series.at, zone),
        checklist=list(task.checklist.order_by("position").values_list("text", flat=True)),
        series=series,
        occurs_on=day,
        dedupe_key=f"series:{series.pk}:{day}",
        actor=None,
    )


def make_due() -> int:
    """Make what follows tasks whose day has come, where their series asks for it; returns how many."""
    later = Task.objects.filter(series=OuterRef("series"), occurs_on__gt=OuterRef("occurs_on"))
    due = (
        Task.objects.filter(
            ~Exists(later), series__is_active=True, series__next_at=NextAt.DUE, due_at__lte=clock.now()
        )
        .select_related("assignee", "account", "contact")
        .order_by(F("due_at"), "pk")
    )
    return sum(make_next(task) is not None for task in due[:SLICE])


def note_finished(task: Task) -> None:
    """What follows a finished task is made with it. Called in the transaction that finishes it."""
    if TaskSeries.objects.filter(pk=task.series_id or 0, is_active=True, next_at=NextAt.DONE).exists():
        make_next(task)


def register() -> None:
    tasks.on_finish(note_finished)
    jobs.on_tick("tasks_recurring", make_due)
