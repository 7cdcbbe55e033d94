"""What changes playbooks themselves. What was started already keeps its tasks as they were made."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.domain import OwnerRole
from core.errors import Invalid, Refused
from team import audit
from team import queries as team_queries
from team.models import User
from workflows.domain import Priority
from workflows.models import Playbook, PlaybookTask
from workflows.services.tasks import CHECKLIST_LIMIT
from workflows.work.domain import Anchor, Route, Unit

MAX_TASKS = 50
MAX_OFFSET = 730
EDITABLE = (
    "title", "description", "priority", "anchor", "offset", "unit", "route", "route_settings", "checklist",
)  # fmt: skip


@transaction.atomic
def create_playbook(*, name: str, description: str, actor: User) -> Playbook:
    playbook = Playbook.objects.create(
        name=_name(name, None), description=description.strip()[:300], created_by=actor
    )
    audit.record(action="playbook.created", actor=actor, obj=playbook)
    return playbook


@transaction.atomic
def update_playbook(*, playbook: Playbook, name: str, description: str, actor: User) -> Playbook:
    playbook = Playbook.objects.select_for_update(of=("self",)).get(pk=playbook.pk)
    playbook.name, playbook.description = _name(name, playbook), description.strip()[:300]
    playbook.save(update_fields=["name", "description"])
    audit.record(action="playbook.changed", actor=actor, obj=playbook)
    return playbook


def _name(name: str, playbook: Playbook | None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid("Give the playbook a name.", field="name")
    others = Playbook.objects.filter(name__iexact=name)
    if playbook is not None:
        others = others.exclude(pk=playbook.pk)
    if others.exists():
        raise Invalid("There is a playbook of this name already.", field="name")
    return name[:120]


@transaction.atomic
def archive_playbook(*, playbook: Playbook, is_active: bool, actor: User) -> None:
    """Take a playbook out of what can be started, or bring it back. What runs goes on."""
    if Playbook.objects.filter(pk=playbook.pk).exclude(is_active=is_active).update(is_active=is_active):
        audit.record(
            action="playbook.restored" if is_active else "playbook.archived", actor=actor, obj=playbook
        )


@transaction.atomic
def copy_playbook(*, playbook: Playbook, actor: User) -> Playbook:
    """A playbook of one's own with the same tasks, to change without touching the first."""
    number = 1
    while Playbook.objects.filter(
        name=f"{playbook.name} (copy{f' {number}' if number > 1 else ''})"
    ).exists():
        number += 1
    copy = create_playbook(
        name=f"{playbook.name} (copy{f' {number}' if number > 1 else ''})",
        description=playbook.description,
        actor=actor,
    )
    for task in playbook.tasks.order_by("position", "pk"):
        task.pk, task.playbook = None, copy
        task._state.adding = True
        task.save()
    return copy


@transaction.atomic
def save_task(
    *, playbook: Playbook, task: PlaybookTask | None, values: Mapping[str, Any], actor: User
) -> PlaybookTask:
    """Add a task to a playbook, or change one. `values`: all of `EDITABLE`."""
    Playbook.objects.select_for_update(of=("self",)).get(pk=playbook.pk)
    if task is None:
        if playbook.tasks.count() >= MAX_TASKS:
            raise Refused(f"A playbook has at most {MAX_TASKS} tasks.", code="too_many")
        last = playbook.tasks.aggregate(last=Max("position"))["last"] or 0
        task = PlaybookTask(playbook=playbook, position=last + 1)
    for name, value in _checked(values).items():
        setattr(task, name, value)
    task.save()
    audit.record(action="playbook.changed", actor=actor, obj=playbook)
    return task


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    title = " ".join(str(values["title"]).split())
    if not title:
        raise Invalid("Say in a few words what is to be done.", field="title")
    if abs(values["offset"]) > MAX_OFFSET:
        raise Invalid(f"At most {MAX_OFFSET} days before or after.", field="offset")
    if values["anchor"] == Anchor.START and values["offset"] < 0:
        raise Invalid(
            "Nothing can be due before the start. Count from a date of the account.", field="offset"
        )
    lines = [" ".join(str(line).split())[:200] for line in values["checklist"] if str(line).strip()]
    if len(lines) > CHECKLIST_LIMIT:
        raise Invalid(f"A checklist has at most {CHECKLIST_LIMIT} lines.", field="checklist")
    return {
        "title": title[:200],
        "description": str(values["description"]),
        "priority": Priority(values["priority"]),
        "anchor": Anchor(values["anchor"]),
        "offset": values["offset"],
        "unit": Unit(values["unit"]),
        "route": Route(values["route"]),
        "route_settings": _route_settings(Route(values["route"]), values["route_settings"]),
        "checklist": lines,
    }


def _route_settings(route: Route, given: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the route needs, of things that exist."""
    if route == Route.ROLE:
        if given.get("role") not in set(OwnerRole):
            raise Invalid("Choose the role at the account whose person does it.", field="role")
        return {"role": str(given["role"])}
    if route == Route.PERSON:
        if not team_queries.list_assignable().filter(pk=given.get("user") or 0).exists():
            raise Invalid("Choose an active colleague to whom work can be given.", field="user")
        return {"user": int(given["user"])}
    if route == Route.ROUND_ROBIN:
        found = team_queries.list_assignable().filter(pk__in=given.get("users") or [])
        ids = sorted(found.values_list("pk", flat=True))
        if not ids:
            raise Invalid("Choose the people who take turns.", field="users")
        return {"users": ids}
    return {}


@transaction.atomic
def remove_task(*, task: PlaybookTask, actor: User) -> None:
    audit.record(action="playbook.changed", actor=actor, obj=task.playbook)
    task.delete()


@transaction.atomic
def move_task(*, task: PlaybookTask, up: bool, actor: User) -> None:
    """Move a task of a playbook one place up or down; at the end nothing happens."""
    rows = list(
        PlaybookTask.objects.filter(playbook=task.playbook_id)
        .order_by("position", "pk")
        .select_for_update(of=("self",))
    )
    at = next(number for number, row in enumerate(rows) if row.pk == task.pk)
    to = at - 1 if up else at + 1
    if not 0 <= to < len(rows):
        return
    rows[at], rows[to] = rows[to], rows[at]
    for position, row in enumerate(rows, start=1):
        if row.position != position:
            row.position = position
            row.save(update_fields=["position"])
    audit.record(action="playbook.changed", actor=actor, obj=task.playbook)
