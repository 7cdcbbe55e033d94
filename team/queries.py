"""What pages and other apps read about people and the workspace."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from core import clock
from team.domain import DEFAULT_SCOPES, Role, RowScope
from team.models import ApiKey, AuditEntry, NotificationPreference, RoleScope, Team, User, Workspace


def workspace() -> Workspace:
    """The workspace's settings; made with defaults the first time."""
    found = Workspace.objects.filter(pk=1).first()
    return found or Workspace.objects.get_or_create(pk=1)[0]


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
    """Everybody, active people first."""
    return User.objects.select_related("team").order_by("-is_active", "name", "pk")


def list_teams() -> QuerySet[Team]:
    """Teams with the number of their active members."""
    return Team.objects.annotate(people=Count("members", filter=Q(members__is_active=True))).order_by("name")


def row_scopes() -> dict[Role, RowScope]:
    """How far each role sees."""
    stored = {row.role: RowScope(row.scope) for row in RoleScope.objects.all()}
    return {role: stored.get(role.value, DEFAULT_SCOPES[role]) for role in Role}


def list_keys() -> QuerySet[ApiKey]:
    """API keys, the usable ones first."""
    return ApiKey.objects.select_related("user", "created_by").order_by("revoked_at", "-created_at", "-pk")


def list_audit() -> QuerySet[AuditEntry]:
    return AuditEntry.objects.select_related("actor", "api_key").order_by("-at", "-pk")


def audit_actions() -> list[str]:
    """The kinds of entries there are, for the filter."""
    return list(AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct())


def notifications_of(user: User) -> NotificationPreference:
    """A person's choice of mails; the defaults when they never chose."""
    return NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)


def usable_keys_of(user: User) -> int:
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True).count()
