"""Telling people: in the app, and by mail within what one person can read in an hour."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q

from core import clock, jobs, outbox
from core.outbox import State
from team import queries as team_queries
from team.models import User
from workflows.models import Alert, AlertCause, Notice, Notification, Run, RunStep, Task
from workflows.notifying import topics
from workflows.notifying.domain import HOUR, Way, room_at
from workflows.notifying.preferences import Wishes, wishes_of

NOTICE = "workflow_notice"
AGAIN_AFTER = HOUR
"""An alert that fires again is told again when this has passed since the last time."""


@transaction.atomic
def notify(
    *,
    user: User | None,
    topic: str,
    alert: Alert | None = None,
    task: Task | None = None,
    step: RunStep | None = None,
    data: Mapping[str, Any] | None = None,
    but: frozenset[Way] = frozenset(),
) -> Notification | None:
    """Tell somebody about something, in the ways they chose for `topic` `but` some; returns None when none is left, or
    they are gone.

    Mails go at once as long as the person had fewer within the hour than the workspace allows (`notices_per_hour`), and not
    in their quiet hours; all others wait together and go as one mail. `data` holds neutral values only: names and texts are
    read from what the notification points at.
    """
    if user is None or not user.is_active:
        return None
    wishes = wishes_of(user)
    ways = wishes.ways_of(topics.topic_named(topic)) - but
    if not ways:
        return None
    told = Notification.objects.create(
        user=user, topic=topic, alert=alert, task=task, step=step, data=dict(data or {}), at=clock.now(),
        in_app=Way.APP in ways,
    )  # fmt: skip
    if Way.MAIL in ways:
        told.notice = _mail_for(told, wishes)
        told.save(update_fields=["notice"])
    return told


@transaction.atomic
def notify_again(*, user: User | None, alert: Alert) -> Notification | None:
    """Say that an open alert fired again: at once in the app, and by mail when the last one is an hour old. Returns what
    says so.

    What still stands unread in the app is brought up again instead of standing there twice.
    """
    if user is None or not user.is_active:
        return None
    topic = topics.key_of(alert)
    earlier = Notification.objects.filter(user=user, alert=alert).order_by("-at", "-pk")
    last = earlier.filter(notice__isnull=False).first() or earlier.first()
    if last is None or last.at <= clock.now() - AGAIN_AFTER:
        earlier.filter(read_at__isnull=True).update(read_at=clock.now())
        return notify(user=user, topic=topic, alert=alert, data={"count": alert.count})
    if Way.APP not in wishes_of(user).ways_of(topics.topic_named(topic)):
        return None
    standing = earlier.filter(read_at__isnull=True, in_app=True).first()
    if standing is not None:
        # `at` stays: it says when the person was told, which is what the next mail waits for.
        Notification.objects.filter(pk=standing.pk).update(data={**standing.data, "count": alert.count})
        return standing
    return Notification.objects.create(
        user=user, topic=topic, alert=alert, data={"count": alert.count}, at=clock.now()
    )


def _mail_for(told: Notification, wishes: Wishes) -> Notice:
    """The mail that carries `told`: one of its own, or the one in which things gather. Each person's turn comes by itself,
    so that of a hundred things at once none slips past the count."""
    User.objects.select_for_update(no_key=True).filter(pk=wishes.user.pk).first()
    now = clock.now()
    waiting = (
        Notice.objects.select_for_update(of=("self",))
        .filter(user=wishes.user, is_gathered=True, state=State.PENDING)
        .first()
    )
    quiet = wishes.quiet_end(now)
    if waiting is not None:
        if quiet is not None and waiting.due_at < quiet:
            Notice.objects.filter(pk=waiting.pk).update(due_at=quiet)
        return waiting
    sent = Notice.objects.filter(user=wishes.user, due_at__gt=now - HOUR, due_at__lte=now)
    cap = max(1, team_queries.workspace().notices_per_hour)
    due_at = max(room_at(now, list(sent.values_list("due_at", flat=True)), cap), quiet or now)
    key = f"told:{told.pk}"
    outbox.add([Notice(key=key, user=wishes.user, is_gathered=due_at > now, due_at=due_at)])
    jobs.wake(NOTICE)
    return Notice.objects.get(key=key)


# --- Told once ---------------------------------------------------------------------------------------------------
def told_by_alert(*, user: User | None, task: Task) -> frozenset[Way]:
    """In which ways the person was told of the alert that came of the same run or answer within the hour: its page shows
    the task, so the task needs no word of its own there."""
    same = _same(task.run_id, task.response_id)
    if user is None or same is None:
        return frozenset()
    fresh = clock.now() - AGAIN_AFTER
    raised = AlertCause.objects.filter(same, at__gt=fresh, is_muted=False).values("alert")
    told = Notification.objects.filter(Q(read_at__isnull=True) | Q(at__gt=fresh), user=user, alert__in=raised)
    ways: set[Way] = set()
    for row in told:
        ways |= _ways_of(row)
    return frozenset(ways)


def instead_of_tasks(*, told: Notification, run: Run | None, response_id: int | None) -> None:
    """Take back what `told`, which is about an alert, says too: that rules gave the person a task for the same run or answer
    a moment ago. A mail that waits goes without it, or not at all."""
    same = _same(run.pk if run is not None else None, response_id)
    if same is None:
        return
    asked = Task.objects.filter(same, created_by__isnull=True)
    rows = Notification.objects.select_related("notice").filter(
        user=told.user_id, topic=topics.TASK_GIVEN, task__in=asked, read_at__isnull=True,
        at__gt=clock.now() - AGAIN_AFTER,
    )  # fmt: skip
    ways = _ways_of(told)
    for row in rows:
        if _ways_of(row) <= ways and (row.notice is None or row.notice.state == State.PENDING):
            row.delete()
        elif Way.APP in ways:
            Notification.objects.filter(pk=row.pk).update(read_at=clock.now())


def _same(run_id: int | None, response_id: int | None) -> Q | None:
    if run_id is None and response_id is None:
        return None
    of_run = Q(run=run_id) if run_id is not None else Q()
    return of_run | Q(response=response_id) if response_id is not None else of_run


def _ways_of(told: Notification) -> frozenset[Way]:
    return frozenset(
        way for way, is_on in ((Way.APP, told.in_app), (Way.MAIL, told.notice_id is not None)) if is_on
    )


@transaction.atomic
def mark_read(*, user: User, alert: Alert | None = None, pk: int | None = None) -> int:
    """Take notifications off the bell: those about an alert, one by its number, or all. Returns how many."""
    unread = Notification.objects.filter(user=user, read_at__isnull=True)
    if alert is not None:
        unread = unread.filter(alert=alert)
    if pk is not None:
        unread = unread.filter(pk=pk)
    return unread.update(read_at=clock.now())
