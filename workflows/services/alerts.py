"""What changes alerts."""

from django.db import transaction

from accounts import timeline
from accounts.models import Account, Contact
from core import clock, jobs, outbox
from core.errors import Refused
from surveys.models import InboundMessage, Response
from team import audit
from team.models import NotificationPreference, User
from workflows.domain import AlertState
from workflows.models import Alert, Notice, Run

NOTICE = "workflow_notice"


@transaction.atomic
def raise_alert(
    *,
    dedupe_key: str,
    kind: str,
    account: Account | None,
    contact: Contact | None,
    response: Response | None,
    run: Run | None,
    assignee: User | None,
    message: InboundMessage | None = None,
) -> Alert:
    """Open an alert, once per `dedupe_key`, and queue the mail to its assignee."""
    alert, is_new = Alert.objects.get_or_create(
        dedupe_key=dedupe_key,
        defaults={
            "kind": kind,
            "account": account,
            "contact": contact,
            "response": response,
            "message": message,
            "run": run,
            "assignee": assignee,
            "opened_at": clock.now(),
        },
    )
    if is_new:
        timeline.record(
            kind="alert.raised",
            cause_key=f"alert:{alert.pk}:raised",
            account=account,
            contact=contact,
            subject=("alert", alert.pk),
            data={
                "alert": kind,
                "assignee": assignee.pk if assignee else None,
                "rule": run.rule_id if run else None,
            },
        )
        _notify(alert)
    return alert


def _notify(alert: Alert) -> None:
    if alert.assignee is None:
        return
    wants = (
        NotificationPreference.objects.filter(user=alert.assignee)
        .values_list("alert_mail", flat=True)
        .first()
    )
    if wants is False:
        return
    # Counted, so that an alert which comes back to the same person is told again.
    number = Notice.objects.filter(alert=alert).count()
    outbox.add([Notice(key=f"alert:{alert.pk}:mail:{number}", user=alert.assignee, alert=alert)])
    jobs.wake(NOTICE)


def is_new_to(alert: Alert, user: User) -> bool:
    """Whether the alert is this person's and they have not looked at it yet."""
    return alert.seen_at is None and alert.assignee_id == user.pk


def mark_seen(*, alert: Alert, user: User) -> None:
    """Remember when the assignee first saw the alert, or acted on it."""
    if is_new_to(alert, user):
        Alert.objects.filter(pk=alert.pk, seen_at__isnull=True).update(seen_at=clock.now())


@transaction.atomic
def assign_alert(*, alert: Alert, assignee: User, actor: User) -> None:
    """Give the alert to somebody else and tell them."""
    if not assignee.is_active:
        raise Refused("This person is deactivated. Choose an active colleague.", field="assignee")
    if assignee.pk != alert.assignee_id:
        alert.seen_at = None
    alert.assignee = assignee
    alert.save(update_fields=["assignee", "seen_at"])
    audit.record(action="alert.assign", actor=actor, obj=alert, assignee=assignee.pk)
    if assignee != actor:
        _notify(alert)


@transaction.atomic
def close_alert(*, alert: Alert, outcome: str, actor: User | None) -> None:
    """Close the alert with its outcome. Closing a closed alert is refused, so two people notice each other."""
    closed = Alert.objects.filter(pk=alert.pk, state=AlertState.OPEN).update(
        state=AlertState.CLOSED, closed_at=clock.now(), closed_by=actor, outcome=outcome[:200]
    )
    if actor is not None:
        mark_seen(alert=alert, user=actor)
    if not closed:
        raise Refused("This alert is closed already.", code="already_closed")
    alert.refresh_from_db()
    timeline.record(
        kind="alert.closed",
        cause_key=f"alert:{alert.pk}:closed",
        account=alert.account,
        contact=alert.contact,
        actor=actor,
        subject=("alert", alert.pk),
        data={"alert": alert.kind},
    )
