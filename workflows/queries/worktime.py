"""When people work: their calendars with holidays and leave, and who is away."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from core import clock
from surveys import windows
from team import queries as team_queries
from team.domain import Role
from team.models import User, Workspace
from team.permissions import can_administer, can_lead
from workflows.calendars.domain import NewWork, WorkCalendar
from workflows.models import Leave, WorkHours, WorkSettings


def settings() -> WorkSettings:
    """What the company promises and how its week looks; made with defaults the first time."""
    found = WorkSettings.objects.filter(pk=1).first()
    return found if found is not None else WorkSettings.objects.get_or_create(pk=1)[0]


def calendar_of(user: User | None) -> WorkCalendar:
    """A person's working time; None's is the company's.

    Leave takes days out of it only where new work waits for the person: a stand-in has a calendar of their own.
    """
    if user is None:
        return _calendar(None, None, (), team_queries.workspace(), settings())
    return calendars_of([user])[user.pk]


def calendars_of(users: Iterable[User]) -> dict[int, WorkCalendar]:
    """The calendars of many people, with a few statements for all."""
    people = {user.pk: user for user in users}
    workspace, company = team_queries.workspace(), settings()
    hours = {row.user_id: row for row in WorkHours.objects.filter(user__in=people)}
    away: dict[int, list[tuple[dt.date, dt.date]]] = defaultdict(list)
    leaves = Leave.objects.filter(user__in=people, new_work=NewWork.WAIT)
    for user_id, first, last in leaves.values_list("user_id", "starts_on", "ends_on"):
        away[user_id].append((first, last))
    return {
        pk: _calendar(user, hours.get(pk), away.get(pk, ()), workspace, company)
        for pk, user in people.items()
    }


def _calendar(
    user: User | None,
    hours: WorkHours | None,
    away: Iterable[tuple[dt.date, dt.date]],
    workspace: Workspace,
    company: WorkSettings,
) -> WorkCalendar:
    zone = ZoneInfo((user.time_zone if user is not None else "") or workspace.time_zone)
    country, region = (
        (hours.country, hours.region) if hours and hours.country else (company.country, company.region)
    )
    start, end = workspace.day_start, workspace.day_end
    if hours is not None and hours.day_start and hours.day_end:
        start, end = hours.day_start, hours.day_end
    return WorkCalendar(
        zone=zone,
        weekdays=frozenset(map(int, hours.weekdays)) if hours else frozenset({1, 2, 3, 4, 5}),
        start=start,
        end=end,
        is_off=_days_off(country, region, tuple(away)),
    )


def _days_off(
    country: str, region: str, away: tuple[tuple[dt.date, dt.date], ...]
) -> Callable[[dt.date], bool]:
    def is_off(day: dt.date) -> bool:
        if any(first <= day <= last for first, last in away):
            return True
        return bool(country) and windows.is_holiday(country, day, region)

    return is_off


# --- Leave ---------------------------------------------------------------------------------------------------
def hours_of(user: User) -> WorkHours:
    """A person's working week; the ordinary one where they never chose."""
    return WorkHours.objects.filter(user=user).first() or WorkHours(user=user)


def leave_of(user: User, at: dt.datetime | None = None) -> Leave | None:
    """The leave that a person is on at this moment, by the date where they are."""
    day = (at or clock.now()).astimezone(team_queries.zone_of(user)).date()
    leaves = Leave.objects.filter(user=user, starts_on__lte=day, ends_on__gte=day)
    return leaves.select_related("stand_in").order_by("starts_on", "pk").first()


def leaves_now(users: Iterable[User]) -> Mapping[int, Leave]:
    """Who of these people is away now."""
    people = {user.pk: user for user in users}
    now = clock.now()
    days = {pk: now.astimezone(team_queries.zone_of(user)).date() for pk, user in people.items()}
    if not days:
        return {}
    leaves = Leave.objects.filter(
        user__in=people, starts_on__lte=max(days.values()), ends_on__gte=min(days.values())
    )
    return {
        leave.user_id: leave
        for leave in leaves.select_related("stand_in").order_by("-starts_on", "-pk")
        if leave.starts_on <= days[leave.user_id] <= leave.ends_on
    }


def list_colleagues(user: User) -> QuerySet[User]:
    """Whose calendar and leave a person may set: their own, a lead those of the team, an administrator everybody's.

    A lead without a team answers for everybody who has work.
    """
    people = team_queries.list_assignable().select_related("team")
    if can_administer(user) or (can_lead(user) and user.team_id is None):
        return people
    if can_lead(user):
        return people.filter(Q(team_id=user.team_id) | Q(pk=user.pk))
    return people.filter(pk=user.pk)


def list_leaves(user: User) -> QuerySet[Leave]:
    """Leaves of those whose calendar the person may set, and those in which they stand in; the next first."""
    mine = Leave.objects.filter(Q(user__in=list_colleagues(user)) | Q(stand_in=user))
    return mine.select_related("user", "stand_in").order_by("-ends_on", "-pk")


def lead_of(user: User | None) -> User | None:
    """To whom a breached promise of this person goes: the lead of their team, else the longest-serving lead, else an
    administrator; never the person."""
    found = User.objects.filter(is_active=True, role__in=[Role.LEAD, Role.ADMINISTRATOR])
    if user is not None:
        found = found.exclude(pk=user.pk)
    leads = sorted(
        found,
        key=lambda lead: (
            lead.role != Role.LEAD,
            user is None or lead.team_id is None or lead.team_id != user.team_id,
            lead.created_at,
            lead.pk,
        ),
    )
    return leads[0] if leads else None


DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def week_words(calendar: WorkCalendar) -> str:
    """ "Mon to Fri, 09:00–17:00" """
    days = sorted(calendar.weekdays)
    names = [DAY_NAMES[day - 1] for day in days]
    in_a_row = len(days) > 2 and days == list(range(days[0], days[-1] + 1))
    text = f"{names[0]} to {names[-1]}" if in_a_row else ", ".join(names)
    return f"{text}, {calendar.start:%H:%M}–{calendar.end:%H:%M}"
