"""Invitations that nobody answered in time, and how many in a row somebody has let go by."""

import datetime as dt
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Count, F, Max, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Event
from core import clock
from surveys.choices import InvitationState
from surveys.models import Invitation

CHUNK = 2_000
KIND = "invitation.ignored"
_LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def expire_sent(now: dt.datetime) -> int:
    """Close the invitations whose time to answer is over and record `invitation.ignored` for each person; returns how many."""
    over = 0
    while found := _slice(now):
        over += found
        if found < CHUNK:
            break
    return over


@transaction.atomic
def _slice(now: dt.datetime) -> int:
    due = Invitation.objects.filter(state=InvitationState.SENT, expires_at__lte=now, scored_at__isnull=True)
    skips = connection.features.has_select_for_update_skip_locked
    rows = list(
        due.select_for_update(of=("self",), skip_locked=skips)
        .select_related("contact", "account")
        .order_by("expires_at", "pk")[:CHUNK]
    )
    Invitation.objects.filter(pk__in=[row.pk for row in rows]).update(state=InvitationState.EXPIRED)
    last = {row.contact_id: row for row in rows if row.contact_id is not None and not row.is_test}
    if last:
        _record(list(last.values()))
    return len(rows)


def _record(rows: Sequence[Invitation]) -> None:
    """One event for each person, of the invitation that ran out last."""
    in_a_row = _in_a_row([row.contact_id for row in rows if row.contact_id is not None])
    facts = timeline.facts_of_many([(row.account, row.contact) for row in rows])
    timeline.record_many(
        [
            Event(
                kind=KIND,
                account=row.account,
                contact=row.contact,
                subject_type="invitation",
                subject_id=row.pk,
                cause_key=f"invitation:{row.pk}:ignored",
                origin=Origin.LIVE,
                occurred_at=row.expires_at or clock.now(),
                data={"in_a_row": in_a_row.get(row.contact_id or 0, 1), "channel": str(row.channel)},
                facts=then,
            )
            for row, then in zip(rows, facts, strict=True)
        ]
    )


def _in_a_row(contacts: Sequence[int]) -> dict[int, int]:
    """How many invitations ran out since the person last answered or declined one, by contact, with one statement."""
    reacted = Invitation.objects.filter(
        Q(scored_at__isnull=False) | Q(declined_at__isnull=False), contact=OuterRef("contact"), is_test=False
    )
    last = reacted.order_by().values("contact").annotate(at=Max("asked_at")).values("at")
    ignored = Invitation.objects.filter(contact__in=contacts, state=InvitationState.EXPIRED, is_test=False)
    ignored = ignored.annotate(last_reaction=Coalesce(Subquery(last), Value(_LONG_AGO)))
    counted = ignored.filter(asked_at__gt=F("last_reaction")).order_by().values("contact")
    return dict(counted.annotate(number=Count("pk")).values_list("contact", "number"))
