"""What pages and the API read about alerts."""

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import Interaction
from surveys.models import Response
from team.models import User
from workflows.domain import AlertState
from workflows.models import Alert, Task


def list_alerts(*, user: User) -> QuerySet[Alert]:
    """Alerts of visible accounts, newest first, and those assigned to the person whatever their account."""
    visible = Alert.objects.visible_to(user) | Alert.objects.filter(assignee=user)
    return (
        visible.distinct()
        .select_related("account", "contact", "response", "message", "assignee", "run__rule")
        .order_by("-opened_at", "-pk")
    )


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
    tasks = list(
        Task.objects.filter(response_id=alert.response_id).select_related("assignee").order_by("pk")
        if alert.response_id
        else []
    )
    has_reply = any(i.kind != "note" and i.happened_at >= alert.opened_at for i in interactions)
    return Story(previous=previous, interactions=interactions, tasks=tasks, is_answered=has_reply)
