"""Lists as triggers: who enters a segment that a rule watches, and who leaves it.

Every ten minutes the members of each watched segment are compared with those of the last look, in the database. The first
look at a segment tells nobody, nor does one after its conditions were changed: then it is another list. Nor is told what
a merge since the last look has changed. Who entered or left by an import since the last look is told as imported, so that
only rules act on it that include imports.
"""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import segments, timeline
from accounts.domain import Origin
from accounts.models import Account, Contact, Event, Merge, Segment
from core import bulk, clock, jobs
from core.errors import Invalid
from workflows.models import SegmentMember, SegmentWatch
from workflows.rules import active
from workflows.rules.bringing import brought_in
from workflows.rules.triggers import ENTERED, LEFT

logger = logging.getLogger(__name__)

JOB = "workflows.watch_segments"
EVERY = dt.timedelta(minutes=10)
CHUNK = 2_000


def watched() -> set[int]:
    """The segments that rules which are on wait for."""
    return {
        int(str(judge.rule.trigger_settings.get("segment")))
        for judge in active.current().rules
        if judge.rule.trigger in (ENTERED, LEFT)
        and str(judge.rule.trigger_settings.get("segment", "")).isdigit()
    }


def due() -> list[int]:
    """The watched segments whose turn it is. What no rule watches any more is forgotten, so that the first look after
    another rule is switched on is a first look."""
    wanted = watched()
    SegmentMember.objects.exclude(segment__in=wanted).delete()
    SegmentWatch.objects.exclude(segment__in=wanted).delete()
    now = clock.now()
    fresh = set(SegmentWatch.objects.filter(looked_at__gt=now - EVERY).values_list("segment_id", flat=True))
    return sorted(Segment.objects.filter(pk__in=wanted - fresh).values_list("pk", flat=True))


@transaction.atomic
def look(segment_id: int) -> tuple[int, int]:
    """Compare the members of a segment with those of the last look; returns how many entered and left."""
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is None:
        return 0, 0
    now, digest = clock.now(), _digest(segment)
    watch, is_first = SegmentWatch.objects.get_or_create(
        segment=segment, defaults={"looked_at": now, "conditions": digest}
    )
    watch = SegmentWatch.objects.select_for_update(of=("self",)).get(pk=watch.pk)
    try:
        rows = _rows(segment)
        column = f"{segment.target}_id"
        members = SegmentMember.objects.filter(segment=segment, **{f"{column}__isnull": False})
        entered = list(
            rows.exclude(pk__in=members.values(column)).order_by("pk").values_list("pk", flat=True)
        )
        left = list(
            members.exclude(**{f"{column}__in": rows.values("pk")}).order_by("pk").values_list("pk", column)
        )
    except Invalid as error:
        logger.warning("The list %s cannot be read, so nobody enters it: %s", segment.pk, error.code)
        return 0, 0
    is_silent = is_first or watch.conditions != digest
    corrected = set() if is_silent else _merged_since(segment.target, watch.looked_at)
    for chunk in _chunks(entered):
        bulk.insert(
            SegmentMember, [SegmentMember(segment=segment, since=now, **{column: pk}) for pk in chunk]
        )
        if not is_silent:
            _tell(segment, ENTERED, [pk for pk in chunk if pk not in corrected], watch, now)
    for pairs in _chunks(left):
        SegmentMember.objects.filter(pk__in=[pk for pk, _ in pairs]).delete()
        if not is_silent:
            _tell(segment, LEFT, [pk for _, pk in pairs if pk not in corrected], watch, now)
    SegmentWatch.objects.filter(pk=watch.pk).update(looked_at=now, round=watch.round + 1, conditions=digest)
    return (0, 0) if is_silent else (len(entered), len(left))


def _rows(segment: Segment) -> "QuerySet[Any]":
    # "Me" is nobody here: a list about oneself has no members when a rule looks at it.
    if segment.target == "account":
        return segments.narrow(Account.objects.live(), segment.conditions, target="account")
    return segments.narrow(Contact.objects.live(), segment.conditions, target="contact")


def _merged_since(target: str, moment: dt.datetime) -> set[int]:
    """Who was merged, or taken apart again, since then. A list that they are in or out of by that tells nobody: our records
    changed, not the customer."""
    changed = Merge.objects.filter(Q(done_at__gte=moment) | Q(undone_at__gte=moment))
    if target == "account":
        # Merging people changes the figures of their accounts as well.
        people = changed.filter(target="contact").values_list("survivor_key", "loser_key")
        contacts = {pk for pair in people for pk in pair}
        found = set(Contact.objects.filter(pk__in=contacts).values_list("account_id", flat=True))
    else:
        accounts = changed.filter(target="account").values_list("survivor_key", "loser_key")
        keys = {pk for pair in accounts for pk in pair}
        found = set(Contact.objects.filter(account__in=keys).values_list("pk", flat=True))
    own = changed.filter(target=target).values_list("survivor_key", "loser_key")
    return found | {pk for pair in own for pk in pair}


def _digest(segment: Segment) -> str:
    text = json.dumps([segment.target, segment.conditions], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _tell(segment: Segment, kind: str, ids: Sequence[int], watch: SegmentWatch, now: dt.datetime) -> None:
    """One event for each; who was merged or erased meanwhile has none."""
    imported = brought_in(segment.target, ids, since=watch.looked_at)
    pairs: list[tuple[Account | None, Contact | None]]
    if segment.target == "account":
        pairs = [(account, None) for account in Account.objects.live().filter(pk__in=ids).order_by("pk")]
    else:
        people = Contact.objects.live().filter(pk__in=ids).select_related("account").order_by("pk")
        pairs = [(person.account, person) for person in people]
    facts = timeline.facts_of_many(pairs)
    timeline.record_many(
        [
            Event(
                kind=kind,
                account=account,
                contact=contact,
                subject_type="segment",
                subject_id=segment.pk,
                cause_key=f"segment:{segment.pk}:{kind.rpartition('.')[2]}:{_key(account, contact)}:{watch.round}",
                origin=Origin.IMPORT if _key(account, contact) in imported else Origin.LIVE,
                occurred_at=now,
                data={"segment": segment.pk},
                facts=then,
            )
            for (account, contact), then in zip(pairs, facts, strict=True)
        ]
    )


def _key(account: Account | None, contact: Contact | None) -> int:
    return contact.pk if contact is not None else account.pk if account is not None else 0


def _chunks(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def register() -> None:
    @jobs.handler(JOB, long=True)
    def work(job: jobs.JobContext) -> None:
        if job.subject_id is not None:
            look(job.subject_id)

    def submit() -> None:
        for segment_id in due():
            # One look at a segment at a time, and a new one for each slot of time.
            slot = int(clock.now().timestamp() // EVERY.total_seconds())
            jobs.submit(JOB, segment_id, key=f"{JOB}:{segment_id}:{slot}")

    jobs.on_tick("workflows_watch_segments", submit)
