"""The sections of the digest that stand on what this app and those below it know.

A CSM reads about their own work and accounts; everybody else about all they may see.
"""

import datetime as dt
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from accounts.domain import ContractOutcome
from accounts.models import Contract
from core.templatetags.ui import money
from surveys.choices import LoopStatus
from surveys.models import Response
from team.domain import Role
from workflows import digest
from workflows.alerting.domain import Severity
from workflows.digest import MOST, Found, Line, Section, Today
from workflows.domain import LIVE_ALERTS, AlertState, TaskState
from workflows.health import queries as health_queries
from workflows.models import AlertCause
from workflows.notifying.words import title_of
from workflows.queries import alerts as alert_queries
from workflows.queries import tasks as task_queries
from workflows.rules.merge_fields import score_words

DETRACTOR_DAYS = 90
RENEWAL_DAYS = 30
RED_DAYS = 7


def _is_own(today: Today) -> bool:
    return today.user.role == Role.CSM


def _found(rows: QuerySet[Any], line: Any, path: str) -> Found:
    return Found([line(row) for row in rows[:MOST]], rows.count(), path)


def _ago(at: dt.datetime, today: Today) -> str:
    days = (today.day - at.astimezone(today.zone).date()).days
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"


def alerts(today: Today) -> Found:
    """Open alerts, urgent ones first, then the newest."""
    rows = alert_queries.list_alerts(user=today.user).filter(state=AlertState.OPEN)
    if _is_own(today):
        rows = rows.filter(assignee=today.user)
    rows = alert_queries.urgent_first(rows)

    def line(alert: Any) -> Line:
        again = f", fired {alert.count} times" if alert.count > 1 else ""
        return Line(
            title_of(alert), reverse("workflows:alert_detail", args=[alert.pk]),
            f"{_ago(alert.last_at or alert.opened_at, today)}{again}", alert.severity == Severity.HIGH,
        )  # fmt: skip

    whose = "mine" if _is_own(today) else "all"
    return _found(rows, line, f"{reverse('workflows:alert_list')}?whose={whose}")


def tasks(today: Today) -> Found:
    """The person's own open tasks that are overdue or due by the end of their day."""
    end = dt.datetime.combine(today.day + dt.timedelta(days=1), dt.time(), tzinfo=today.zone)
    rows = task_queries.list_tasks(user=today.user).filter(
        assignee=today.user, state=TaskState.OPEN, due_at__lt=end
    )

    def line(task: Any) -> Line:
        due = task.due_at.astimezone(today.zone)
        is_late = task.due_at < today.now
        days = (today.day - due.date()).days
        late = "overdue since today" if days == 0 else f"{days} day{'' if days == 1 else 's'} overdue"
        note = late if is_late else f"due at {due:%H:%M}"
        where = f"{task.account.name}, " if task.account else ""
        return Line(task.title, reverse("workflows:task_detail", args=[task.pk]), f"{where}{note}", is_late)

    return _found(rows.order_by("due_at", "pk"), line, reverse("workflows:task_list"))


def unanswered(today: Today) -> Found:
    """Detractors, and the dissatisfied of other scales, of the last 90 days whom nobody has contacted. Those behind an alert
    that is open, or asleep with a reason, are left to it."""
    rows = (
        Response.objects.visible_to(today.user)
        .counted()
        .dissatisfied()
        .filter(
            loop_status=LoopStatus.OPEN,
            responded_at__gte=today.now - dt.timedelta(days=DETRACTOR_DAYS),
            account__isnull=False,
        )
    )
    if _is_own(today):
        rows = rows.filter(account__owner=today.user)
    alerted = AlertCause.objects.filter(alert__state__in=LIVE_ALERTS, response__isnull=False)
    rows = rows.exclude(pk__in=alerted.values("response"))
    rows = rows.select_related("account", "contact").order_by("responded_at", "pk")

    def line(response: Any) -> Line:
        who = response.contact.display_name if response.contact else "Somebody"
        return Line(
            f"{who} at {response.account.name} answered {score_words(response)}",
            reverse("surveys:response_detail", args=[response.pk]), _ago(response.responded_at, today),
        )  # fmt: skip

    # No list shows the same ones, and a link must lead to what it counts.
    return _found(rows, line, "")


def renewals(today: Today) -> Found:
    """Open contracts that end within 30 days."""
    rows = Contract.objects.visible_to(today.user).filter(
        outcome=ContractOutcome.OPEN,
        ends_on__gte=today.day,
        ends_on__lte=today.day + dt.timedelta(days=RENEWAL_DAYS),
    )
    if _is_own(today):
        rows = rows.filter(Q(account__owner=today.user))
    rows = rows.select_related("account").order_by("ends_on", F("arr").desc(nulls_last=True), "pk")

    def line(contract: Any) -> Line:
        days = (contract.ends_on - today.day).days
        when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
        worth = f", {money(contract.arr, contract.currency)} a year" if contract.arr is not None else ""
        return Line(
            contract.account.name, reverse("accounts:account_detail", args=[contract.account_id]),
            f"ends {when}{worth}", days <= 7,
        )  # fmt: skip

    whose = "&owner=me" if _is_own(today) else ""
    return _found(rows, line, f"{reverse('accounts:account_list')}?renewal={RENEWAL_DAYS}{whose}")


def turned_red(today: Today) -> Found:
    """Accounts that came into the lowest band of health within a week and still stand in it."""
    rows = health_queries.list_turned_red(user=today.user, since=today.now - dt.timedelta(days=RED_DAYS))
    if _is_own(today):
        rows = rows.filter(account__owner=today.user)

    def line(row: Any) -> Line:
        number = row.override.score if row.override and row.override.score is not None else row.shown
        said = [] if number is None else [f"health {number}"]
        if row.change_30d is not None and abs(row.change_30d) >= 0.5:
            said.append(f"{'up' if row.change_30d > 0 else 'down'} {abs(row.change_30d):.0f} in 30 days")
        if (
            row.account.renewal_on is not None
            and 0 <= (row.account.renewal_on - today.day).days <= RENEWAL_DAYS
        ):
            said.append(f"renews on {row.account.renewal_on:%-d %b}")
            is_urgent = True
        else:
            is_urgent = False
        said.append(_ago(row.turned_at, today))
        return Line(
            row.account.name, f"{reverse('accounts:account_detail', args=[row.account_id])}?tab=health", ", ".join(said),
            is_urgent,
        )  # fmt: skip

    return _found(rows, line, reverse("workflows:health_list"))


def register() -> None:
    digest.register(Section("alerts", "Open alerts", alerts, 10))
    digest.register(Section("tasks", "Your tasks, due and overdue", tasks, 20))
    digest.register(Section("unanswered", "Nobody has replied to", unanswered, 30))
    digest.register(Section("renewals", f"Renewals within {RENEWAL_DAYS} days", renewals, 40))
    digest.register(Section("health_red", "Health turned red", turned_red, 50))
