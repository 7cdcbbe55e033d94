"""Who may do what: one predicate per action, shared by pages, API and admin. Rows are cut by `visible_to`."""

from team.domain import Role, RowScope
from team.models import User
from team.scope import scope_of


def can_view(user: User) -> bool:
    """Everybody who may sign in sees what their row scope allows."""
    return user.is_active


def can_work(user: User) -> bool:
    """Log interactions, close loops, handle alerts and tasks, edit customers in one's scope."""
    return user.is_active and user.role in {Role.ADMINISTRATOR, Role.LEAD, Role.CSM}


def can_lead(user: User) -> bool:
    """Design surveys, launch campaigns, switch rules, change owners in bulk, accept intents and inbox rows."""
    return user.is_active and user.role in {Role.ADMINISTRATOR, Role.LEAD}


def can_lead_everywhere(user: User) -> bool:
    """Decide what acts on every customer, such as rules that are on. A lead whose role sees a part of the accounts leads
    that part, and cannot let anything loose on the others."""
    return can_lead(user) and scope_of(user) is RowScope.ALL


def can_administer(user: User) -> bool:
    """Users, roles, fields, stages, keys, imports of the whole base, workspace settings."""
    return user.is_active and user.role == Role.ADMINISTRATOR


def can_import(user: User) -> bool:
    return can_lead(user)


def can_export(user: User) -> bool:
    """Downloads leave the house, so each is audited; a viewer reads but does not take away."""
    return can_work(user)
