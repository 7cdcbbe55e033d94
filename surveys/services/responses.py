"""What people do with answers: exclude and restore, close the loop, assign, and what schedules do by themselves.

Every change of what counts goes through `changing`: contacts locked first, then the answers, marks before and after,
a revision, and the chains set right, in one transaction.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Event
from core import clock, jobs
from core.errors import Invalid, Refused
from surveys import domain, sql
from surveys.choices import LoopStatus
from surveys.ingest import FOLD, is_counted
from surveys.insight import restated
from surveys.models import ImportedAnswer, Response, ResponseRevision
from team import audit
from team import queries as team_queries
from team.models import User
from team.permissions import can_lead, can_work

SLICE = 1_000
REASON_LENGTH = 200
# How the reason of answers begins whose import was taken back.
TAKEN_BACK = "Import taken back"


@contextmanager
def changing(response_ids: Iterable[int], *, more_contacts: Iterable[int] = ()) -> Iterator[list[Response]]:
    """Around any change of answers that figures may notice; yields them locked.

    `more_contacts` are contacts that the answers are about to belong to. All is one transaction.
    """
    ids = sorted(set(response_ids))
    with transaction.atomic():
        before = set(Response.objects.filter(pk__in=ids).values_list("contact_id", flat=True))
        contacts = {pk for pk in (*before, *more_contacts) if pk is not None}
        sql.lock_contacts(contacts)
        rows = list(
            Response.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",), no_key=True)
        )
        if any(row.contact_id is not None and row.contact_id not in contacts for row in rows):
            raise Refused(
                "The answer was changed by somebody else just now. Look again.", code="changed_meanwhile"
            )
        sql.mark(ids, -1)
        yield rows
        sql.mark(ids, 1)
        sql.revise(ids, clock.now())
        after = Response.objects.filter(pk__in=ids).values_list("contact_id", flat=True)
        sql.rechain({*contacts, *(pk for pk in after if pk is not None)})
        jobs.wake(FOLD)


def event_of(response: Response, kind: str, transition: str, *, actor: User | None, **data: Any) -> Event:
    """An unsaved event about an answer, with the facts of its account and contact as they are now."""
    facts = timeline.current_facts(response.account, response.contact)
    return _event(response, kind, transition, actor=actor, facts=facts, **data)


def events_of(
    responses: Sequence[Response],
    kind: str,
    transition: str,
    *,
    actor: User | None,
    data: Callable[[Response], Mapping[str, Any]] = lambda row: {},
) -> list[Event]:
    """`event_of` many answers, with a few statements for all of them."""
    prefetch_related_objects(responses, "account", "contact")
    facts = timeline.facts_of_many([(row.account, row.contact) for row in responses])
    return [
        _event(row, kind, transition, actor=actor, facts=known, **data(row))
        for row, known in zip(responses, facts, strict=True)
    ]


def _event(
    response: Response,
    kind: str,
    transition: str,
    *,
    actor: User | None,
    facts: Mapping[str, Any],
    **data: Any,
) -> Event:
    category = domain.category_of(response.metric, response.score)
    return Event(
        kind=kind,
        account_id=response.account_id,
        contact_id=response.contact_id,
        actor=actor,
        subject_type="response",
        subject_id=response.pk,
        cause_key=f"response:{response.pk}:{transition}",
        origin=Origin.LIVE,
        occurred_at=clock.now(),
        data={
            "metric": response.metric,
            "score": response.score,
            "category": category,
            "survey": response.survey_id,
            **data,
        },
        facts={**facts, "score": response.score, "category": category},
    )


def slices(responses: "QuerySet[Response]") -> Iterator[list[int]]:
    """The keys of a filter, in key order, so that a bulk action over everything never holds more than a slice."""
    last = 0
    while True:
        rows = responses.order_by("pk").filter(pk__gt=last).values_list("pk", flat=True)
        ids = list(dict.fromkeys(rows[:SLICE]))
        if not ids:
            return
        yield ids
        last = ids[-1]


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason:
        raise Invalid("Say why: the reason stands beside the answer and in the audit log.", field="reason")
    if len(reason) > REASON_LENGTH:
        raise Invalid(f"At most {REASON_LENGTH} characters are possible.", field="reason")
    return reason


def exclude_responses(*, responses: "QuerySet[Response]", reason: str, actor: User | None) -> int:
    """Take answers out of all figures, with a reason; they stay listed. Returns how many were taken out.

    `actor` None: their source did.
    """
    reason = _reason(reason)
    number = 0
    for ids in slices(responses.filter(excluded_reason="")):
        with changing(ids) as rows:
            chosen = [row for row in rows if not row.excluded_reason]
            Response.objects.filter(pk__in=[row.pk for row in chosen]).update(excluded_reason=reason)
            timeline.record_many(events_of(chosen, "response.excluded", "excluded", actor=actor))
            for row in chosen:
                audit.record(action="response.excluded", actor=actor, obj=row)
        number += len(chosen)
    return number


def restore_responses(*, responses: "QuerySet[Response]", actor: User | None) -> int:
    """Count excluded answers again; returns how many."""
    number = 0
    for ids in slices(responses.exclude(excluded_reason="")):
        with changing(ids) as rows:
            chosen = [row for row in rows if row.excluded_reason]
            Response.objects.filter(pk__in=[row.pk for row in chosen]).update(excluded_reason="")
            timeline.record_many(events_of(chosen, "response.restored", "restored", actor=actor))
            for row in chosen:
                audit.record(action="response.restored", actor=actor, obj=row)
        number += len(chosen)
    return number


def mark_deleted_upstream(*, responses: "QuerySet[Response]", at: dt.datetime | None = None) -> int:
    """The source no longer has these answers: they count nowhere, and stay as evidence. Returns how many.

    `at` is when the source deleted them. An answer of which a newer version is known was brought back there since and is
    left as it is: out-of-order messages do no harm.
    """
    when = at or clock.now()
    number = 0
    for ids in slices(responses.filter(_older_than(when), deleted_upstream_at__isnull=True)):
        with changing(ids) as rows:
            chosen = [row for row in rows if row.deleted_upstream_at is None]
            Response.objects.filter(pk__in=[row.pk for row in chosen]).update(deleted_upstream_at=when)
            timeline.record_many(
                events_of(chosen, "response.deleted", f"deleted:{when:%Y%m%d%H%M%S}", actor=None)
            )
        number += len(chosen)
    return number


def restore_upstream(*, responses: "QuerySet[Response]", at: dt.datetime | None = None) -> int:
    """The source has these answers again (`at`: since when): they count as before. Returns how many.

    A newer version of an answer that comes through ingest does the same by itself.
    """
    when = at or clock.now()
    number = 0
    for ids in slices(responses.filter(deleted_upstream_at__lte=when)):
        with changing(ids) as rows:
            chosen = [row for row in rows if row.deleted_upstream_at is not None]
            Response.objects.filter(pk__in=[row.pk for row in chosen]).update(deleted_upstream_at=None)
            timeline.record_many(
                events_of(chosen, "response.undeleted", f"undeleted:{when:%Y%m%d%H%M%S}", actor=None)
            )
        number += len(chosen)
    return number


def adopt_responses(*, metrics: Mapping[str, str], source: str, into: str) -> dict[str, int]:
    """Let answers of `source` belong to `into` from now on, which tells of the same ones under the same external ids.

    `metrics` says of each external id what is measured: an answer to another kind of question is another answer. Left
    alone are those that `into` has already, and those of an import that was taken back. The import that made an adopted
    one no longer can take it back. Nothing that figures show changes. Returns the keys by external id; the caller holds
    a transaction.
    """
    wanted = sorted(metrics)
    adopted: dict[str, int] = {}
    for start in range(0, len(wanted), SLICE):
        ids = wanted[start : start + SLICE]
        there = Response.objects.filter(source=into, external_id__in=ids).values_list(
            "external_id", flat=True
        )
        left = set(ids) - set(there)
        rows = (
            Response.objects.filter(source=source, external_id__in=left)
            .exclude(excluded_reason__startswith=TAKEN_BACK)
            .order_by("pk")
            .select_for_update(of=("self",), no_key=True)
            .only("pk", "external_id", "metric")
        )
        found = {row.external_id: row.pk for row in rows if row.metric == metrics[row.external_id or ""]}
        if found:
            Response.objects.filter(pk__in=found.values()).update(source=into)
            ImportedAnswer.objects.filter(response__in=found.values()).delete()
            adopted |= {key or "": pk for key, pk in found.items()}
    return adopted


def correct_times(*, times: Mapping[int, dt.datetime]) -> set[int]:
    """Answers (by id) were given at another moment than was thought; returns those whose moment changed.

    The event that told of the answer moves with it; rules do not act on it again.
    """
    now = clock.now()
    wanted = {pk: min(at, now) for pk, at in times.items()}
    stored = Response.objects.filter(pk__in=wanted).values_list("pk", "responded_at")
    differing = {pk for pk, at in stored if at != wanted[pk]}
    if not differing:
        return set()
    with changing(differing) as rows:
        chosen = [row for row in rows if row.responded_at != wanted[row.pk]]
        for row in chosen:
            row.responded_at, row.redated_at = wanted[row.pk], now
        Response.objects.bulk_update(chosen, ["responded_at", "redated_at"], batch_size=500)
        told = list(
            Event.objects.filter(
                subject_type="response", subject_id__in=[row.pk for row in chosen], kind="response.scored"
            )
        )
        for event in told:
            event.occurred_at = wanted[event.subject_id or 0]
        Event.objects.bulk_update(told, ["occurred_at"], batch_size=500)
        restated.tell(row.account_id for row in chosen)
    return {row.pk for row in chosen}


def rename_responses(*, source: str, names: Mapping[str, str]) -> None:
    """Give answers of a source the ids by which it will name them from now on: {id so far: id}. The caller has seen to it
    that the new ones are free, and holds a transaction."""
    rows = list(
        Response.objects.filter(source=source, external_id__in=names)
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    for row in rows:
        row.external_id = names[row.external_id or ""]
    Response.objects.bulk_update(rows, ["external_id"], batch_size=500)


def _older_than(when: dt.datetime) -> Q:
    return Q(source_updated_at__isnull=True) | Q(source_updated_at__lte=when)


def set_loop_status(*, responses: "QuerySet[Response]", status: str, actor: User | None) -> int:
    """Say where the conversation about these answers stands; returns how many changed."""
    if status not in set(LoopStatus):
        raise Invalid("The status must be open, contacted or closed.", field="loop_status")
    kind = {
        LoopStatus.OPEN: "loop.reopened",
        LoopStatus.CONTACTED: "loop.contacted",
        LoopStatus.CLOSED: "loop.closed",
    }[LoopStatus(status)]
    number = 0
    for ids in slices(responses.exclude(loop_status=status)):
        with transaction.atomic():
            rows = list(
                Response.objects.filter(pk__in=ids).exclude(loop_status=status).order_by("pk")
                .select_for_update(of=("self",), no_key=True)
            )  # fmt: skip
            Response.objects.filter(pk__in=[row.pk for row in rows]).update(loop_status=status)
            timeline.record_many(
                events_of(rows, kind, status, actor=actor, data=lambda row: {"was": row.loop_status})
            )
            for row in rows:
                audit.record(action="response.loop", actor=actor, obj=row, status=status, was=row.loop_status)
        number += len(rows)
    return number


def assign_responses(*, responses: "QuerySet[Response]", assignee: User | None, actor: User) -> int:
    """Give answers to somebody to look after (None: to nobody); returns how many changed hands."""
    if assignee is not None and not can_work(assignee):
        raise Invalid("Choose an active person who may work on answers.", field="assignee")
    target = assignee.pk if assignee else None
    number = 0
    for ids in slices(responses):
        with transaction.atomic():
            rows = (
                Response.objects.filter(pk__in=ids)
                .order_by("pk")
                .select_for_update(of=("self",), no_key=True)
            )
            chosen = [row for row in rows if row.assignee_id != target]
            Response.objects.filter(pk__in=[row.pk for row in chosen]).update(assignee=assignee)
            for row in chosen:
                audit.record(
                    action="response.assigned", actor=actor, obj=row, assignee=target, was=row.assignee_id
                )
        number += len(chosen)
    return number


@transaction.atomic
def change_response(*, responses: "QuerySet[Response]", values: Mapping[str, Any], actor: User) -> None:
    """Several changes at once, as the API asks for them: `excluded` with `reason`, `loop_status`, `assignee` (an id)."""
    if "excluded" in values:
        if not can_lead(actor):
            raise Refused(
                "Only a lead may exclude answers from figures.", code="permission_denied", status=403
            )
        if values["excluded"]:
            exclude_responses(responses=responses, reason=values.get("reason", ""), actor=actor)
        else:
            restore_responses(responses=responses, actor=actor)
    if "loop_status" in values:
        set_loop_status(responses=responses, status=values["loop_status"], actor=actor)
    if "assignee" in values:
        assignee = None
        if values["assignee"] is not None:
            assignee = team_queries.list_assignable().filter(pk=values["assignee"]).first()
            if assignee is None:
                raise Invalid(
                    "There is no active person with this id to whom work can be given.", field="assignee"
                )
        assign_responses(responses=responses, assignee=assignee, actor=actor)


# --- What happens by itself ----------------------------------------------------------------------------------
def finalise_due() -> int:
    """Close partial answers after the configured silence; runs with every tick, returns how many."""
    now = clock.now()
    silent_since = now - dt.timedelta(hours=team_queries.workspace().partial_hours)
    later = ResponseRevision.objects.filter(response=OuterRef("pk"), known_at__gt=silent_since)
    due = Response.objects.filter(finalised_at__isnull=True, received_at__lte=silent_since).exclude(
        Exists(later)
    )
    number = 0
    for ids in slices(due):
        number += _finalise(ids, now, silent_since)
    return number


@transaction.atomic
def _finalise(ids: Sequence[int], now: dt.datetime, silent_since: dt.datetime) -> int:
    rows = list(
        Response.objects.filter(pk__in=ids, finalised_at__isnull=True, received_at__lte=silent_since)
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    Response.objects.filter(pk__in=[row.pk for row in rows]).update(finalised_at=now)
    told = [row for row in rows if is_counted(row)]
    events = events_of(
        told, "response.finalised", "finalised", actor=None, data=lambda row: {"state": row.state}
    )
    for event, row in zip(events, told, strict=True):
        event.origin = Origin(row.origin)
    timeline.record_many(events)
    return len(rows)


def register() -> None:
    jobs.on_tick("responses_finalise", finalise_due)
