"""Closing the loop: replying, logging what happened, settling the matter. One action moves everything it touches."""

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q

from accounts import timeline
from accounts.domain import InteractionKind
from accounts.models import Contact, Event, Interaction
from accounts.services import interactions
from core import clock
from core.errors import Invalid, Refused
from surveys.choices import LoopStatus
from surveys.models import Response
from surveys.services import messages, responses
from team.models import User
from workflows.domain import LIVE_ALERTS, TaskState
from workflows.models import Alert, LoopOutcome, Task
from workflows.services import alerts, holding, loop_clocks, tasks


def suggested_reply(*, alert: Alert, user: User) -> dict[str, str]:
    """A beginning for the reply, in the person's own name. Nothing is sent that nobody has read."""
    name = alert.contact.first_name if alert.contact else ""
    greeting = f"Hello {name}," if name else "Hello,"
    subject = "Your feedback"
    if alert.message is not None and alert.message.subject:
        known = alert.message.subject
        subject = known if known.lower().startswith("re:") else f"Re: {known}"
    return {"subject": subject, "body": f"{greeting}\n\n\n\nBest regards\n{user.name}"}


@transaction.atomic
def reply(
    *, alert: Alert, subject: str, body: str, actor: User, contact: Contact | None = None
) -> Interaction:
    """Write to the contact from the page; the mail goes out through the outbox and answers come to `actor`.

    `contact` is one of the people the alert is about; without it, the one of the newest cause."""
    to = _one_of(alert, contact)
    if to is None or alert.account is None or not to.email:
        raise Refused("There is no address to reply to. Log a call instead.", code="no_address")
    alerts.mark_seen(alert=alert, user=actor)
    interaction = interactions.send_mail(contact=to, subject=subject, body=body, actor=actor)
    loop_clocks.note_interaction(interaction)
    _mark_contacted(alert, to, actor)
    return interaction


@transaction.atomic
def log_contact(
    *,
    alert: Alert,
    kind: str,
    body: str,
    outcome: str,
    close: bool,
    actor: User,
    code: LoopOutcome | None = None,
    contact: Contact | None = None,
) -> Interaction:
    """Log a call, meeting, mail or note about the alert; with `close`, settle the matter with its outcome.

    `contact` is one of the people the alert is about; without it, the one of the newest cause."""
    person = _one_of(alert, contact)
    if alert.account is None:
        raise Refused("The answer belongs to no account yet. Link it in the inbox first.", code="no_account")
    alerts.mark_seen(alert=alert, user=actor)
    interaction = interactions.log_interaction(
        account=alert.account,
        contact=person,
        kind=kind,
        subject="",
        body=body,
        outcome=outcome,
        happened_at=clock.now(),
        actor=actor,
    )
    if kind != InteractionKind.NOTE:
        loop_clocks.note_interaction(interaction)
        _mark_contacted(alert, person, actor)
    if close:
        close_loop(alert=alert, outcome=outcome, actor=actor, code=code)
    return interaction


@transaction.atomic
def close_loop(*, alert: Alert, outcome: str, actor: User, code: LoopOutcome | None = None) -> None:
    """Close the alert, the loops of all answers behind it and the tasks that the same answers made.

    `code` is one of the company's outcomes, by which loops are counted; its words stand in for an empty `outcome`.
    """
    if code is not None and not outcome.strip():
        outcome = code.label
    if not alert.is_live:
        raise Refused("This alert is closed already.", code="already_closed")
    holding.answers_of_alerts([alert.pk])
    alerts.close_alert(alert=alert, outcome=outcome, actor=actor)
    causes = list(alert.causes.select_related("message"))
    for written in {c.message for c in causes if c.message is not None}:
        if written.handled_at is None:
            messages.handle(message=written, actor=actor)
    answers = {c.response_id for c in causes if c.response_id}
    if answers:
        _set_status(answers, LoopStatus.CLOSED, actor)
        for answer in Response.objects.filter(pk__in=answers).order_by("pk"):
            loop_clocks.follow_status(answer, at=clock.now(), actor=actor, outcome=code)
        _finish_tasks(alert, answers, outcome, actor)


@transaction.atomic
def set_status(*, response: Response, status: LoopStatus, outcome: LoopOutcome | None, actor: User) -> None:
    """Say where the conversation about an answer stands, without going through its alert; closed with its outcome.

    The alerts and tasks of a closed one are settled by the event that this records.
    """
    answers = Response.objects.filter(pk=response.pk)
    responses.set_loop_status(responses=answers, status=status, actor=actor)
    loop_clocks.follow_status(response, at=clock.now(), actor=actor, outcome=outcome)


def close_many(*, ids: Sequence[int], outcome: str, actor: User) -> tuple[int, int]:
    """Close many alerts with one outcome; returns how many, and how many had been closed already."""
    return alerts.each(ids, lambda alert: close_loop(alert=alert, outcome=outcome, actor=actor))


def _one_of(alert: Alert, contact: Contact | None) -> Contact | None:
    if contact is None or contact == alert.contact:
        return alert.contact
    if not alert.causes.filter(contact=contact).exists():
        raise Invalid("This alert is not about that person.", field="contact")
    return contact


def _finish_tasks(alert: Alert, answers: Collection[int], outcome: str, actor: User | None) -> None:
    """What the same runs asked to be done about the same answers has been done."""
    runs = set(alert.causes.values_list("run_id", flat=True))
    asked = Q(run_id__in=[pk for pk in runs if pk]) | (Q(run__isnull=True) if None in runs else Q())
    open_tasks = Task.objects.filter(asked, response_id__in=answers, state=TaskState.OPEN)
    holding.playbooks_of_tasks(open_tasks.values_list("pk", flat=True))
    for task in open_tasks.order_by("pk"):
        tasks.finish_task(task=task, outcome=outcome, actor=actor)


def _mark_contacted(alert: Alert, contact: Contact | None, actor: User) -> None:
    """The person was reached, so the loops of all their answers behind the alert have had their contact."""
    said = Response.objects.filter(alert_causes__alert=alert, loop_status=LoopStatus.OPEN)
    answers = set(said.filter(contact=contact).values_list("pk", flat=True))
    if answers:
        _set_status(answers, LoopStatus.CONTACTED, actor)


def _set_status(answers: Collection[int], status: LoopStatus, actor: User) -> None:
    responses.set_loop_status(responses=Response.objects.filter(pk__in=answers), status=status, actor=actor)


def on_loop_closed(event: Event) -> None:
    """A loop that was closed from the answer's page needs its tasks no more, nor its alert once no other answer or message
    behind that one waits."""
    outcome = "Closed with the answer"
    answer = event.subject_id or 0
    waiting = Alert.objects.filter(causes__response_id=answer, state__in=LIVE_ALERTS).distinct()
    for alert in waiting.order_by("pk"):
        others = alert.causes.exclude(response__loop_status=LoopStatus.CLOSED)
        if not others.exclude(response_id=answer).exists():
            alerts.close_alert(alert=alert, outcome=outcome, actor=event.actor)
        _finish_tasks(alert, [answer], outcome, event.actor)


def register() -> None:
    timeline.subscribe("workflows.loops", on_loop_closed, kinds=["loop.closed"])
