"""Mails to the person who connected a system, and the alert when it stays broken."""

import datetime as dt
from enum import StrEnum

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from core import clock, jobs
from integrations import registry
from integrations.domain import ConnectionState
from integrations.models import Connection, SyncRun
from team import queries as team_queries
from team.domain import Role
from team.models import User
from workflows import alert_kinds
from workflows.models import Alert
from workflows.services import alerts

KIND = "integrations.mail"
ALERT_KIND = "connection_broken"
ALERT_AFTER = dt.timedelta(hours=24)


class Mail(StrEnum):
    FIRST_SYNC = "first_sync"
    BROKEN = "broken"


SUBJECTS = {
    Mail.FIRST_SYNC: "{connection}: the first sync has ended",
    Mail.BROKEN: "{connection} needs you: the connection is broken",
}


def queue(mail: Mail, connection: Connection, *, run: SyncRun | None = None) -> None:
    """Have a mail written to who connected it, in the caller's transaction. Nobody there: nobody is told."""
    if connection.connected_by_id is None:
        return
    payload = {"mail": mail.value, "run": run.pk if run else None}
    jobs.submit(KIND, subject_id=connection.pk, payload=payload)


@jobs.handler(KIND)
def send(job: jobs.JobContext) -> None:
    """Write and send one mail; a person gone or deactivated meanwhile gets none."""
    connection = Connection.objects.select_related("connected_by").filter(pk=job.subject_id or 0).first()
    if connection is None or connection.connected_by is None or not connection.connected_by.is_active:
        return
    mail = Mail(job.payload["mail"])
    if mail is Mail.BROKEN and connection.state != ConnectionState.BROKEN:
        return
    system = registry.all_systems().get(connection.system)
    context = {
        "connection": connection,
        "system": system.name if system else connection.system,
        "run": SyncRun.objects.filter(pk=job.payload.get("run") or 0).first(),
        "person": connection.connected_by,
        "company": team_queries.workspace().name,
        "base_url": settings.BASE_URL,
        "link": f"{settings.BASE_URL}{reverse('integrations:connection_detail', args=[connection.pk])}",
    }
    subject = " ".join(SUBJECTS[mail].format(connection=connection.name).split())
    body = render_to_string(f"integrations/mail/{mail}.txt", context)
    EmailMessage(
        subject, body, to=[connection.connected_by.email], headers={"Auto-Submitted": "auto-generated"}
    ).send()


def raise_alerts() -> int:
    """With every tick: an alert, once, for each connection that has been broken for a day; returns how many there are."""
    long_broken = Connection.objects.filter(
        state=ConnectionState.BROKEN, broken_since__lte=clock.now() - ALERT_AFTER
    ).select_related("connected_by")
    number = 0
    for connection in long_broken:
        since = connection.broken_since
        if since is None:
            continue
        alerts.raise_alert(
            dedupe_key=f"connection:{connection.pk}:broken:{int(since.timestamp())}",
            kind=ALERT_KIND,
            reason=f"connection:{connection.pk}",
            assignee=_who_looks(connection),
        )
        number += 1
    return number


def alert_matter(alert: Alert) -> alert_kinds.Matter:
    """Which connection an alert is about."""
    pk = alert.reason.removeprefix("connection:")
    connection = Connection.objects.filter(pk=int(pk)).first() if pk.isdigit() else None
    if connection is None:
        return alert_kinds.Matter("A connection was broken for a day")
    return alert_kinds.Matter(
        f"{connection.name} has been broken for a day",
        reverse("integrations:connection_detail", args=[connection.pk]),
    )


def _who_looks(connection: Connection) -> User | None:
    person = connection.connected_by
    if person is not None and person.is_active and person.role == Role.ADMINISTRATOR:
        return person
    return User.objects.filter(is_active=True, role=Role.ADMINISTRATOR).order_by("pk").first()


def register() -> None:
    alert_kinds.register(ALERT_KIND, alert_matter, label="A connection is broken")
