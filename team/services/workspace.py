"""The company's settings, teams and row scopes."""

from typing import Any

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from core.errors import Invalid, Refused
from team import audit, queries
from team.domain import Role, RowScope
from team.images import check_logo
from team.models import RoleScope, Team, User, Workspace

FIELDS = {
    "name",
    "time_zone",
    "currency",
    "language",
    "postal_address",
    "colour",
    "fallback_owner",
    "day_start",
    "day_end",
    "account_ask_limit",
    "account_ask_days",
    "minimum_tenure_days",
    "partial_hours",
    "edit_hours",
    "notices_per_hour",
    "creates_contacts",
    "require_mfa",
}


@transaction.atomic
def update_workspace(
    *, actor: User, logo: bytes | None = None, remove_logo: bool = False, **changes: Any
) -> Workspace:
    """Change settings of the company. The audit entry names the fields, and old and new of those that are numbers."""
    if unknown := set(changes) - FIELDS:
        raise TypeError(f"Not settings of the workspace: {sorted(unknown)}")
    queries.workspace()
    workspace = Workspace.objects.select_for_update().get(pk=1)
    changed = sorted(field for field, value in changes.items() if getattr(workspace, field) != value)
    if changes.get("day_start", workspace.day_start) >= changes.get("day_end", workspace.day_end):
        raise Invalid("The day must end after it starts.", field="day_end")
    owner = changes.get("fallback_owner")
    if owner is not None and (not owner.is_active or owner.role == Role.VIEWER):
        raise Refused("The fall-back must be an active person who handles alerts.", field="fallback_owner")
    detail: dict[str, Any] = {
        field: [getattr(workspace, field), changes[field]]
        for field in changed
        if isinstance(changes[field], (int, bool)) or field in {"time_zone", "currency", "language"}
    }
    for field in changed:
        setattr(workspace, field, changes[field])
    if logo is not None or remove_logo:
        changed.append("logo")
        old = workspace.logo.name
        workspace.logo = ""
        if logo is not None:
            kind = check_logo(logo)
            workspace.logo.save(f"logo.{kind}", ContentFile(logo), save=False)
        if old:
            storage = Workspace._meta.get_field("logo").storage
            transaction.on_commit(lambda: storage.delete(old))
    if changed:
        workspace.save(update_fields=changed)
        audit.record(action="workspace.updated", actor=actor, obj=workspace, fields=changed, **detail)
    return workspace


@transaction.atomic
def create_team(*, name: str, actor: User) -> Team:
    team = _save_team(Team(name=_team_name(name)))
    audit.record(action="team.created", actor=actor, obj=team)
    return team


@transaction.atomic
def rename_team(*, team: Team, name: str, actor: User) -> Team:
    team.name = _team_name(name)
    _save_team(team)
    audit.record(action="team.renamed", actor=actor, obj=team)
    return team


@transaction.atomic
def delete_team(*, team: Team, actor: User) -> None:
    """Remove a team nobody is in: members would lose sight of their accounts without a word."""
    members = User.objects.filter(team=team).count()
    if members:
        raise Refused(f"Move its {members} {'person' if members == 1 else 'people'} to another team first.")
    audit.record(action="team.deleted", actor=actor, obj=team)
    team.delete()


def _team_name(name: str) -> str:
    if not name.strip():
        raise Invalid("Give the team a name.", field="name")
    return name.strip()


def _save_team(team: Team) -> Team:
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError:
        raise Refused("There is already a team of this name.", code="name_taken", field="name") from None
    return team


@transaction.atomic
def set_row_scopes(*, scopes: dict[Role, RowScope], actor: User) -> None:
    """Say how far each role sees. Administrators always see everything."""
    if scopes.get(Role.ADMINISTRATOR, RowScope.ALL) is not RowScope.ALL:
        raise Refused("Administrators see all accounts; somebody must.", field=Role.ADMINISTRATOR.value)
    before = queries.row_scopes()
    changed: dict[str, Any] = {
        role.value: [before[role].value, scope.value]
        for role, scope in scopes.items()
        if before[role] != scope
    }
    for role, scope in scopes.items():
        RoleScope.objects.update_or_create(role=role.value, defaults={"scope": scope.value})
    if changed:
        audit.record(action="row_scope.changed", actor=actor, **changed)
