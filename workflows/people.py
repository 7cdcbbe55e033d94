"""Who gets the work: the account's owner, or the fall-back person."""

from accounts.models import Account
from team import queries as team_queries
from team.domain import Role
from team.models import User


def responsible_for(account: Account | None) -> User | None:
    """The active primary owner; else the workspace's fall-back person; else the longest-serving active lead, then
    administrator. None only in a workspace without people."""
    owner = account.owner if account is not None else None
    if owner is not None and owner.is_active:
        return owner
    fallback = team_queries.workspace().fallback_owner
    if fallback is not None and fallback.is_active:
        return fallback
    for role in (Role.LEAD, Role.ADMINISTRATOR):
        found = User.objects.filter(role=role, is_active=True).order_by("created_at", "pk").first()
        if found is not None:
            return found
    return None
