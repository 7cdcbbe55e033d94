"""What pages and the API read about chat channels."""

import datetime as dt

from django.db.models import Count, Q, QuerySet

from core import clock
from core.outbox import State
from integrations.chat.models import ChatChannel, ChatMessage
from team.domain import RowScope
from team.models import User
from team.permissions import can_lead
from team.scope import scope_of


def may_keep(user: User) -> bool:
    """Whether this person may set up channels and see what was written there."""
    return can_lead(user) and scope_of(user) is RowScope.ALL


def list_channels(user: User) -> QuerySet[ChatChannel]:
    """Channels by name, with what was sent in 30 days and what waits.

    A channel tells of everybody's customers and its log names them, so it is for leads who may see all rows.
    """
    since = clock.now() - dt.timedelta(days=30)
    own = Q(messages__carried_by__isnull=True)
    rows = ChatChannel.objects.annotate(
        sent=Count("messages", filter=own & Q(messages__state=State.DONE, messages__finished_at__gte=since)),
        waiting=Count("messages", filter=own & Q(messages__state=State.PENDING)),
    ).select_related("created_by")
    return rows.order_by("name", "pk") if may_keep(user) else rows.none()


def log_of(channel: ChatChannel) -> QuerySet[ChatMessage]:
    """The messages of a channel, newest first."""
    rows = channel.messages.select_related(
        "alert__account", "alert__contact", "alert__response", "step__run__rule"
    )
    return rows.annotate(carried=Count("carries")).order_by("-pk")
