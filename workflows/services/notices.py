"""Mails to colleagues about alerts and tasks. A lost one is worse than a repeated one, so doubt means again."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from core import outbox
from core.failures import describe
from surveys.models import Response
from team import queries as team_queries
from workflows.models import Notice
from workflows.services.alerts import NOTICE

SERVER_PAUSE_SECONDS = 60


def _said(response: Response) -> str:
    """A score in words; on another scale than the NPS with its end, so that nobody takes a 4 of 5 for a 4 of 10."""
    return str(response.score) if response.metric == "nps" else f"{response.score} of {response.scale_max}"


def _message(notice: Notice) -> EmailMultiAlternatives:
    subject = notice.alert or notice.task
    contact, response = subject.contact if subject else None, subject.response if subject else None
    who = contact.display_name if contact else "Somebody"
    if notice.alert is not None:
        path = reverse("workflows:alert_detail", args=[notice.alert.pk])
        at = f" at {notice.alert.account.name}" if notice.alert.account else ""
        title = (
            f"{who}{at} answered {_said(response)}"
            if response
            else f"{who}{at} wrote back"
            if notice.alert.message
            else notice.alert.matter.words
            if notice.alert.matter
            else f"Alert{at}"
        )
    else:
        path = reverse("workflows:task_detail", args=[notice.task_id])
        title = notice.task.title if notice.task else "Task"
    context = {
        "notice": notice,
        "title": title,
        "who": who,
        "response": response,
        "written": notice.alert.message if notice.alert is not None else None,
        "account": subject.account if subject else None,
        "contact": contact,
        "url": settings.BASE_URL + path,
        "settings_url": settings.BASE_URL + reverse("team:settings"),
        "company": team_queries.workspace().name,
    }
    message = EmailMultiAlternatives(
        subject=" ".join(title.split())[:150],
        body=render_to_string("workflows/mail/notice.txt", context),
        to=[notice.user.email],
        headers={
            "Message-ID": f"<notice-{notice.pk}@{settings.BASE_URL.split('//')[-1].split(':')[0]}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("workflows/mail/notice.html", context), "text/html")
    return message


def send_batch(batch: "outbox.Batch[Notice]") -> None:
    """Send the claimed notices over one connection; each succeeds or is tried again by itself."""
    rows = {
        n.pk: n
        for n in Notice.objects.filter(pk__in=[row.pk for row in batch.rows]).select_related(
            "user", "alert__account", "alert__contact", "alert__response", "alert__message", "task__account", "task__contact",
            "task__response",
        )
    }  # fmt: skip
    gone = [row for row in batch.rows if not rows[row.pk].user.is_active]
    batch.cancel(gone, "The person is deactivated.")
    waiting = [row for row in batch.rows if row not in gone]
    connection = get_connection()
    try:
        connection.open()
    except OSError:
        # The server's trouble, not the mail's: it costs no attempt, however long the outage.
        batch.release(waiting, after=SERVER_PAUSE_SECONDS)
        return
    for row in batch.fence(waiting):
        try:
            message = _message(rows[row.pk])
            message.connection = connection
            message.send()
        except Exception as error:
            batch.retry([row], describe(error))
        else:
            batch.done([row])
    connection.close()


def register() -> None:
    outbox.register(outbox.Kind(NOTICE, Notice, send_batch, idempotent=True, max_attempts=12))
