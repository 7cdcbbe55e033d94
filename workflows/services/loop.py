"""Closing the loop: replying, logging what happened, settling the matter. One action moves everything it touches."""

from django.db import transaction

from accounts import timeline
from accounts.domain import InteractionKind
from accounts.models import Event, Interaction
from accounts.services import interactions
from core import clock
from core.errors import Refused
from surveys.choices import LoopStatus
from surveys.models import Response
from surveys.services import messages, responses
from team.models import User
from workflows.domain import AlertState, TaskState
from workflows.models import Alert, LoopOutcome, Task
from workflows.services import alerts, loop_clocks, tasks


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
def reply(*, alert: Alert, subject: str, body: str, actor: User) -> Interaction:
    """Write to the contact from the page; the mail goes out through the outbox and answers come to `actor`."""
    if alert.contact is None or alert.account is None or not alert.contact.email:
        raise Refused("There is no address to reply to. Log a call instead.", code="no_address")
    alerts.mark_seen(alert=alert, user=actor)
    interaction = interactions.send_mail(contact=alert.contact, subject=subject, body=body, actor=actor)
    loop_clocks.note_interaction(interaction)
    _mark_contacted(alert, actor)
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
) -> Interaction:
    """Log a call, meeting, mail or note about the alert; with `close`, settle the matter with its outcome."""
    if alert.account is None:
        raise Refused("The answer belongs to no account yet. Link it in the inbox first.", code="no_account")
    alerts.mark_seen(alert=alert, user=actor)
    interaction = interactions.log_interaction(
        account=alert.account,
        contact=alert.contact,
        kind=kind,
        subject="",
        body=body,
        outcome=outcome,
        happened_at=clock.now(),
        actor=actor,
    )
    if kind != InteractionKind.NOTE:
        loop_clocks.note_interaction(interaction)
        _mark_contacted(alert, actor)
    if close:
        close_loop(alert=alert, outcome=outcome, actor=actor, code=code)
    return interaction


@transaction.atomic
def close_loop(*, alert: Alert, outcome: str, actor: User, code: LoopOutcome | None = None) -> None:
    """Close the alert, the answer's loop and the tasks that the same answer made.

    `code` is one of the company's outcomes, by which loops are counted; its words stand in for an empty `outcome`.
    """
    if code is not None and not outcome.strip():
        outcome = code.label
    if alert.state != AlertState.OPEN:
        raise Refused("This alert is closed already.", code="already_closed")
    alerts.close_alert(alert=alert, outcome=outcome, actor=actor)
    if alert.message is not None and alert.message.handled_at is None:
        messages.handle(message=alert.message, actor=actor)
    if alert.response is None:
        return
    _set_status(alert, LoopStatus.CLOSED, actor)
    loop_clocks.follow_status(alert.response, at=clock.now(), actor=actor, outcome=code)
    _finish_tasks(alert, outcome, actor)


@transaction.atomic
def set_status(*, response: Response, status: LoopStatus, outcome: LoopOutcome | None, actor: User) -> None:
    """Say where the conversation about an answer stands, without going through its alert; closed with its outcome.

    The alerts and tasks of a closed one are settled by the event that this records.
    """
    answers = Response.objects.filter(pk=response.pk)
    responses.set_loop_status(responses=answers, status=status, actor=actor)
    loop_clocks.follow_status(response, at=clock.now(), actor=actor, outcome=outcome)


def _finish_tasks(alert: Alert, outcome: str, actor: User | None) -> None:
    """What the same run asked to be done about the same answer has been done."""
    open_tasks = Task.objects.filter(response_id=alert.response_id or 0, run=alert.run, state=TaskState.OPEN)
    for task in open_tasks.order_by("pk"):
        tasks.finish_task(task=task, outcome=outcome, actor=actor)


def _mark_contacted(alert: Alert, actor: User) -> None:
    if alert.response is not None and alert.response.loop_status == LoopStatus.OPEN:
        _set_status(alert, LoopStatus.CONTACTED, actor)


def _set_status(alert: Alert, status: LoopStatus, actor: User) -> None:
    answers = Response.objects.filter(pk=alert.response_id or 0)
    responses.set_loop_status(responses=answers, status=status, actor=actor)


def on_loop_closed(event: Event) -> None:
    """A loop that was closed from the answer's page needs neither its alert nor its tasks any more."""
    outcome = "Closed with the answer"
    waiting = Alert.objects.filter(response_id=event.subject_id or 0, state=AlertState.OPEN)
    for alert in waiting.order_by("pk"):
        alerts.close_alert(alert=alert, outcome=outcome, actor=event.actor)
        _finish_tasks(alert, outcome, event.actor)


def register() -> None:
    timeline.subscribe("workflows.loops", on_loop_closed, kinds=["loop.closed"])
