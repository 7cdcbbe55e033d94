"""What the steps of a rule do. Each only writes rows; mails go out through the notices' own outbox."""

from collections.abc import Mapping
from typing import Any

from accounts.models import Contact
from surveys.models import InboundMessage, Response
from workflows import people
from workflows.domain import Priority
from workflows.models import RunStep
from workflows.rules import engine
from workflows.services import alerts, tasks


def _response(row: RunStep) -> Response | None:
    event = row.run.event
    if event is None or event.subject_type != "response":
        return None
    return Response.objects.filter(pk=event.subject_id or 0).first()


def _message(row: RunStep) -> InboundMessage | None:
    event = row.run.event
    if event is None or event.subject_type != "message":
        return None
    return InboundMessage.objects.filter(pk=event.subject_id or 0).first()


def _name(contact: Contact | None) -> str:
    return contact.display_name if contact is not None else "the respondent"


@engine.step("create_alert")
def create_alert(row: RunStep) -> Mapping[str, Any]:
    """Raise an alert for the account's owner, in the app and, unless they declined it, by mail."""
    run = row.run
    alert = alerts.raise_alert(
        dedupe_key=f"rule:{run.rule_id}:{run.cause_key}",
        kind=row.settings.get("alert", "detractor"),
        account=run.account,
        contact=run.contact,
        response=_response(row),
        message=_message(row),
        run=run,
        assignee=people.responsible_for(run.account),
    )
    return {"alert": alert.pk}


@engine.step("create_task")
def create_task(row: RunStep) -> Mapping[str, Any]:
    """Create a task for the account's owner, due in so many business days of that person."""
    run = row.run
    assignee = people.responsible_for(run.account)
    task = tasks.create_task(
        title=row.settings["title"].replace("{contact}", _name(run.contact)),
        account=run.account,
        contact=run.contact,
        response=_response(row),
        run=run,
        assignee=assignee,
        priority=Priority(row.settings.get("priority", "normal")),
        due_at=tasks.due_in_business_days(
            days=int(row.settings.get("due_business_days", 1)), assignee=assignee, start=run.started_at
        ),
        dedupe_key=f"rule:{run.rule_id}:{run.cause_key}:{row.path}",
        actor=None,
    )
    return {"task": task.pk}
