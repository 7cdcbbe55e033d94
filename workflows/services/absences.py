"""Working hours and leave: what people set, and what becomes of the work when leave begins and ends."""

import datetime as dt

from django.db import transaction
from django.db.models import Q, QuerySet
from simple_history.utils import bulk_update_with_history

from core import clock, jobs
from core.errors import Invalid, Refused
from surveys import windows
from team import audit
from team import queries as team_queries
from team.domain import Role
from team.models import User
from workflows import people
from workflows.calendars import domain as calendars
from workflows.calendars.domain import NewWork, OpenWork
from workflows.domain import LIVE_ALERTS, TaskState
from workflows.models import Alert, HandOver, Leave, Loop, Task, WorkHours
from workflows.notifying.topics import WORK_HANDED
from workflows.queries import worktime
from workflows.services import notifications

LONGEST_DAYS = 366


# --- The working week ----------------------------------------------------------------------------------------
@transaction.atomic
def set_hours(
    *,
    user: User,
    weekdays: str,
    day_start: dt.time | None,
    day_end: dt.time | None,
    country: str,
    region: str,
    actor: User,
) -> WorkHours:
    """Say when a person works. Empty hours and country are the company's; dates that are set already stay."""
    weekdays = "".join(sorted(set(weekdays) & set("1234567")))
    if not weekdays:
        raise Invalid("Choose at least one working day.", field="weekdays")
    if (day_start is None) != (day_end is None):
        raise Invalid("Give both the beginning and the end of the day, or neither.", field="day_end")
    if day_start is not None and day_end is not None and day_start >= day_end:
        raise Invalid("The day must end after it begins.", field="day_end")
    country, region = check_place(country, region)
    values = {
        "weekdays": weekdays, "day_start": day_start, "day_end": day_end, "country": country, "region": region,
    }  # fmt: skip
    hours, _ = WorkHours.objects.update_or_create(user=user, defaults=values)
    audit.record(action="work_hours.changed", actor=actor, obj=user, weekdays=weekdays)
    return hours


def check_place(country: str, region: str) -> tuple[str, str]:
    """The codes whose holidays count, in capitals. Raises `Invalid` for a country without a known calendar."""
    country, region = country.strip().upper(), region.strip().upper()
    if country and not windows.is_known_country(country):
        raise Invalid(
            "Holidays of this country are not known. Use its code of two letters, such as DE.",
            field="country",
        )
    if region and not windows.is_known_region(country, region):
        raise Invalid(f"{country or 'No country'} has no region {region} with holidays.", field="region")
    return country, region


# --- Leave ---------------------------------------------------------------------------------------------------
@transaction.atomic
def plan_leave(
    *,
    user: User,
    starts_on: dt.date,
    ends_on: dt.date,
    stand_in: User | None,
    new_work: NewWork,
    open_work: OpenWork,
    actor: User,
) -> Leave:
    """Note that somebody is away from one date to another, both included; what has begun is handed over at once."""
    User.objects.select_for_update().get(pk=user.pk)  # two overlapping leaves take turns here
    _check(user, starts_on, ends_on, stand_in, new_work, open_work)
    leave = Leave.objects.create(
        user=user, starts_on=starts_on, ends_on=ends_on, stand_in=stand_in, new_work=new_work, open_work=open_work,
        created_by=actor,
    )  # fmt: skip
    audit.record(
        action="leave.planned",
        actor=actor,
        obj=leave,
        user=user.pk,
        stand_in=stand_in.pk if stand_in else None,
    )
    if starts_on <= _today(user) <= ends_on:
        _begin(leave)
    return leave


def _check(
    user: User,
    starts_on: dt.date,
    ends_on: dt.date,
    stand_in: User | None,
    new_work: NewWork,
    open_work: OpenWork,
) -> None:
    if ends_on < starts_on:
        raise Invalid("The last day comes before the first.", field="ends_on")
    if (ends_on - starts_on).days >= LONGEST_DAYS:
        raise Invalid("Leave of more than a year: deactivate the person instead.", field="ends_on")
    if ends_on < _today(user):
        raise Invalid("This leave is over already.", field="ends_on")
    if stand_in is None and (new_work == NewWork.STAND_IN or open_work == OpenWork.HAND_OVER):
        raise Invalid("Choose who stands in, or let the work wait.", field="stand_in")
    if stand_in is not None:
        if stand_in.pk == user.pk:
            raise Invalid("Nobody stands in for themselves.", field="stand_in")
        if not stand_in.is_active or stand_in.role == Role.VIEWER:
            raise Invalid("Choose an active colleague to whom work can be given.", field="stand_in")
    other = Leave.objects.filter(user=user, starts_on__lte=ends_on, ends_on__gte=starts_on).first()
    if other is not None:
        raise Refused(
            f"There is leave from {other.starts_on} to {other.ends_on} already. Cancel it first, or choose other days.",
            field="starts_on",
            code="overlap",
        )


def _today(user: User) -> dt.date:
    return clock.now().astimezone(team_queries.zone_of(user)).date()


@transaction.atomic
def end_leave(*, leave: Leave, actor: User) -> None:
    """Back earlier, or not going at all: what was handed over comes back now."""
    leave = Leave.objects.select_for_update(of=("self",)).get(pk=leave.pk)
    if leave.ended_at is not None:
        raise Refused("This leave is over already.", code="ended")
    audit.record(action="leave.ended", actor=actor, obj=leave, user=leave.user_id)
    yesterday = _today(leave.user) - dt.timedelta(days=1)
    if leave.began_at is None or leave.starts_on > yesterday:
        _give_back(leave)
        leave.delete()
        return
    leave.ends_on = min(leave.ends_on, yesterday)
    leave.save(update_fields=["ends_on"])
    _end(leave)


def follow_calendar() -> int:
    """Begin and end the leaves whose day has come where the people are; returns how many. Runs with every tick."""
    now = clock.now()
    widest = (now + dt.timedelta(days=1)).date()
    waiting = Leave.objects.filter(
        Q(began_at__isnull=True, starts_on__lte=widest) | Q(began_at__isnull=False, ends_on__lte=widest),
        ended_at__isnull=True,
    )
    return sum(_follow(pk) for pk in waiting.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _follow(pk: int) -> bool:
    leave = Leave.objects.select_for_update(of=("self",)).select_related("user").filter(pk=pk).first()
    if leave is None or leave.ended_at is not None:
        return False
    today = _today(leave.user)
    if leave.ends_on < today:
        _end(leave)
        return True
    if leave.began_at is None and leave.starts_on <= today:
        _begin(leave)
        return True
    return False


def _begin(leave: Leave) -> None:
    """Do with the open work what was chosen; where nobody can stand in, it stays where it is."""
    leave.began_at = clock.now()
    leave.save(update_fields=["began_at"])
    if leave.open_work == OpenWork.MOVE:
        _move_dates(leave)
    elif leave.open_work == OpenWork.HAND_OVER:
        _hand_over(leave)


def _move_dates(leave: Leave) -> None:
    """What is due during the leave becomes due on the first working day after it, at the same hour."""
    calendar = worktime.calendar_of(leave.user)
    first = dt.datetime.combine(leave.starts_on, dt.time(), tzinfo=calendar.zone)
    after = dt.datetime.combine(leave.ends_on + dt.timedelta(days=1), dt.time(), tzinfo=calendar.zone)
    back = calendars.next_working_day(calendar, after.date())
    tasks = Task.objects.filter(
        assignee=leave.user, state=TaskState.OPEN, due_at__gte=first, due_at__lt=after
    )
    rows = list(tasks.order_by("pk").select_for_update(of=("self",)))
    for task in rows:
        local = (task.due_at or after).astimezone(calendar.zone)
        at = min(max(local.time().replace(tzinfo=None, fold=0), calendar.start), calendar.end)
        task.due_at = dt.datetime.combine(back, at, tzinfo=calendar.zone).astimezone(dt.UTC)
        task.overdue_at = None
    if rows:
        bulk_update_with_history(rows, Task, ["due_at", "overdue_at"], default_user=leave.created_by)


def _hand_over(leave: Leave) -> None:
    person = people.stand_in_of(leave.stand_in).user if leave.stand_in is not None else None
    if person is None or not person.is_active:
        return
    loops = list(
        Loop.objects.filter(owner=leave.user, resolved_at__isnull=True)
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    Loop.objects.filter(pk__in=[loop.pk for loop in loops]).update(owner=person)
    alerts = list(
        Alert.objects.filter(assignee=leave.user, state__in=LIVE_ALERTS)
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(assignee=person, seen_at=None)
    tasks = list(
        Task.objects.filter(assignee=leave.user, state=TaskState.OPEN)
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    for task in tasks:
        task.assignee = person
    if tasks:
        bulk_update_with_history(tasks, Task, ["assignee"], default_user=leave.created_by)
    now = clock.now()
    HandOver.objects.bulk_create(
        [HandOver(leave=leave, task=task, stand_in=person, at=now) for task in tasks]
        + [HandOver(leave=leave, alert=alert, stand_in=person, at=now) for alert in alerts]
        + [HandOver(leave=leave, loop=loop, stand_in=person, at=now) for loop in loops],
        ignore_conflicts=True,
    )
    counts = {"tasks": len(tasks), "alerts": len(alerts), "loops": len(loops)}
    if any(counts.values()):
        # Once for all of it: a mail for each would bury what is new.
        notifications.notify(
            user=person,
            topic=WORK_HANDED,
            data={**counts, "from": leave.user_id, "until": leave.ends_on.isoformat()},
        )


def _end(leave: Leave) -> None:
    _give_back(leave)
    leave.ended_at = clock.now()
    leave.save(update_fields=["ended_at"])


def _give_back(leave: Leave) -> None:
    """What the stand-in still has goes back: what was handed over, and what came meanwhile by itself for accounts of
    the person. What somebody reassigned, and what a deactivated person would get, stays."""
    if not leave.user.is_active:
        return
    lent = HandOver.objects.filter(leave=leave)
    meanwhile = Q(pk__in=[])
    if leave.began_at is not None and leave.stand_in_id is not None and leave.new_work == NewWork.STAND_IN:
        meanwhile = Q(account__owner=leave.user)
    began = leave.began_at or clock.now()
    # Clocks, alerts, tasks: the order of services.holding.
    Loop.objects.filter(
        Q(pk__in=lent.filter(loop__isnull=False).values("loop")) & _still_with(lent, "loop", "owner")
        | meanwhile & Q(owner=leave.stand_in, started_at__gte=began),
        resolved_at__isnull=True,
    ).update(owner=leave.user)
    Alert.objects.filter(
        Q(pk__in=lent.filter(alert__isnull=False).values("alert")) & _still_with(lent, "alert", "assignee")
        | meanwhile & Q(assignee=leave.stand_in, run__isnull=False, opened_at__gte=began),
        state__in=LIVE_ALERTS,
    ).update(assignee=leave.user, seen_at=None)
    tasks = list(
        Task.objects.filter(
            Q(pk__in=lent.filter(task__isnull=False).values("task")) & _still_with(lent, "task", "assignee")
            | meanwhile & Q(assignee=leave.stand_in, run__isnull=False, created_at__gte=began),
            state=TaskState.OPEN,
        ).order_by("pk").select_for_update(of=("self",))
    )  # fmt: skip
    for task in tasks:
        task.assignee = leave.user
    if tasks:
        bulk_update_with_history(tasks, Task, ["assignee"], default_user=leave.created_by)


def _still_with(lent: QuerySet[HandOver], what: str, field: str) -> Q:
    """Whose stand-in still has it; a hand-over has one stand-in for all."""
    return Q(**{f"{field}__in": lent.filter(**{f"{what}__isnull": False}).values("stand_in")})


def register() -> None:
    jobs.on_tick("leave", follow_calendar)
