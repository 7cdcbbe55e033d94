"""What alerts leave behind in the demo: some sleep with a reason, people were told of the young ones, a channel is ready.

The channel is paused: the demo calls nobody outside.
"""

import datetime as dt
import random
from collections.abc import Mapping

from core.outbox import State
from integrations.chat.domain import ChannelState
from integrations.models import ChatChannel, ChatMessage
from integrations.services import chat
from team.models import User
from workflows.domain import AlertState
from workflows.models import Alert, Notification
from workflows.notifying import topics

REASONS = (
    "Their champion is on leave until then",
    "The fix they asked for ships next week, call after it",
)


def fill(*, rng: random.Random, now: dt.datetime, people: Mapping[str, User]) -> None:
    waiting = list(Alert.objects.filter(state=AlertState.OPEN).order_by("-last_at", "-pk"))
    _put_to_sleep(waiting[5 : 5 + len(REASONS)], rng, now)
    told = [
        Notification(
            user_id=alert.assignee_id, topic=topics.key_of(alert), alert=alert, at=alert.last_at or now,
            read_at=None if number < 3 else now, data={"count": alert.count} if alert.count > 1 else {},
        )
        for number, alert in enumerate(waiting)
        if alert.assignee_id
    ]  # fmt: skip
    Notification.objects.bulk_create(told)
    _a_channel(waiting[:6], now, people["lead"])


def _put_to_sleep(alerts: list[Alert], rng: random.Random, now: dt.datetime) -> None:
    for alert, reason in zip(alerts, REASONS, strict=False):
        alert.state, alert.snooze_reason, alert.snoozed_by = AlertState.SNOOZED, reason, alert.assignee
        alert.snoozed_at = now - dt.timedelta(hours=rng.randrange(3, 30))
        alert.snoozed_until = (now + dt.timedelta(days=rng.randrange(3, 9))).replace(
            hour=8, minute=0, second=0, microsecond=0
        )
        alert.save()


def _a_channel(alerts: list[Alert], now: dt.datetime, lead: User) -> None:
    channel = chat.create_channel(
        name="#customer-alerts", kind="slack", url="https://hooks.slack.com/services/T0DEMO/B0DEMO/not-a-real-address",
        topics=["alert.detractor", "alert.reply"], actor=lead,
    )  # fmt: skip
    ChatChannel.objects.filter(pk=channel.pk).update(
        state=ChannelState.PAUSED, last_sent_at=max((a.last_at for a in alerts if a.last_at), default=now)
    )
    ChatMessage.objects.bulk_create(
        [
            ChatMessage(
                key=f"alert:{alert.pk}:demo:{channel.pk}", channel=channel, alert=alert, state=State.DONE, attempts=1,
                due_at=alert.last_at or now, finished_at=alert.last_at or now,
            )
            for alert in alerts
        ]
    )  # fmt: skip
