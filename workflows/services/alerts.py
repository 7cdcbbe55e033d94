"""What changes alerts."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Min, Q

from accounts import timeline
from accounts.models import Account, Contact
from core import clock
from core.errors import Invalid, Refused
from surveys.models import InboundMessage, Response
from team import audit
from team.models import User
from workflows import alert_kinds
from workflows.alerting.domain import Gravity, Severity, Wake, is_clearly_worse, worst
from workflows.domain import LIVE_ALERTS, AlertState
from workflows.models import Alert, AlertCause, HandOver, Loop, Notification, Run
from workflows.notifying import topics
from workflows.services import holding, notifications
from workflows.services.notifications import NOTICE

__all__ = [
    "NOTICE", "assign_alert", "assign_many", "close_alert", "is_new_to", "mark_seen", "raise_alert", "snooze_alert",
    "snooze_many", "wake_alert", "wake_due", "wake_many",
]  # fmt: skip

LONGEST_SNOOZE = dt.timedelta(days=366)


@transaction.atomic
def raise_alert(
    *,
    kind: str,
    reason: str = "",
    account: Account | None = None,
    contact: Contact | None = None,
    response: Response | None = None,
    message: InboundMessage | None = None,
    run: Run | None = None,
    assignee: User | None = None,
    dedupe_key: str | None = None,
    data: Mapping[str, Any] | None = None,
    severity: Severity | None = None,
) -> Alert:
    """Open an alert, or add to the one that is open for the same account, kind and reason (without an account: the same
    kind and reason). Returns the alert.

    `dedupe_key` names what happened; the same thing never fires twice, also when its alert has been closed since. Without
    one it is the run, the answer or the message, else every call counts. Adding counts, brings the newest answer and
    the graver severity up, and records `alert.updated`; the assignee is mailed again when an hour has passed since the
    last time. One that sleeps is counted silently, and wakes where what comes is clearly worse
    (`alerting.domain.is_clearly_worse`). `data` holds neutral values only.
    """
    key = dedupe_key or _key_of(kind, reason, response, message, run)
    severity = severity or alert_kinds.severity_of(kind, response)
    fields: dict[str, Any] = {"contact": contact, "response": response, "message": message, "run": run}
    for _ in range(3):
        known = AlertCause.objects.filter(key=key).select_related("alert").first()
        if known is not None:
            return known.alert
        live = _hold_live(account, kind, reason)
        try:
            with transaction.atomic():
                if live is None:
                    return _open(
                        key, kind=kind, reason=reason, account=account, assignee=assignee, severity=severity,
                        data=dict(data or {}), **fields,
                    )  # fmt: skip
                return _add(live, key, severity=severity, assignee=assignee, data=dict(data or {}), **fields)
        except IntegrityError:
            continue  # somebody else raised the same at the same moment: look again
    raise RuntimeError(f"An alert of kind {kind} could not be raised")


def _key_of(
    kind: str, reason: str, response: Response | None, message: InboundMessage | None, run: Run | None
) -> str:
    for name, thing in (("run", run), ("response", response), ("message", message)):
        if thing is not None:
            return f"{name}:{thing.pk}:{kind}:{reason}"
    return f"{kind}:{uuid.uuid4().hex}"


def _hold_live(account: Account | None, kind: str, reason: str) -> Alert | None:
    return (
        Alert.objects.select_for_update(of=("self",))
        .filter(account=account, kind=kind, reason=reason, state__in=LIVE_ALERTS)
        .first()
    )


def _open(key: str, *, severity: Severity, data: dict[str, Any], **fields: Any) -> Alert:
    now = clock.now()
    alert: Alert = Alert.objects.create(severity=severity, data=data, opened_at=now, last_at=now, **fields)
    _note(alert, key, severity=severity, data=data, **{name: fields[name] for name in _OF_A_CAUSE})
    run = fields["run"]
    _record(alert, "raised", "raised", assignee=alert.assignee_id, rule=run.rule_id if run else None)
    _instead(notifications.notify(user=alert.assignee, topic=topics.key_of(alert), alert=alert), fields)
    return alert


def _instead(told: Notification | None, fields: Mapping[str, Any]) -> None:
    if told is not None:
        response = fields["response"]
        notifications.instead_of_tasks(
            told=told, run=fields["run"], response_id=response.pk if response is not None else None
        )


_OF_A_CAUSE = ("contact", "response", "message", "run")


def _note(alert: Alert, key: str, *, is_muted: bool = False, **fields: Any) -> None:
    AlertCause.objects.create(alert=alert, key=key, at=clock.now(), is_muted=is_muted, **fields)


def _add(
    alert: Alert, key: str, *, severity: Severity, assignee: User | None, data: dict[str, Any], **fields: Any
) -> Alert:
    is_asleep = alert.state == AlertState.SNOOZED
    wakes = is_asleep and is_clearly_worse(_gravity_at_snooze(alert), _gravity(severity, fields["response"]))
    _note(alert, key, severity=severity, data=data, is_muted=is_asleep and not wakes, **fields)
    for name in _OF_A_CAUSE:
        if fields[name] is not None:
            setattr(alert, name, fields[name])
    alert.count += 1
    alert.muted_count += int(is_asleep)
    alert.last_at = clock.now()
    alert.severity = worst(alert.severity, severity)
    alert.data = {**alert.data, **data}
    if assignee is not None and (alert.assignee is None or not alert.assignee.is_active):
        alert.assignee, alert.seen_at = assignee, None
    alert.save(
        update_fields=[
            *_OF_A_CAUSE, "count", "muted_count", "last_at", "severity", "data", "assignee", "seen_at",
        ]
    )  # fmt: skip
    run = fields["run"]
    _record(
        alert, "updated", f"updated:{alert.count}", count=alert.count, severity=alert.severity,
        is_asleep=is_asleep and not wakes, rule=run.rule_id if run else None,
    )  # fmt: skip
    if wakes:
        _wake(alert, Wake.WORSE)
    elif not is_asleep:
        _instead(notifications.notify_again(user=alert.assignee, alert=alert), fields)
    return alert


def _gravity(severity: str, response: Response | None) -> Gravity:
    return Gravity(severity, response.score if response is not None and response.metric == "nps" else None)


def _gravity_at_snooze(alert: Alert) -> Gravity:
    known = alert.causes.filter(at__lte=alert.snoozed_at, is_muted=False)
    score = known.filter(response__metric="nps").aggregate(lowest=Min("response__score"))["lowest"]
    return Gravity(alert.severity, score)


def _record(alert: Alert, what: str, transition: str, *, actor: User | None = None, **data: Any) -> None:
    timeline.record(
        kind=f"alert.{what}",
        cause_key=f"alert:{alert.pk}:{transition}",
        account=alert.account,
        contact=alert.contact,
        actor=actor,
        subject=("alert", alert.pk),
        data={"alert": alert.kind, **({"reason": alert.reason} if alert.reason else {}), **data},
    )


# --- Looking, handing over, closing ----------------------------------------------------------------------------
def is_new_to(alert: Alert, user: User) -> bool:
    """Whether the alert is this person's and they have not looked at it yet."""
    return alert.seen_at is None and alert.assignee_id == user.pk


def mark_seen(*, alert: Alert, user: User) -> None:
    """Remember when the assignee first saw the alert, or acted on it, and take it off the person's bell."""
    if is_new_to(alert, user):
        Alert.objects.filter(pk=alert.pk, seen_at__isnull=True).update(seen_at=clock.now())
    notifications.mark_read(user=user, alert=alert)


@transaction.atomic
def assign_alert(*, alert: Alert, assignee: User, actor: User) -> None:
    """Give the alert to somebody else and tell them."""
    if not assignee.is_active:
        raise Refused("This person is deactivated. Choose an active colleague.", field="assignee")
    if assignee.pk != alert.assignee_id:
        alert.seen_at = None
    alert.assignee = assignee
    holding.clocks(alert.causes.filter(response__isnull=False).values_list("response_id", flat=True))
    alert.save(update_fields=["assignee", "seen_at"])
    # Who has the alert keeps the promise behind it; somebody decided, so neither goes back after a leave.
    loops = Loop.objects.filter(response__in=alert.causes.values("response"), resolved_at__isnull=True)
    HandOver.objects.filter(Q(alert=alert) | Q(loop__in=loops)).delete()
    loops.update(owner=assignee)
    audit.record(action="alert.assign", actor=actor, obj=alert, assignee=assignee.pk)
    if assignee != actor:
        notifications.notify(user=assignee, topic=topics.key_of(alert), alert=alert, data={"given": True})


@transaction.atomic
def close_alert(*, alert: Alert, outcome: str, actor: User | None) -> None:
    """Close the alert with its outcome. Closing a closed alert is refused, so two people notice each other."""
    closed = Alert.objects.filter(pk=alert.pk, state__in=LIVE_ALERTS).update(
        state=AlertState.CLOSED, closed_at=clock.now(), closed_by=actor, outcome=outcome[:200],
        snoozed_until=None,
    )  # fmt: skip
    if actor is not None:
        mark_seen(alert=alert, user=actor)
    if not closed:
        raise Refused("This alert is closed already.", code="already_closed")
    alert.refresh_from_db()
    alert.notifications.filter(read_at__isnull=True).update(read_at=clock.now())
    _record(alert, "closed", "closed", actor=actor)


# --- Sleeping --------------------------------------------------------------------------------------------------
@transaction.atomic
def snooze_alert(*, alert: Alert, until: dt.datetime, reason: str, actor: User) -> None:
    """Put an alert to sleep: it stands in a list of its own, and what fires meanwhile is counted and told to nobody.

    It wakes at `until`, when a person wakes it, or at once when something clearly worse fires. A sleeping one may be given
    another date. Refuses a date that has passed or is more than a year away, and no reason.
    """
    reason = reason.strip()
    if not reason:
        raise Invalid("Say in a line why it can wait.", field="reason")
    now = clock.now()
    if until <= now:
        raise Invalid("Choose a date that is still to come.", field="until")
    if until > now + LONGEST_SNOOZE:
        raise Invalid("Choose a date within a year, or close the alert.", field="until")
    held = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
    if held.state == AlertState.CLOSED:
        raise Refused("This alert is closed already.", code="already_closed")
    changed: dict[str, Any] = {
        "state": AlertState.SNOOZED, "snoozed_until": until, "snooze_reason": reason[:200], "snoozed_by": actor,
    }  # fmt: skip
    if held.state == AlertState.OPEN:
        changed |= {"snoozed_at": now, "muted_count": 0, "woken_at": None, "woken_why": ""}
    Alert.objects.filter(pk=alert.pk).update(**changed)
    mark_seen(alert=alert, user=actor)
    alert.notifications.filter(read_at__isnull=True).update(read_at=now)
    alert.refresh_from_db()
    _record(alert, "snoozed", f"snoozed:{int(now.timestamp())}", actor=actor, until=until.isoformat())


@transaction.atomic
def wake_alert(*, alert: Alert, actor: User) -> None:
    """Take an alert out of its sleep before its time."""
    held = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
    if held.state != AlertState.SNOOZED:
        raise Refused("This alert does not sleep.", code="not_snoozed")
    _wake(held, Wake.PERSON, actor=actor)
    alert.refresh_from_db()


def _wake(alert: Alert, why: Wake, *, actor: User | None = None) -> None:
    alert.state, alert.snoozed_until = AlertState.OPEN, None
    alert.woken_at, alert.woken_why, alert.seen_at = clock.now(), why.value, None
    alert.save(update_fields=["state", "snoozed_until", "woken_at", "woken_why", "seen_at"])
    _record(
        alert,
        "woken",
        f"woken:{int(alert.woken_at.timestamp())}",
        actor=actor,
        why=why.value,
        fired=alert.muted_count,
    )
    if alert.assignee != actor:
        notifications.notify(
            user=alert.assignee, topic=topics.key_of(alert), alert=alert, data={"woken": why.value}
        )


def wake_due() -> int:
    """With every tick: alerts whose time has come are open again; returns how many."""
    due = Alert.objects.filter(state=AlertState.SNOOZED, snoozed_until__lte=clock.now())
    number = 0
    for pk in list(due.order_by("snoozed_until", "pk").values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            alert = due.select_for_update(of=("self",)).filter(pk=pk).first()
            if alert is not None:
                _wake(alert, Wake.TIME)
                number += 1
    return number


# --- Many at once ----------------------------------------------------------------------------------------------
def each(ids: Sequence[int], change: Callable[[Alert], None]) -> tuple[int, int]:
    """Do `change` to each alert in one transaction; returns how many were changed, and how many had been closed since."""
    number = left = 0
    with transaction.atomic():
        holding.answers_of_alerts(ids)
        for alert in Alert.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk"):
            if not alert.is_live:
                left += 1
                continue
            change(alert)
            number += 1
    return number, left


def assign_many(*, ids: Sequence[int], assignee: User, actor: User) -> tuple[int, int]:
    """Give many alerts to one person; returns how many, and how many were left out because they are closed."""
    return each(ids, lambda alert: assign_alert(alert=alert, assignee=assignee, actor=actor))


def snooze_many(*, ids: Sequence[int], until: dt.datetime, reason: str, actor: User) -> tuple[int, int]:
    """Put many alerts to sleep; counts as `assign_many` does."""
    return each(ids, lambda alert: snooze_alert(alert=alert, until=until, reason=reason, actor=actor))


def wake_many(*, ids: Sequence[int], actor: User) -> tuple[int, int]:
    """Wake many alerts; those that do not sleep stay as they are."""
    return each(ids, lambda alert: _wake_if_asleep(alert, actor))


def _wake_if_asleep(alert: Alert, actor: User) -> None:
    if alert.state == AlertState.SNOOZED:
        wake_alert(alert=alert, actor=actor)
