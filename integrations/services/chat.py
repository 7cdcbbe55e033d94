"""Chat channels: set up, tried out, told of alerts, and what becomes of each message.

Messages are rows of an outbox. A channel that does not exist any more, or forbids it, is taken out of service with an alert
to who leads; its messages wait and go when it is mended, if they are younger than a day.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse

from accounts import timeline
from accounts.models import Event
from core import clock, fetch, jobs, outbox, secrets
from core.errors import Invalid, Refused
from core.outbox import State
from core.secrets import CannotDecrypt
from integrations.chat import cards, queries
from integrations.chat.domain import (
    HOSTS,
    KIND_LABELS,
    ChannelState,
    ChatKind,
    Verdict,
    host_fits,
    is_retired,
    payload_of,
    verdict_of,
)
from integrations.chat.models import ChatChannel, ChatMessage
from team import audit
from team.domain import Role
from team.models import User
from team.permissions import can_lead
from workflows import alert_kinds
from workflows.alerting.domain import Severity
from workflows.models import Alert, RunStep
from workflows.notifying import topics
from workflows.notifying.domain import HOUR, room_at
from workflows.services import alerts

KIND = "chat_message"
ALERT_KIND = "chat_broken"
DEADLINE = 10.0
TOO_OLD = dt.timedelta(hours=24)
PAUSE_SECONDS = 30.0
MOST_CHANNELS = 50


# --- Setting up ------------------------------------------------------------------------------------------------
@transaction.atomic
def create_channel(
    *,
    name: str,
    kind: str,
    url: str,
    actor: User,
    topics: Sequence[str] = (),
    shows_words: bool = True,
    per_hour: int = 20,
) -> ChatChannel:
    """A channel that may be written to through `url`, which is sealed and never shown again. Refuses an address that is not
    the vendor's, and one that leads into an internal network."""
    if not queries.may_keep(actor):
        raise Refused(
            "A channel tells of everybody’s customers, and you see some of them. Ask somebody who sees all.",
            status=403,
        )
    if ChatChannel.objects.count() >= MOST_CHANNELS:
        raise Refused(f"There are {MOST_CHANNELS} channels already. Remove one first.", code="too_many")
    channel = ChatChannel(kind=_kind(kind), created_by=actor)
    _set(channel, name=name, topics=topics, shows_words=shows_words, per_hour=per_hour)
    _save(channel)
    _set_url(channel, url)
    audit.record(action="chat.created", actor=actor, obj=channel, kind=channel.kind, host=channel.host)
    return channel


@transaction.atomic
def change_channel(*, channel: ChatChannel, actor: User, url: str = "", **values: Any) -> ChatChannel:
    """Change what is given: name, topics, shows_words, per_hour. An empty `url` leaves the stored one; a new one takes a
    broken channel back into service."""
    channel = ChatChannel.objects.select_for_update(of=("self",)).get(pk=channel.pk)
    _set(channel, **values)
    _save(channel)
    if url:
        _set_url(channel, url)
        if channel.state == ChannelState.BROKEN:
            _resume(channel)
    audit.record(
        action="chat.changed", actor=actor, obj=channel, fields=sorted([*values, *(["url"] if url else [])])
    )
    return channel


def _kind(kind: str) -> ChatKind:
    if kind not in set(ChatKind):
        raise Invalid("Choose Slack or Microsoft Teams.", field="kind")
    return ChatKind(kind)


def _set(channel: ChatChannel, **values: Any) -> None:
    if "name" in values:
        channel.name = " ".join(str(values["name"]).split())[:80]
        if not channel.name:
            raise Invalid("Give the channel a name, such as #customer-alerts.", field="name")
    if "topics" in values:
        known = {topic.key for topic in topics.all_topics() if topic.group == topics.ALERT}
        unknown = sorted(set(values["topics"]) - known)
        if unknown:
            raise Invalid(f"There is no kind of alert “{unknown[0][:60]}”.", field="topics")
        channel.topics = sorted(set(values["topics"]))
    if "shows_words" in values:
        channel.shows_words = bool(values["shows_words"])
    if "per_hour" in values:
        if not 1 <= values["per_hour"] <= 200:
            raise Invalid("Choose 1 to 200 messages an hour.", field="per_hour")
        channel.per_hour = values["per_hour"]


def _save(channel: ChatChannel) -> None:
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError:
        raise Invalid("Another channel has this name.", field="name") from None


def _set_url(channel: ChatChannel, url: str) -> None:
    url = url.strip()
    kind = ChatKind(channel.kind)
    if is_retired(url):
        raise Invalid(
            "Microsoft has retired these connectors. In Teams make a workflow “Send webhook alerts to a channel” and"
            " enter the address it shows.",
            field="url",
        )
    if not host_fits(kind, url, settings.CHAT_HOSTS):
        names = ", ".join(f"…{name}" if name.startswith(".") else name for name in HOSTS[kind])
        raise Invalid(
            f"This is not an address of {KIND_LABELS[kind]}: it begins with https and lies at {names}.",
            field="url",
        )
    target = fetch.check(url)
    channel.host = target.host
    channel.url = secrets.encrypt(url, place=_place(channel))
    channel.save(update_fields=["host", "url"])


def _place(channel: ChatChannel) -> str:
    return f"integrations.chat:{channel.pk}"


@transaction.atomic
def pause_channel(*, channel: ChatChannel, actor: User) -> None:
    """Write nothing there until it is resumed; what would have gone waits."""
    _switch(channel, ChannelState.PAUSED, from_=[ChannelState.ACTIVE])
    audit.record(action="chat.paused", actor=actor, obj=channel)


@transaction.atomic
def resume_channel(*, channel: ChatChannel, actor: User) -> None:
    """Write there again, beginning with what waited and is younger than a day."""
    held = ChatChannel.objects.select_for_update(of=("self",)).get(pk=channel.pk)
    if held.state == ChannelState.ACTIVE:
        raise Refused("This channel is in service.", code="active")
    _resume(held)
    channel.refresh_from_db()
    audit.record(action="chat.resumed", actor=actor, obj=channel)


def _switch(channel: ChatChannel, state: ChannelState, *, from_: Sequence[ChannelState]) -> None:
    if not ChatChannel.objects.filter(pk=channel.pk, state__in=from_).update(state=state):
        raise Refused("This channel is not in service.", code="not_active")
    channel.refresh_from_db()


def _resume(channel: ChatChannel) -> None:
    old = Q(due_at__lt=clock.now() - TOO_OLD, state=State.PENDING)
    channel.messages.filter(old).update(
        state=State.CANCELLED, error="Too old when the channel was back in service", finished_at=clock.now()
    )
    ChatChannel.objects.filter(pk=channel.pk).update(
        state=ChannelState.ACTIVE, resume_at=None, last_error="", broken_at=None
    )
    channel.refresh_from_db()
    jobs.wake(KIND)


@transaction.atomic
def delete_channel(*, channel: ChatChannel, actor: User) -> None:
    """Forget a channel with its address and the log of its messages."""
    audit.record(action="chat.deleted", actor=actor, obj=channel, kind=channel.kind)
    channel.delete()


@transaction.atomic
def send_test(*, channel: ChatChannel, actor: User) -> ChatMessage:
    """Write a line into the channel now, also while it is paused or broken: one that arrives takes a broken channel back."""
    key = f"chat:{channel.pk}:test:{clock.now().isoformat()}"
    outbox.add([ChatMessage(key=key, channel=channel, is_test=True, due_at=clock.now())])
    audit.record(action="chat.tested", actor=actor, obj=channel)
    jobs.wake(KIND)
    return ChatMessage.objects.get(key=key)


# --- What is said ----------------------------------------------------------------------------------------------
def on_alert(event: Event) -> None:
    """Every channel that is told of this kind of alert gets a message, once for each time the alert came up."""
    alert = Alert.objects.filter(pk=event.subject_id or 0).first()
    if alert is None:
        return
    topic = topics.key_of(alert)
    for channel in ChatChannel.objects.order_by("pk"):
        if topic in channel.topics:
            say(channel=channel, key=f"alert:{alert.pk}:{event.cause_key}:{channel.pk}", alert=alert)


@transaction.atomic
def say(
    *, channel: ChatChannel, key: str, alert: Alert | None = None, step: RunStep | None = None
) -> ChatMessage:
    """Have a message written, once for `key`. Beyond the channel's share of an hour messages wait together and go as one."""
    ChatChannel.objects.select_for_update(of=("self",)).filter(pk=channel.pk).first()
    known = ChatMessage.objects.filter(key=key).first()
    if known is not None:
        return known
    now = clock.now()
    row = ChatMessage(key=key, channel=channel, alert=alert, step=step, due_at=now)
    waiting = (
        ChatMessage.objects.select_for_update(of=("self",))
        .filter(channel=channel, is_gathered=True, state=State.PENDING)
        .first()
    )
    if waiting is None:
        sent = ChatMessage.objects.filter(
            channel=channel, carried_by__isnull=True, due_at__gt=now - HOUR, due_at__lte=now
        )
        due_at = room_at(now, list(sent.values_list("due_at", flat=True)), channel.per_hour)
        if due_at > now:
            waiting = ChatMessage.objects.create(
                key=f"{key}:gathered", channel=channel, is_gathered=True, due_at=due_at
            )
    row.carried_by = waiting
    row.save()
    jobs.wake(KIND)
    return row


# --- Sending ---------------------------------------------------------------------------------------------------
def send_batch(batch: "outbox.Batch[ChatMessage]") -> None:
    """Send the claimed messages one after the other."""
    found = ChatMessage.objects.select_related(
        "channel", "alert__account", "alert__contact", "alert__response", "alert__message", "alert__assignee",
        "step__run__rule", "step__run__account__owner", "step__run__contact",
    )  # fmt: skip
    rows = {row.pk: row for row in found.filter(pk__in=[row.pk for row in batch.rows])}
    for row in batch.rows:
        _send(batch, row, rows[row.pk])


def _send(batch: "outbox.Batch[ChatMessage]", row: ChatMessage, message: ChatMessage) -> None:
    channel = ChatChannel.objects.get(pk=message.channel_id)
    rests = channel.resume_at is not None and channel.resume_at > clock.now()
    if not message.is_test and (rests or channel.state != ChannelState.ACTIVE):
        batch.release([row])  # the one before it in this batch found out
        return
    card = cards.card_of(message)
    if card is None:
        batch.cancel([row], "What it was about is no longer there.")
        return
    try:
        url = secrets.decrypt(channel.url, place=_place(channel))
    except CannotDecrypt:
        batch.release([row])
        _break(
            channel, "The stored address cannot be opened with the keys of this installation. Enter it again."
        )
        return
    body = payload_of(ChatKind(channel.kind), card)
    if not batch.fence([row]):
        return
    try:
        reply = fetch.post(url, json=body, deadline=DEADLINE)
    except fetch.Forbidden as refusal:
        _dead(batch, row, channel, refusal.message)
    except fetch.FetchError as error:
        _unknown(batch, row, message, channel, error)
    else:
        _settle(batch, row, message, channel, reply)


def _settle(
    batch: "outbox.Batch[ChatMessage]",
    row: ChatMessage,
    message: ChatMessage,
    channel: ChatChannel,
    reply: fetch.Reply,
) -> None:
    verdict, why = verdict_of(ChatKind(channel.kind), reply.status, reply.text)
    if verdict is Verdict.SENT:
        batch.done([row])
        _carried(message, State.DONE)
        ChatChannel.objects.filter(pk=channel.pk).update(last_sent_at=clock.now(), last_error="")
        if message.is_test and channel.state == ChannelState.BROKEN:
            with transaction.atomic():
                _resume(channel)
    elif verdict is Verdict.DEAD:
        _dead(batch, row, channel, why)
    elif verdict is Verdict.REFUSED:
        batch.fail([row], why)
        _carried(message, State.FAILED, why)
        _note(channel, why)
    elif reply.status == 429 and not message.is_test:
        # They ask to be left alone: that costs no attempt, and the whole channel rests.
        seconds = reply.retry_after if reply.retry_after is not None else PAUSE_SECONDS
        ChatChannel.objects.filter(pk=channel.pk).update(
            resume_at=clock.now() + dt.timedelta(seconds=seconds)
        )
        batch.release([row], after=max(seconds, 1.0))
        _note(channel, why)
    else:
        batch.retry([row], why, after=reply.retry_after)
        _note(channel, why)


def _carried(message: ChatMessage, state: State, why: str = "") -> None:
    """What went in this message shares its fate."""
    waiting = message.carries.filter(state=State.PENDING)
    waiting.update(state=state, error=why[:300], finished_at=clock.now())


def _unknown(
    batch: "outbox.Batch[ChatMessage]",
    row: ChatMessage,
    message: ChatMessage,
    channel: ChatChannel,
    error: fetch.FetchError,
) -> None:
    _note(channel, error.message)
    if not error.may_have_arrived:
        batch.retry([row], error.message)
    elif message.doubts:
        why = f"{error.message} It was sent twice; whether it arrived is unknown."
        batch.in_doubt([row], why)
        _carried(message, State.IN_DOUBT, why)
    else:
        batch.retry([row], error.message, doubts=1)


def _dead(batch: "outbox.Batch[ChatMessage]", row: ChatMessage, channel: ChatChannel, why: str) -> None:
    """The channel takes nothing any more: the message waits for it to be mended, a test has failed."""
    if row.is_test:
        batch.fail([row], why)
        _note(channel, why)
        if channel.state != ChannelState.ACTIVE:
            return
    else:
        batch.release([row])
    _break(channel, why)


def _note(channel: ChatChannel, why: str) -> None:
    ChatChannel.objects.filter(pk=channel.pk).update(last_error=why[:300])


@transaction.atomic
def _break(channel: ChatChannel, why: str) -> None:
    """Take the channel out of service, once, with an alert and, as they chose, a mail to who leads."""
    now = clock.now()
    is_new = (
        ChatChannel.objects.filter(pk=channel.pk)
        .exclude(state=ChannelState.BROKEN)
        .update(state=ChannelState.BROKEN, broken_at=now, last_error=why[:300])
    )
    if is_new:
        alerts.raise_alert(
            kind=ALERT_KIND,
            reason=f"chat:{channel.pk}",
            dedupe_key=f"chat:{channel.pk}:broken:{now.isoformat()}",
            assignee=_who_looks(channel),
        )


def _who_looks(channel: ChatChannel) -> User | None:
    person = channel.created_by
    if person is not None and can_lead(person):
        return person
    leads = User.objects.filter(is_active=True, role__in=[Role.LEAD, Role.ADMINISTRATOR])
    return leads.order_by("-role", "pk").first()


def given_up(row: ChatMessage) -> None:
    """A message that no try brought out: for hours the other side was away, so the channel counts as broken."""
    _carried(row, State.DEAD, row.error)
    if not row.is_test:
        _break(row.channel, row.error or "No message came through.")


def is_claimable() -> Q:
    """What may be sent now: due, carried by none, and to a channel that is in service and does not rest. Tests always."""
    now = clock.now()
    rested = Q(channel__resume_at__isnull=True) | Q(channel__resume_at__lte=now)
    ordinary = Q(channel__state=ChannelState.ACTIVE) & rested
    return Q(due_at__lte=now, carried_by__isnull=True) & (ordinary | Q(is_test=True))


def matter_of(alert: Alert) -> alert_kinds.Matter:
    """Which channel an alert is about."""
    pk = alert.reason.removeprefix("chat:")
    channel = ChatChannel.objects.filter(pk=int(pk)).first() if pk.isdigit() else None
    if channel is None:
        return alert_kinds.Matter("A chat channel takes no messages any more")
    return alert_kinds.Matter(
        f"{channel.name} takes no messages any more",
        reverse("integrations:chat_detail", args=[channel.pk]),
        channel.last_error,
    )


def register() -> None:
    outbox.register(
        outbox.Kind(
            KIND, ChatMessage, send_batch, batch=5, max_attempts=8, filter=is_claimable, on_dead=given_up,
            order_by=("next_at", "id"),
        )
    )  # fmt: skip
    alert_kinds.register(ALERT_KIND, matter_of, label="A chat channel is broken", severity=Severity.NORMAL)
    timeline.subscribe("integrations.chat", on_alert, kinds=["alert.raised", "alert.woken"], live_only=True)
