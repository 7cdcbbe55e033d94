"""Personal links: asks that nobody sends from here. Each person of the campaign gets an address of their own, which the team
takes into another tool: a mail merge, a letter, a chat.

What is promised is what every channel promises: a person is judged once more before the ask, an ask counts in the
ledger from the moment it is handed out, and nobody gets two. There is no message, so there is no delivery.
"""

import datetime as dt
from collections.abc import Sequence

from django.db import connection

from accounts import timeline
from surveys import eligibility, sql_delivery, sql_eligibility
from surveys.choices import Channel, InvitationState
from surveys.models import Invitation


def hand_out(ids: Sequence[int], *, now: dt.datetime) -> set[int]:
    """Of invitations that are released, take care of those on this channel; returns their ids.

    Call inside the transaction that releases them. Who may no longer be asked is withdrawn with the reason.
    """
    asks = list(
        Invitation.objects.filter(pk__in=ids, channel=Channel.LINK)
        .select_related("contact", "account", "wave__campaign")
        .order_by("pk")
    )
    if not asks:
        return set()
    judged = sql_eligibility.verdicts(
        sql_delivery.audience([ask.pk for ask in asks]), eligibility.rules(), None, now=now
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{judged.sql} SELECT own_id, reason FROM verdict", judged.params)
        reasons = dict(cursor.fetchall())
    for ask in asks:
        reason = reasons.get(ask.pk)
        if reason or ask.contact is None:
            ask.state, ask.outcome_reason = InvitationState.WITHDRAWN, reason or "contact_gone"
            continue
        days = ask.wave.campaign.expires_after_days if ask.wave is not None else 30
        ask.state, ask.asked_at, ask.expires_at = InvitationState.SENT, now, now + dt.timedelta(days=days)
        timeline.record(
            kind="survey.sent",
            cause_key=f"invitation:{ask.pk}:sent",
            account=ask.account,
            contact=ask.contact,
            subject=("invitation", ask.pk),
            occurred_at=now,
            data={"wave": ask.wave_id, "channel": Channel.LINK.value},
        )
    Invitation.objects.bulk_update(
        asks, ["state", "outcome_reason", "asked_at", "expires_at"], batch_size=200
    )
    return {ask.pk for ask in asks}
