"""Mails to colleagues about what they are told: one thing each, or what came above the share of an hour gathered."""

from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.urls import reverse

from core import clock, outbox
from team import queries as team_queries
from workflows.models import Notice, Notification
from workflows.notifying import mails, words
from workflows.services.notifications import NOTICE

LINES = 50
"""A gathered mail names so many things; the rest it counts, and they stand in the app."""

_PARTS = (
    "alert__account", "alert__contact", "alert__response", "alert__message", "task__account", "task__contact",
    "task__response",
    "step__run__rule", "step__run__account__owner", "step__run__contact", "step__run__event",
)  # fmt: skip


def _message(notice: Notice) -> EmailMultiAlternatives:
    items = notice.items.select_related(*_PARTS).order_by("at", "pk")
    total = notice.items.count()
    shown = list(items[:LINES])
    return _of_one(notice, shown[0]) if total == 1 else _of_many(notice, shown, total)


def _of_one(notice: Notice, item: Notification) -> EmailMultiAlternatives:
    subject = item.alert or item.task
    contact, response = subject.contact if subject else None, subject.response if subject else None
    said = words.of(item)
    context: dict[str, object] = {
        "title": said.title,
        "more": said.more,
        "who": contact.display_name if contact else "Somebody",
        "response": response,
        "written": item.alert.message if item.alert is not None else None,
        "is_alert": item.alert is not None,
        "can_reply": item.alert is not None and contact is not None and bool(contact.email),
        "is_owner": subject is not None
        and subject.account is not None
        and subject.account.owner_id == notice.user_id,
        "account": subject.account if subject else None,
        "contact": contact,
        "url": settings.BASE_URL + (said.path or reverse("workflows:notification_list")),
    }
    return _mail(notice, said.title, "notice", context)


def _of_many(notice: Notice, items: Sequence[Notification], total: int) -> EmailMultiAlternatives:
    alerts = sum(1 for item in items if item.alert_id) == len(items)
    what = f"{total} more alerts" if alerts else f"{total} more things to look at"
    context: dict[str, object] = {
        "title": what,
        "lines": [
            {"words": said, "url": settings.BASE_URL + said.path if said.path else ""}
            for said in map(words.of, items)
        ],
        "left": total - len(items),
        "url": settings.BASE_URL + reverse("workflows:notification_list"),
        "cap": team_queries.workspace().notices_per_hour,
    }
    return _mail(notice, what, "gathered", context)


def _mail(notice: Notice, subject: str, template: str, context: dict[str, object]) -> EmailMultiAlternatives:
    return mails.mail(
        to=notice.user, subject=subject, template=template, context=context | {"notice": notice}, ident=f"notice-{notice.pk}"
    )  # fmt: skip


def send_batch(batch: "outbox.Batch[Notice]") -> None:
    """Send the claimed notices over one connection; each succeeds or is tried again by itself."""
    ids = [row.pk for row in batch.rows]
    rows = {n.pk: n for n in Notice.objects.filter(pk__in=ids).select_related("user")}
    carrying = set(Notification.objects.filter(notice__in=ids).values_list("notice_id", flat=True))
    gone = [row for row in batch.rows if not rows[row.pk].user.is_active]
    batch.cancel(gone, "The person is deactivated.")
    empty = [row for row in batch.rows if row not in gone and row.pk not in carrying]
    batch.cancel(empty, "What it told of is no longer there.")
    waiting = [row for row in batch.rows if row not in gone and row not in empty]
    mails.send(batch, waiting, lambda row: _message(rows[row.pk]))


def _is_due() -> Q:
    return Q(due_at__lte=clock.now())


def register() -> None:
    outbox.register(outbox.Kind(NOTICE, Notice, send_batch, idempotent=True, max_attempts=12, filter=_is_due))
