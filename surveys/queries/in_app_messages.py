"""Messages in the product, as far as somebody may see them."""

from collections.abc import Iterable, Mapping

from django.db.models import Count, QuerySet

from surveys.choices import InAppState
from surveys.models import InAppMessage
from team.models import User

# What is said of each state: its name, and the tone of its badge.
LABELS: Mapping[InAppState, tuple[str, str]] = {
    InAppState.WAITING: ("Waiting", ""),
    InAppState.SHOWN: ("Seen", "accent"),
    InAppState.CLICKED: ("Button followed", "good"),
    InAppState.DISMISSED: ("Closed", ""),
    InAppState.EXPIRED: ("Expired", "watch"),
    InAppState.WITHDRAWN: ("Withdrawn", "watch"),
}


def list_in_app_messages(user: User) -> QuerySet[InAppMessage]:
    """The newest first."""
    return (
        InAppMessage.objects.visible_to(user)
        .select_related("contact", "account", "widget", "withdrawn_by")
        .order_by("-queued_at", "-pk")
    )


def count_by_state(found: QuerySet[InAppMessage]) -> dict[InAppState, int]:
    """How many of them there are in each state, states without any included."""
    counted = dict(found.order_by().values_list("state").annotate(n=Count("pk")))
    return {state: counted.get(state.value, 0) for state in LABELS}


def by_ids(ids: Iterable[int]) -> dict[int, InAppMessage]:
    return InAppMessage.objects.in_bulk(list(ids))
