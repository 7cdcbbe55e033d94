"""What pages and the API read about alerts."""

from dataclasses import dataclass

from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When

from accounts.models import Interaction
from surveys.models import Response
from team.models import User
from workflows import alert_kinds
from workflows.alerting.domain import SEVERITY_LABELS, Severity
from workflows.domain import AlertState
from workflows.models import Alert, AlertCause, Task

SHOWN_CAUSES = 100


def list_alerts(*, user: User) -> QuerySet[Alert]:
    """Alerts of visible accounts, newest first, and those assigned to the person whatever their account."""
    visible = Alert.objects.visible_to(user) | Alert.objects.filter(assignee=user)
    return (
        visible.distinct()
        .select_related("account", "contact", "response", "message", "assignee", "run__rule")
        .order_by("-opened_at", "-pk")
    )


def in_order(alerts: QuerySet[Alert], state: str) -> QuerySet[Alert]:
    """As a list shows them: open ones urgent first and the newest fired first, sleeping ones by when they wake."""
    if state == AlertState.SNOOZED:
        return alerts.order_by("snoozed_until", "pk")
    if state == AlertState.CLOSED:
        return alerts.order_by("-closed_at", "-pk")
    return urgent_first(alerts)


def urgent_first(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    """Urgent ones, then the others, each with the newest fired first."""
    # A column of its own: PostgreSQL orders distinct rows by what they show only.
    urgency = Case(When(severity=Severity.HIGH, then=Value(0)), default=Value(1), output_field=IntegerField())
    return alerts.annotate(urgency=urgency).order_by("urgency", F("last_at").desc(nulls_last=True), "-pk")


def count_by_state(*, user: User, is_mine: bool) -> dict[str, int]:
    """How many alerts are open, asleep and closed, of one's own or of all in sight."""
    rows = Alert.objects.filter(assignee=user)
    if not is_mine:
        rows = (Alert.objects.visible_to(user) | rows).distinct()
    found = dict(rows.order_by("state").values_list("state").annotate(number=Count("pk", distinct=True)))
    return {state.value: found.get(state.value, 0) for state in AlertState}


def kinds_to_choose() -> list[tuple[str, str]]:
    """The kinds of alerts, for a filter."""
    return [(kind.key, kind.label) for kind in alert_kinds.all_kinds()]


def words_of_filter(name: str, value: str) -> str:
    """How a chosen filter reads on its chip."""
    if name == "kind":
        return alert_kinds.label_of(value)
    if name == "severity":
        return SEVERITY_LABELS.get(Severity(value), value) if value in set(Severity) else value
    is_id = value.isascii() and value.isdigit() and len(value) < 19
    person = User.objects.filter(pk=int(value)).first() if is_id else None
    return str(person) if person else value


def causes_of(alert: Alert) -> list[AlertCause]:
    """What fired an alert, newest first: at most the last hundred."""
    return list(
        alert.causes.select_related("contact", "response__survey", "message", "run__rule").order_by(
            "-at", "-pk"
        )[:SHOWN_CAUSES]
    )


def gathered_in(*, alert: Alert, user: User) -> Alert | None:
    """The alert that took over what fired this one, where it did."""
    pk = alert.data.get("gathered_in")
    return list_alerts(user=user).filter(pk=pk).first() if pk else None


def count_open_for(user: User) -> int:
    """How many alerts wait for this person."""
    return Alert.objects.filter(assignee=user, state=AlertState.OPEN).count()


@dataclass(frozen=True, slots=True)
class Story:
    """What one needs to know before calling: who they are, what they said before, what we did."""

    previous: list[Response]
    interactions: list[Interaction]
    tasks: list[Task]
    is_answered: bool


def story_of(*, alert: Alert, user: User) -> Story:
    """The context of an alert as `user` may see it."""
    previous: list[Response] = []
    interactions: list[Interaction] = []
    if alert.contact is not None:
        earlier = Response.objects.visible_to(user).filter(contact=alert.contact)
        if alert.response_id:
            earlier = earlier.exclude(pk=alert.response_id)
        previous = list(earlier.select_related("survey").order_by("-responded_at", "-pk")[:5])
    if alert.account is not None:
        logged = (
            Interaction.objects.visible_to(user)
            .filter(account=alert.account)
            .select_related("user", "contact")
        )
        interactions = list(logged.order_by("-happened_at", "-pk")[:6])
    answers = AlertCause.objects.filter(alert=alert, response__isnull=False).values("response_id")
    tasks = list(
        Task.objects.filter(response_id__in=answers).select_related("assignee").order_by("state", "pk")[:50]
    )
    since = alert.last_at or alert.opened_at
    has_reply = any(i.kind != "note" and i.happened_at >= since for i in interactions)
    return Story(previous=previous, interactions=interactions, tasks=tasks, is_answered=has_reply)
