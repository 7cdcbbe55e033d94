"""What pages and other apps read about people and the workspace."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from core import clock
from team.models import User, Workspace


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
