"""When what alerts are about changes places: answers that turn out to be somebody else's, accounts that become one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction

from accounts.models import Account, Contact, Event
from core import clock
from surveys.models import Response
from workflows import people
from workflows.alerting.domain import worst
from workflows.domain import LIVE_ALERTS, AlertState
from workflows.models import Alert, AlertCause
from workflows.notifying import topics
from workflows.services import notifications


@transaction.atomic
def fold(*, alert: Alert, into: Alert) -> None:
    """Move all that fired an alert into another and close it; it says where its causes went."""
    AlertCause.objects.filter(alert=alert).update(alert=into)
    Alert.objects.filter(pk=alert.pk).update(
        state=AlertState.CLOSED, closed_at=clock.now(), snoozed_until=None,
        data={**alert.data, "gathered_in": into.pk},
    )  # fmt: skip
    alert.notifications.filter(read_at__isnull=True).update(read_at=clock.now())
    recount(into)


def recount(alert: Alert) -> None:
    """Set what an alert says of its causes anew from them."""
    causes = list(AlertCause.objects.filter(alert=alert).order_by("at", "pk"))
    if not causes:
        return
    alert.count, alert.last_at = len(causes), causes[-1].at
    alert.opened_at = min(alert.opened_at, causes[0].at)
    for name in ("contact_id", "response_id", "message_id", "run_id"):
        setattr(alert, name, next((value for c in reversed(causes) if (value := getattr(c, name))), None))
    severity = causes[0].severity
    for cause in causes[1:]:
        severity = worst(severity, cause.severity)
    alert.severity = severity
    alert.save(
        update_fields=[
            "count", "last_at", "opened_at", "contact", "response", "message", "run", "severity",
        ]
    )  # fmt: skip


def follow(response: Response) -> None:
    """What fired because of an answer belongs to the account the answer belongs to now. Idempotent."""
    for cause in AlertCause.objects.filter(response=response).select_related("alert").order_by("pk"):
        if cause.contact_id != response.contact_id:
            cause.contact_id = response.contact_id
            cause.save(update_fields=["contact"])
        if cause.alert.account_id == response.account_id:
            recount(cause.alert)
        else:
            _move(cause, response.account)


def _move(cause: AlertCause, account: Account | None) -> None:
    alert = cause.alert
    twin = _live(account, alert)
    is_alone = not AlertCause.objects.filter(alert=alert).exclude(pk=cause.pk).exists()
    if is_alone and (twin is None or not alert.is_live):
        alert.account = account
        alert.save(update_fields=["account"])
        recount(alert)
        return
    if is_alone and twin is not None:
        fold(alert=alert, into=twin)
        return
    if not alert.is_live:
        return  # what was settled together stays together
    if twin is None:
        twin = Alert.objects.create(
            kind=alert.kind, reason=alert.reason, severity=cause.severity, account=account,
            assignee=people.responsible_for(account), opened_at=cause.at, last_at=cause.at,
        )  # fmt: skip
        notifications.notify(user=twin.assignee, topic=topics.key_of(twin), alert=twin)
    cause.alert = twin
    cause.save(update_fields=["alert"])
    recount(twin)
    recount(alert)


def _live(account: Account | None, like: Alert) -> Alert | None:
    return (
        Alert.objects.select_for_update(of=("self",))
        .filter(account=account, kind=like.kind, reason=like.reason, state__in=LIVE_ALERTS)
        .exclude(pk=like.pk)
        .first()
    )


def on_accounts_merged(event: Event) -> None:
    """Open alerts of the account that went, whose like the remaining one has, become part of those."""
    for alert in Alert.objects.filter(account_id=event.data.get("loser") or 0, state__in=LIVE_ALERTS):
        twin = _live(event.account, alert) if event.account is not None else None
        if twin is not None:
            fold(alert=alert, into=twin)


@contextmanager
def moving(ids: Sequence[int], contacts: Sequence[int]) -> Iterator[None]:
    """Alerts of a contact without account are about to come to one that may have their like open already."""
    account = Account.objects.filter(contacts__in=list(contacts)).first() if contacts else None
    if account is not None:
        homeless = Alert.objects.filter(pk__in=list(ids), account__isnull=True, state__in=LIVE_ALERTS)
        for alert in homeless.order_by("pk"):
            twin = _live(account, alert)
            if twin is not None:
                fold(alert=alert, into=twin)
    yield


def contacts_of(alert: Alert) -> list[Contact]:
    """The people an alert is about, those of its newest causes first."""
    found: dict[int, Contact] = {}
    for cause in alert.causes.select_related("contact").order_by("-at", "-pk"):
        if cause.contact is not None:
            found.setdefault(cause.contact.pk, cause.contact)
    if not found and alert.contact is not None:
        found[alert.contact.pk] = alert.contact
    return list(found.values())
