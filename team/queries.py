"""What pages and other apps read about people and the workspace."""

import datetime as dt
from zoneinfo import ZoneInfo

from allauth.mfa.models import Authenticator
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from core import clock
from core.once import once
from team.domain import DEFAULT_SCOPES, Role, RowScope
from team.models import ApiKey, AuditEntry, NotificationPreference, RoleScope, Team, User, Workspace
from team.scope import scope_of


def workspace() -> Workspace:
    """The workspace's settings; made with defaults the first time."""
    return once(_read_workspace)


def _read_workspace() -> Workspace:
    found = Workspace.objects.filter(pk=1).first()
    if found is None:
        # Read back what was made: defaults are texts until the database has turned them into times.
        Workspace.objects.get_or_create(pk=1)
        found = Workspace.objects.get(pk=1)
    return found


def zone() -> ZoneInfo:
    """The zone in which days of figures and daily limits are counted."""
    return ZoneInfo(workspace().time_zone)


def zone_of(user: User) -> ZoneInfo:
    return ZoneInfo(user.time_zone) if user.time_zone else zone()


def today() -> dt.date:
    """The current date in the workspace's zone."""
    return clock.now().astimezone(zone()).date()


def list_assignable() -> QuerySet[User]:
    """People to whom work can be given."""
    return User.objects.filter(is_active=True).exclude(role="viewer").order_by("name", "pk")


def list_people() -> QuerySet[User]:
    """Everybody, active people first, with whether they have a second sign-in step."""
    second_step = Authenticator.objects.filter(user=OuterRef("pk"))
    people = User.objects.select_related("team").annotate(has_second_step=Exists(second_step))
    return people.order_by("-is_active", "name", "pk")


def count_open_invitations() -> int:
    """People who were invited and have not set a password yet."""
    return User.objects.filter(is_active=True, last_login__isnull=True).count()


def has_second_step(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user).exists())


def list_teams() -> QuerySet[Team]:
    """Teams with the number of their active members."""
    return Team.objects.annotate(people=Count("members", filter=Q(members__is_active=True))).order_by("name")


def row_scopes() -> dict[Role, RowScope]:
    """How far each role sees."""
    stored = {row.role: RowScope(row.scope) for row in RoleScope.objects.all()}
    return {role: stored.get(role.value, DEFAULT_SCOPES[role]) for role in Role}


def list_keys() -> QuerySet[ApiKey]:
    """API keys, the usable ones first."""
    return ApiKey.objects.select_related("user", "created_by").order_by(
        F("revoked_at").asc(nulls_first=True), "-created_at", "-pk"
    )


def list_audit() -> QuerySet[AuditEntry]:
    return AuditEntry.objects.select_related("actor", "api_key").order_by("-at", "-pk")


def audit_of_person(person: User) -> QuerySet[AuditEntry]:
    """What was done to a person, latest first."""
    return list_audit().filter(object_type="team.user", object_id=person.pk)


def audit_actions() -> list[str]:
    """The kinds of entries there are, for the filter."""
    return list(AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct())


def notifications_of(user: User) -> NotificationPreference:
    """A person's choice of mails; the defaults when they never chose."""
    return NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)


def usable_keys_of(user: User) -> int:
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True).count()


def search_audit(entries: QuerySet[AuditEntry], text: str) -> QuerySet[AuditEntry]:
    """Entries whose kind, actor or thing fits `text`; "account 12" finds one thing."""
    words = text.split()
    fits = Q(action__icontains=text) | Q(actor__name__icontains=text) | Q(actor__email__icontains=text)
    kind = words[0].lower() if words else ""
    if words and words[-1].isdigit() and len(words[-1]) <= 18:
        numbered = Q(object_id=int(words[-1]))
        fits |= numbered & Q(object_type__icontains=kind) if len(words) > 1 else numbered
    return entries.filter(fits | Q(object_type__icontains=text))


def action_text(action: str) -> str:
    """How an audit action reads: "api_key.created" is "Api key created"."""
    return action.replace(".", " ").replace("_", " ").capitalize().replace("Api ", "API ")


def search_people(people: QuerySet[User], text: str, state: str) -> QuerySet[User]:
    """People whose name or address fits; `state` is active, inactive or all."""
    if state in {"active", "inactive"}:
        people = people.filter(is_active=state == "active")
    if text.strip():
        people = people.filter(Q(name__icontains=text.strip()) | Q(email__icontains=text.strip()))
    return people


def count_administrators() -> int:
    """Administrators who can sign in."""
    return User.objects.filter(role=Role.ADMINISTRATOR, is_active=True).count()


def row_scope_text(user: User) -> str:
    """Whose accounts a person sees, as a sentence's end."""
    scope = scope_of(user)
    if scope is RowScope.ALL:
        return "all accounts"
    if scope is RowScope.TEAM and user.team is not None:
        return f"accounts of the team {user.team.name}"
    return "the accounts you own"


def audit_text(entry: AuditEntry) -> str:
    """What an entry's detail says, in one line: "role: csm → lead · fields: name"."""
    parts = []
    for name, value in sorted(entry.detail.items()):
        if isinstance(value, list) and len(value) == 2 and name not in {"fields", "scopes"}:
            shown = " → ".join("nothing" if part is None else str(part) for part in value)
        elif isinstance(value, list):
            shown = ", ".join(str(part) for part in value)
        else:
            shown = str(value)
        parts.append(f"{name.replace('_', ' ')}: {shown}")
    return " · ".join(parts)
