"""What the first page of the day shows: whom to call, what is due, what renews."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db.models import Q, QuerySet, Sum

from accounts.domain import ContractOutcome
from accounts.models import Contract
from core import clock
from surveys.choices import LoopStatus
from surveys.models import Response
from team import queries as team_queries
from team.models import User
from workflows.domain import AlertState, TaskState
from workflows.health import queries as health_queries
from workflows.health.domain import Config
from workflows.health.risk import config_in_force
from workflows.models import AccountHealth, Alert, Task
from workflows.queries import alerts as alert_queries
from workflows.queries import tasks as task_queries

SHOWN = 8
RENEWAL_DAYS = 90
DETRACTOR_DAYS = 90
RED_DAYS = 7
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """The first rows of a list, and how many it has in all."""

    rows: Sequence[T]
    total: int


@dataclass(frozen=True, slots=True)
class Today:
    now: dt.datetime
    date: dt.date
    alerts: Section[Alert]
    tasks: Section[Task]
    overdue: int
    detractors: Section[Response]
    red: Section[AccountHealth]
    health: Config
    renewals: Section[Contract]
    renewal_arr: dict[str, Decimal]


def _section(rows: QuerySet[Any]) -> Section[Any]:
    return Section(rows=list(rows[:SHOWN]), total=rows.count())


def read_today(*, user: User, is_mine: bool) -> Today:
    """The state of `user`'s own accounts (`is_mine`), or of all they see. Renewals: open contracts that end within
    90 days. Detractors, and the dissatisfied of other scales, in the last 90 days that nobody has answered. Red: accounts
    that came into the lowest band of health within a week and still stand in it."""
    now = clock.now()
    date = now.astimezone(team_queries.zone_of(user)).date()
    alerts = alert_queries.list_alerts(user=user).filter(state=AlertState.OPEN)
    tasks = task_queries.list_tasks(user=user).filter(state=TaskState.OPEN)
    detractors = (
        Response.objects.visible_to(user)
        .counted()
        .dissatisfied()
        .filter(
            loop_status=LoopStatus.OPEN,
            responded_at__gte=now - dt.timedelta(days=DETRACTOR_DAYS),
            account__isnull=False,
        )
        .select_related("account", "contact", "account__owner")
        .order_by("-responded_at", "-pk")
    )
    renewals = (
        Contract.objects.visible_to(user)
        .filter(
            outcome=ContractOutcome.OPEN,
            ends_on__gte=date,
            ends_on__lte=date + dt.timedelta(days=RENEWAL_DAYS),
        )
        .select_related("account", "account__owner")
        .order_by("ends_on", "pk")
    )
    red = health_queries.list_turned_red(user=user, since=now - dt.timedelta(days=RED_DAYS))
    if is_mine:
        alerts, tasks = alerts.filter(assignee=user), tasks.filter(assignee=user)
        mine = Q(account__owner=user)
        detractors, renewals, red = detractors.filter(mine), renewals.filter(mine), red.filter(mine)
    worth = renewals.order_by("currency").values_list("currency").annotate(total=Sum("arr"))
    return Today(
        now=now,
        date=date,
        alerts=_section(alerts),
        tasks=_section(tasks),
        overdue=tasks.filter(due_at__lt=now).count(),
        detractors=_section(detractors),
        red=_section(red),
        health=config_in_force(),
        renewals=_section(renewals),
        renewal_arr=dict(worth),
    )
