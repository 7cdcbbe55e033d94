"""The two promises of a closed loop: somebody gets in touch, and the matter is settled, both within working days.

A loop's clocks run from the moment the answer was scored, in the working time of its owner. Where the conversation
stands is the answer's own status (open, contacted, closed); this module follows it and never says otherwise:

- contacted: somebody logged a call, meeting or mail with the person, wrote to them from a page, or said so by setting
  the status. What no person did (automatic mails, replies of machines, rules) does not count.
- closed: the status was set to closed, from the alert, the answer or the list.

Snoozing an alert changes nothing here. While the answer is excluded, deleted at its source or no longer one that needs
following up, the clocks stand still and go on afterwards with what was left.
"""

import datetime as dt

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from accounts import timeline
from accounts.domain import InteractionKind
from accounts.models import Event, Interaction
from core import clock, jobs
from core.errors import Refused
from surveys import domain as survey_domain
from surveys.choices import LoopStatus
from surveys.models import Response
from surveys.services import responses
from team import audit
from team.models import User
from workflows import people
from workflows.calendars import domain as calendars
from workflows.domain import AlertState
from workflows.loop.domain import ContactBy, LoopClock, LoopPause
from workflows.models import Alert, Loop, LoopOutcome
from workflows.queries import worktime
from workflows.rules.domain import ACT_WITHIN
from workflows.services import alerts, holding
from workflows.work.domain import Route

LATE = "loop_late"
SLICE = 500
HUMAN = (InteractionKind.CALL, InteractionKind.MEETING, InteractionKind.MAIL)


# --- Following the answer ------------------------------------------------------------------------------------
def on_answer(event: Event) -> None:
    """Start the clocks of an answer that needs following up, or let them stand still or go on. Idempotent."""
    response = Response.objects.select_related("account", "contact").filter(pk=event.subject_id or 0).first()
    if response is None:
        return
    with transaction.atomic():
        loop = Loop.objects.select_for_update(of=("self",)).filter(response=response).first()
        if loop is None:
            start(response)
        else:
            _follow(loop, response)


def start(response: Response) -> Loop | None:
    """The loop of an answer, once: for live answers of the last days in one of the categories that the company follows
    up, by people we know."""
    chosen = worktime.settings()
    category = survey_domain.category_of(response.metric, response.score)
    known_since = clock.now() - ACT_WITHIN
    if (
        category not in chosen.loop_categories
        or response.origin != "live"
        or response.responded_at <= known_since
        or response.contact is None
        or response.contact.erased_at is not None
        or _pause_of(response, category) is not None
    ):
        return None
    owner = response.assignee if response.assignee is not None and response.assignee.is_active else None
    owner = owner or people.choose(Route.OWNER, response.account).user
    calendar = worktime.calendar_of(owner)
    day = calendars.day_length(calendar)
    loop, _ = Loop.objects.get_or_create(
        response=response,
        defaults={
            "account": response.account,
            "contact": response.contact,
            "owner": owner,
            "category": category,
            "started_at": response.responded_at,
            "contact_due_at": calendars.add_time(calendar, response.responded_at, day * chosen.contact_days),
            "resolution_due_at": calendars.add_time(calendar, response.responded_at, day * chosen.resolution_days),
        },
    )  # fmt: skip
    return loop


def _pause_of(response: Response, category: str) -> LoopPause | None:
    if response.excluded_reason:
        return LoopPause.EXCLUDED
    if response.deleted_upstream_at is not None:
        return LoopPause.DELETED
    now = survey_domain.category_of(response.metric, response.score)
    if now != category and now not in worktime.settings().loop_categories:
        return LoopPause.RESCORED
    return None


def _follow(loop: Loop, response: Response) -> None:
    if loop.pause == LoopPause.ERASED:
        return
    pause = _pause_of(response, loop.category)
    if pause is not None and loop.paused_at is None:
        loop.paused_at, loop.pause = clock.now(), pause
        loop.save(update_fields=["paused_at", "pause"])
    elif pause is not None and loop.pause != pause:
        loop.pause = pause
        loop.save(update_fields=["pause"])
    elif pause is None and loop.paused_at is not None:
        _resume(loop)


def _resume(loop: Loop) -> None:
    """Go on with the working time that was left when the clocks stopped; what was late already stays late."""
    now, paused_at = clock.now(), loop.paused_at or clock.now()
    calendar = worktime.calendar_of(loop.owner)
    for name in ("contact_due_at", "resolution_due_at"):
        due = getattr(loop, name)
        if due > paused_at:
            left = calendars.time_between(calendar, paused_at, due)
            setattr(loop, name, calendars.add_time(calendar, now, left))
    loop.paused_at, loop.pause = None, ""
    loop.save(update_fields=["contact_due_at", "resolution_due_at", "paused_at", "pause"])


# --- What meets the promises ---------------------------------------------------------------------------------
def on_interaction(event: Event) -> None:
    """Somebody logged contact with a person, from whatever page: it meets the first promise of their open loops."""
    interaction = Interaction.objects.select_related("user").filter(pk=event.subject_id or 0).first()
    if interaction is not None:
        note_interaction(interaction)


def note_interaction(interaction: Interaction) -> None:
    """Let logged contact meet the first promise, where a person had it, with the person, after they answered."""
    if interaction.is_automatic or interaction.user is None:
        return
    if interaction.kind not in HUMAN or interaction.contact_id is None:
        return
    waiting = Loop.objects.filter(
        contact_id=interaction.contact_id, contacted_at__isnull=True, resolved_at__isnull=True,
        started_at__lte=interaction.happened_at,
    )  # fmt: skip
    for loop_id in waiting.order_by("pk").values_list("pk", flat=True):
        _note_contact(loop_id, interaction)


@transaction.atomic
def _note_contact(loop_id: int, interaction: Interaction) -> None:
    holding.answers(Loop.objects.filter(pk=loop_id).values_list("response_id", flat=True))
    loop = Loop.objects.select_for_update(of=("self",)).get(pk=loop_id)
    if loop.contacted_at is not None or loop.resolved_at is not None:
        return
    _contacted(
        loop, at=interaction.happened_at, by=interaction.user, how=ContactBy.LOGGED, interaction=interaction
    )
    answer = Response.objects.filter(pk=loop.response_id, loop_status=LoopStatus.OPEN)
    responses.set_loop_status(responses=answer, status=LoopStatus.CONTACTED, actor=interaction.user)


def _contacted(
    loop: Loop, *, at: dt.datetime, by: User | None, how: ContactBy, interaction: Interaction | None = None
) -> None:
    loop.contacted_at, loop.contacted_by, loop.contact_by, loop.interaction = at, by, how, interaction
    if at <= loop.contact_due_at:
        loop.contact_breached_at = None  # logged late, had in time
    loop.escalations = 0
    loop.save(
        update_fields=[
            "contacted_at", "contacted_by", "contact_by", "interaction", "contact_breached_at", "escalations",
        ]
    )  # fmt: skip
    _settle_escalation(loop, "Somebody got in touch")


def on_status(event: Event) -> None:
    """Follow the status of the answer, whoever set it. Idempotent: it reads the present."""
    response = Response.objects.filter(pk=event.subject_id or 0).first()
    if response is not None:
        follow_status(response, at=event.occurred_at, actor=event.actor)


@transaction.atomic
def follow_status(
    response: Response, *, at: dt.datetime, actor: User | None, outcome: LoopOutcome | None = None
) -> None:
    """Bring the clocks of an answer to where its status says the conversation is."""
    loop = Loop.objects.select_for_update(of=("self",)).filter(response=response).first()
    if loop is None:
        return
    status = Response.objects.values_list("loop_status", flat=True).get(pk=response.pk)
    if status == LoopStatus.CONTACTED and loop.contacted_at is None and actor is not None:
        _contacted(loop, at=at, by=actor, how=ContactBy.STATED)
    if status == LoopStatus.OPEN and loop.contact_by == ContactBy.STATED:
        loop.contacted_at, loop.contacted_by, loop.contact_by = None, None, ""
        loop.save(update_fields=["contacted_at", "contacted_by", "contact_by"])
    if status != LoopStatus.CLOSED and loop.resolved_at is not None:
        loop.resolved_at, loop.resolved_by, loop.outcome = None, None, None
        loop.save(update_fields=["resolved_at", "resolved_by", "outcome"])
    if status == LoopStatus.CLOSED and loop.resolved_at is None:
        _resolved(loop, at=at, by=actor, outcome=outcome)


def _resolved(loop: Loop, *, at: dt.datetime, by: User | None, outcome: LoopOutcome | None) -> None:
    loop.resolved_at, loop.resolved_by, loop.outcome = at, by, outcome
    loop.save(update_fields=["resolved_at", "resolved_by", "outcome"])
    _settle_escalation(loop, "The loop was closed")
    calendar = worktime.calendar_of(loop.owner)
    timeline.record(
        kind="loop.resolved",
        cause_key=f"loop:{loop.pk}:resolved",
        account=loop.account,
        contact=loop.contact,
        actor=by,
        subject=("loop", loop.pk),
        data={
            "outcome": outcome.key or outcome.pk if outcome is not None else None,
            "hours": _hours(calendars.time_between(calendar, loop.started_at, at)),
            "in_time": at <= loop.resolution_due_at,
            "contacted": loop.contacted_at is not None,
        },
    )


@transaction.atomic
def set_outcome(*, loop: Loop, outcome: LoopOutcome, actor: User) -> None:
    """Say afterwards what came of a closed loop, or correct it."""
    if not Loop.objects.filter(pk=loop.pk, resolved_at__isnull=False).update(outcome=outcome):
        raise Refused("This loop is open. Choose the outcome when you close it.", code="open")
    audit.record(action="loop.outcome", actor=actor, obj=loop, outcome=outcome.pk)


def _hours(amount: dt.timedelta) -> float:
    return round(amount.total_seconds() / 3600, 1)


# --- Promises that were not kept -----------------------------------------------------------------------------
def watch() -> int:
    """Tell of promises that ran out, once each, and of those that wait on to a lead; returns how many. Every tick."""
    return sum(_breach(which) for which in LoopClock) + _escalate()


def _late(which: LoopClock) -> QuerySet[Loop]:
    running = Loop.objects.filter(resolved_at__isnull=True, paused_at__isnull=True)
    if which == LoopClock.CONTACT:
        running = running.filter(contacted_at__isnull=True)
    return running.filter(**{f"{which}_due_at__lte": clock.now()})


def _locked(rows: QuerySet[Loop]) -> list[Loop]:
    skip = connection.features.has_select_for_update_skip_locked
    return list(
        rows.select_related("account", "contact", "owner", "response")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=skip)[:SLICE]
    )


@transaction.atomic
def _breach(which: LoopClock) -> int:
    now = clock.now()
    rows = _locked(_late(which).filter(**{f"{which}_breached_at__isnull": True}))
    Loop.objects.filter(pk__in=[loop.pk for loop in rows]).update(**{f"{which}_breached_at": now})
    company = worktime.calendar_of(None)
    known = worktime.calendars_of({loop.owner for loop in rows if loop.owner is not None})
    facts = timeline.facts_of_many([(loop.account, loop.contact) for loop in rows])
    events = []
    for loop, values in zip(rows, facts, strict=True):
        due = getattr(loop, f"{which}_due_at")
        promised = calendars.time_between(known.get(loop.owner_id or 0, company), loop.started_at, due)
        events.append(
            Event(
                kind="loop.breached",
                # The promise may be made anew after a pause; then it can be broken again.
                cause_key=f"loop:{loop.pk}:breached:{which}:{due:%Y%m%d%H%M}",
                account=loop.account,
                contact=loop.contact,
                subject_type="loop",
                subject_id=loop.pk,
                origin="live",
                occurred_at=now,
                data={"clock": which.value, "hours": _hours(promised), "owner": loop.owner_id},
                facts=values,
            )
        )
    timeline.record_many(events)
    return len(rows)


@transaction.atomic
def _escalate() -> int:
    """Alert a lead about promises that stay broken: so many times at most, so many minutes apart at least."""
    chosen, now = worktime.settings(), clock.now()
    since = now - dt.timedelta(minutes=chosen.escalation_minutes)
    late = Loop.objects.filter(
        Q(contacted_at__isnull=True, contact_breached_at__isnull=False) | Q(resolution_breached_at__isnull=False),
        Q(escalated_at__isnull=True) | Q(escalated_at__lte=since),
        resolved_at__isnull=True, paused_at__isnull=True, escalations__lt=chosen.escalations,
    )  # fmt: skip
    number = 0
    for loop in _locked(late):
        lead = worktime.lead_of(loop.owner)
        if lead is None:
            continue
        Loop.objects.filter(pk=loop.pk).update(escalations=F("escalations") + 1, escalated_at=now)
        alerts.raise_alert(
            kind=LATE,
            reason=_reason(loop),
            dedupe_key=f"loop:{loop.pk}:late:{now:%Y%m%d%H%M}",
            account=loop.account,
            contact=loop.contact,
            response=loop.response,
            assignee=people.stand_in_of(lead).user or lead,
        )
        number += 1
    return number


def _reason(loop: Loop) -> str:
    """One alert for each loop: what is settled for one customer is not settled for the next."""
    return f"loop:{loop.pk}"


def _settle_escalation(loop: Loop, outcome: str) -> None:
    """What the lead was told about is no longer so, unless the other promise is broken too."""
    if loop.resolved_at is None and loop.resolution_breached_at is not None:
        return
    told = Alert.objects.filter(kind=LATE, reason=_reason(loop)).exclude(state=AlertState.CLOSED)
    for alert in told.order_by("pk"):
        alerts.close_alert(alert=alert, outcome=outcome, actor=None)


def register() -> None:
    timeline.subscribe(
        "workflows.loop_answers",
        on_answer,
        kinds=[
            "response.scored", "response.updated", "response.excluded", "response.restored", "response.deleted",
            "response.undeleted",
        ],
        live_only=True,
    )  # fmt: skip
    timeline.subscribe("workflows.loop_contact", on_interaction, kinds=["interaction.logged"], live_only=True)
    timeline.subscribe(
        "workflows.loop_status", on_status, kinds=["loop.reopened", "loop.contacted", "loop.closed"]
    )
    jobs.on_tick("loops", watch)
