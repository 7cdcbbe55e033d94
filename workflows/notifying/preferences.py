"""How one person wants to be told: what they chose, over the defaults of their role."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from team import queries as team_queries
from team.domain import Role
from team.models import NotificationPreference, User, Workspace
from workflows.notifying.domain import Way, quiet_end
from workflows.notifying.topics import Topic

DIGEST_BY_DEFAULT = frozenset({Role.CSM, Role.LEAD})


@dataclass(frozen=True, slots=True)
class Wishes:
    user: User
    stored: NotificationPreference
    zone: ZoneInfo
    day_start: dt.time

    def ways_of(self, topic: Topic) -> frozenset[Way]:
        """The channels on which this person is told about a topic."""
        for key in (topic.key, topic.group):
            chosen = self.stored.choices.get(key) if key else None
            if isinstance(chosen, list):
                return frozenset(Way(way) for way in chosen if way in set(Way))
        return topic.ways_for(Role(self.user.role))

    def quiet_end(self, now: dt.datetime) -> dt.datetime | None:
        """When the quiet time that `now` lies in ends; None outside of it."""
        return quiet_end(
            now,
            zone=self.zone,
            quiet_from=self.stored.quiet_from,
            quiet_until=self.stored.quiet_until,
            at_weekends=self.stored.is_quiet_at_weekends,
        )

    @property
    def wants_digest(self) -> bool:
        if self.stored.digest is not None:
            return self.stored.digest
        return Role(self.user.role) in DIGEST_BY_DEFAULT

    @property
    def digest_at(self) -> dt.time:
        """When the digest goes, in their zone: as they chose, else at the start of the company's working day."""
        return self.stored.digest_at or self.day_start


def wishes_of(user: User) -> Wishes:
    """What this person chose; defaults where they did not."""
    workspace = team_queries.workspace()
    return _wishes(user, team_queries.notifications_of(user), workspace)


def wishes_of_all() -> list[Wishes]:
    """The same for everybody who is active, in three questions to the database."""
    workspace = team_queries.workspace()
    chosen = {row.user_id: row for row in NotificationPreference.objects.filter(user__is_active=True)}
    people = User.objects.filter(is_active=True).order_by("pk")
    return [
        _wishes(user, chosen.get(user.pk) or NotificationPreference(user=user), workspace) for user in people
    ]


def _wishes(user: User, stored: NotificationPreference, workspace: Workspace) -> Wishes:
    return Wishes(user, stored, ZoneInfo(user.time_zone or workspace.time_zone), workspace.day_start)
