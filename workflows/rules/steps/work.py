"""Steps that give people work: alerts and tasks. Each only writes rows; mails go out through the notices' own
outbox."""

from collections.abc import Mapping, Sequence
from typing import Any

from surveys.models import InboundMessage, Response
from team import queries as team_queries
from workflows import alert_kinds, people
from workflows.domain import Priority
from workflows.models import RunStep
from workflows.rules import catalogue, merge_fields
from workflows.rules.catalogue import Setting, SettingKind, StepType
from workflows.services import alerts, tasks
from workflows.work.domain import Route

GROUP = "Work"
_SHORTEST = 80


def response_of(row: RunStep) -> Response | None:
    """The answer that the run is about."""
    event = row.run.event
    if event is None or event.subject_type != "response":
        return None
    return Response.objects.filter(pk=event.subject_id or 0).first()


def message_of(row: RunStep) -> InboundMessage | None:
    """The message that the run is about."""
    event = row.run.event
    if event is None or event.subject_type != "message":
        return None
    return InboundMessage.objects.filter(pk=event.subject_id or 0).first()


def text_of(row: RunStep, key: str) -> str:
    """A text of the step with its fields filled; `{contact}` stands for the person too."""
    contact = row.run.contact
    name = contact.display_name if contact is not None else "the respondent"
    return merge_fields.filled(str(row.settings.get(key) or ""), row.run).replace("{contact}", name)


def chosen(row: RunStep) -> people.Chosen:
    """Who gets the work, as the step says: the owner where it says nothing."""
    how = str(row.settings.get("who") or Route.OWNER)
    wanted: dict[str, Any] = {"role": row.settings.get("role"), "user": row.settings.get("user")}
    wanted["users"] = [int(pk) for pk in row.settings.get("users") or [] if str(pk).isdigit()]
    return people.choose(how, row.run.account, wanted)


# --- What they do --------------------------------------------------------------------------------------------
def create_alert(row: RunStep) -> Mapping[str, Any]:
    """Raise an alert for the account's owner, who is told in the ways they chose."""
    run = row.run
    alert = alerts.raise_alert(
        dedupe_key=f"rule:{run.rule_id}:{run.cause_key}:{row.path}",
        kind=row.settings.get("alert") or "detractor",
        reason=str(row.settings.get("reason") or "")[:_SHORTEST],
        account=run.account,
        contact=run.contact,
        response=response_of(row),
        message=message_of(row),
        run=run,
        assignee=chosen(row).user,
    )
    return {"alert": alert.pk}


def create_task(row: RunStep) -> Mapping[str, Any]:
    """Create a task, due in so many business days of the person who gets it."""
    run, who = row.run, chosen(row)
    task = tasks.create_task(
        title=text_of(row, "title"),
        description=text_of(row, "description"),
        account=run.account,
        contact=run.contact,
        response=response_of(row),
        run=run,
        assignee=who.user,
        covering=who.leave,
        priority=Priority(row.settings.get("priority") or Priority.NORMAL),
        due_at=tasks.due_in_business_days(
            days=int(row.settings.get("due_business_days", 1)),
            assignee=who.user,
            start=row.started_at or run.started_at,
        ),
        dedupe_key=f"rule:{run.rule_id}:{run.cause_key}:{row.path}",
        actor=None,
    )
    return {"task": task.pk}


# --- In words ------------------------------------------------------------------------------------------------
def people_choices() -> list[tuple[str, str]]:
    return [(str(user.pk), str(user)) for user in team_queries.list_assignable()]


_ROUTES = (
    (Route.OWNER.value, "The account's owner"), (Route.ROLE.value, "Whoever has a role at the account"),
    (Route.PERSON.value, "One person"), (Route.ROUND_ROBIN.value, "Several people in turn"),
)  # fmt: skip


def _routes() -> Sequence[tuple[str, str]]:
    return _ROUTES


def _alert_kinds() -> list[tuple[str, str]]:
    return [(kind.key, kind.label) for kind in alert_kinds.all_kinds()]


def _priorities() -> list[tuple[str, str]]:
    return [(one.value, one.value.capitalize()) for one in Priority]


WHO = (
    Setting("who", "Who gets it", SettingKind.CHOICE, choices=_routes, default=Route.OWNER.value),
    Setting("role", "Role at the account", SettingKind.TEXT, maximum=40, shown_if=("who", (Route.ROLE.value,))),
    Setting("user", "Person", SettingKind.USER, shown_if=("who", (Route.PERSON.value,))),
    Setting(
        "users", "People", SettingKind.MANY, choices=people_choices, shown_if=("who", (Route.ROUND_ROBIN.value,))
    ),
)  # fmt: skip
"""How a step says who gets the work: the account's owner, by role, one person, or several in turn."""


def who_words(settings: Mapping[str, Any]) -> str:
    """ "the owner", "Cora", "one of 3 people in turn"."""
    how = settings.get("who") or Route.OWNER
    if how == Route.ROLE:
        return f"whoever is {settings.get('role') or '…'} at the account"
    if how == Route.PERSON:
        return dict(people_choices()).get(str(settings.get("user")), "somebody who is gone")
    if how == Route.ROUND_ROBIN:
        return f"one of {len(settings.get('users') or [])} people in turn"
    return "the owner"


def _alert_words(settings: Mapping[str, Any]) -> str:
    label = dict(_alert_kinds()).get(str(settings.get("alert")), "")
    return f"alert {who_words(settings)}{f' (“{label}”)' if label else ''}"


def _task_words(settings: Mapping[str, Any]) -> str:
    days = int(settings.get("due_business_days", 1))
    due = "today" if days == 0 else "in one business day" if days == 1 else f"in {days} business days"
    title = merge_fields.spoken(str(settings.get("title") or "…"))
    return f"give {who_words(settings)} the task “{title}”, due {due}"


def register() -> None:
    catalogue.step_type(
        StepType(
            "create_alert", "Raise an alert", GROUP, _alert_words,
            settings=(
                Setting("alert", "Kind", SettingKind.CHOICE, choices=_alert_kinds, default="detractor"),
                Setting("reason", "Reason", SettingKind.TEXT, is_required=False, maximum=80,
                        help="Alerts of an account with the same kind and reason are one."),
                *WHO,
            ),
            do=create_alert,
        )
    )  # fmt: skip
    catalogue.step_type(
        StepType(
            "create_task", "Create a task", GROUP, _task_words,
            settings=(
                Setting("title", "Title", SettingKind.TEXT, merge=True, maximum=200),
                Setting("description", "Description", SettingKind.LONG_TEXT, merge=True, is_required=False, maximum=2000),
                Setting("due_business_days", "Due in business days", SettingKind.NUMBER, default=1, minimum=0, maximum=250),
                Setting("priority", "Priority", SettingKind.CHOICE, choices=_priorities, default=Priority.NORMAL.value),
                *WHO,
            ),
            do=create_task,
        )
    )  # fmt: skip
