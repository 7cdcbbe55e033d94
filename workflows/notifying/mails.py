"""Mails to colleagues: put together, and sent over one connection. A lost one is worse than a repeated one."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from core import outbox
from core.failures import describe
from team import queries as team_queries
from team.models import User

SERVER_PAUSE_SECONDS = 60


def mail(
    *, to: User, subject: str, template: str, context: dict[str, Any], ident: str
) -> EmailMultiAlternatives:
    """The mail of `workflows/mail/<template>`, in text and HTML. `ident` names it for good, however often it is sent."""
    context = context | {
        "company": team_queries.workspace().name,
        "settings_url": settings.BASE_URL + reverse("workflows:notification_preferences"),
    }
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split())[:150],
        body=render_to_string(f"workflows/mail/{template}.txt", context),
        to=[to.email],
        headers={
            "Message-ID": f"<{ident}@{urlsplit(settings.BASE_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"workflows/mail/{template}.html", context), "text/html")
    return message


def send(
    batch: "outbox.Batch[Any]", rows: Sequence[Any], message_of: Callable[[Any], EmailMultiAlternatives]
) -> None:
    """Send the mails of these rows; each succeeds or is tried again by itself."""
    if not rows:
        return
    connection = get_connection()
    try:
        connection.open()
    except OSError:
        # The server's trouble, not the mail's: it costs no attempt, however long the outage.
        batch.release(rows, after=SERVER_PAUSE_SECONDS)
        return
    for row in batch.fence(rows):
        try:
            message = message_of(row)
            message.connection = connection
            message.send()
        except Exception as error:
            batch.retry([row], describe(error))
        else:
            batch.done([row])
    connection.close()
