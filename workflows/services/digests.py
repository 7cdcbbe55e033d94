"""The digest "What needs attention today": who gets it when, and sending it.

Once per person and local date, at the time they chose in their zone, through an outbox of its own. A person who is woken by
nothing gets nothing: a day without lines sends no mail, and neither does one on which no worker ran until hours later.
"""

import datetime as dt
import logging
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from core import clock, jobs, outbox
from core.failures import log_failure
from core.schedules import due_moment, latest_due
from team import queries as team_queries
from team.models import User
from workflows import digest
from workflows.domain import SATURDAY
from workflows.models import Digest
from workflows.notifying import mails
from workflows.notifying.preferences import Wishes, wishes_of, wishes_of_all

logger = logging.getLogger(__name__)
KIND = "workflow_digest"
LATEST = dt.timedelta(hours=6)
"""A morning's digest that could not be sent for so long is left out: the next one is near."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section with what was found for one person."""

    title: str
    found: digest.Found


def day_due(wishes: Wishes, now: dt.datetime) -> dt.date | None:
    """The local date whose digest this person should get now; None outside of the hours after its time."""
    day = latest_due(now, wishes.digest_at, wishes.zone)
    if day is None or due_moment(day, wishes.digest_at, wishes.zone) < now - LATEST:
        return None
    if wishes.stored.digest_on_workdays_only and day.weekday() >= SATURDAY:
        return None
    return day


def plan() -> int:
    """With every tick: a row for each person whose morning has come and who has none for their date; returns how many."""
    now = clock.now()
    rows = []
    for wishes in wishes_of_all():
        day = day_due(wishes, now) if wishes.wants_digest else None
        if day is not None:
            rows.append(Digest(key=f"digest:{wishes.user.pk}:{day}", user=wishes.user, day=day))
    known = set(Digest.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    new = [row for row in rows if row.key not in known]
    if new:
        with transaction.atomic():
            outbox.add(new)
            jobs.wake(KIND)
    return len(new)


@transaction.atomic
def send_now(*, user: User) -> None:
    """The digest as it would be now, asked for by the person: sent also when there is nothing in it. At most one a minute."""
    now = clock.now()
    day = now.astimezone(team_queries.zone_of(user)).date()
    outbox.add(
        [Digest(key=f"digest:{user.pk}:{day}:asked:{now:%Y%m%d%H%M}", user=user, day=day, is_asked_for=True)]
    )
    jobs.wake(KIND)


def last_of(user: User) -> Digest | None:
    """The last digest that was due to this person, whatever became of it."""
    return Digest.objects.filter(user=user).order_by("-day", "-pk").first()


def parts_for(user: User, *, day: dt.date) -> list[Part]:
    """What the digest of this person says on `day`: sections with lines only. One that fails is left out and logged."""
    today = digest.Today(user, team_queries.zone_of(user), day, clock.now())
    parts = []
    for section in digest.sections():
        try:
            with transaction.atomic():
                found = section.find(today)
        except Exception as error:
            log_failure(logger, f"digest section {section.key}", error)
            continue
        if found.lines:
            parts.append(Part(section.title, found))
    return parts


def message_of(row: Digest, parts: list[Part]) -> EmailMultiAlternatives:
    """The mail of one digest."""
    total = sum(part.found.total for part in parts)
    subject = f"{total} things need attention today" if total != 1 else "One thing needs attention today"
    if not parts:
        subject = "Nothing needs attention today"
    context = {
        "title": subject, "person": row.user, "day": row.day, "parts": parts, "base_url": settings.BASE_URL,
    }  # fmt: skip
    return mails.mail(
        to=row.user, subject=subject, template="digest", context=context, ident=f"digest-{row.pk}"
    )


def send_batch(batch: "outbox.Batch[Digest]") -> None:
    """Put the claimed digests together as things are now, and send those that say something."""
    users = User.objects.in_bulk([row.user_id for row in batch.rows])
    said: dict[int, list[Part]] = {}
    for row in batch.rows:
        row.user = users[row.user_id]
        if not row.user.is_active:
            batch.cancel([row], "The person is deactivated.")
        elif not row.is_asked_for and not wishes_of(row.user).wants_digest:
            batch.cancel([row], "The person does not want it any more.")
        else:
            said[row.pk] = parts_for(row.user, day=row.day)
    empty = [row for row in batch.rows if row.pk in said and not said[row.pk] and not row.is_asked_for]
    batch.cancel(empty, "Nothing needed attention.")
    waiting = [row for row in batch.rows if row.pk in said and row not in empty]
    mails.send(batch, waiting, lambda row: message_of(row, said[row.pk]))


def register() -> None:
    outbox.register(outbox.Kind(KIND, Digest, send_batch, idempotent=True, max_attempts=6))
    jobs.on_tick("digests_due", plan)
