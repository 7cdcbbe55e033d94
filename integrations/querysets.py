"""Chainable filters of connections. They have no account, so they are for those who lead and whose scope is
everything."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

from team.domain import RowScope
from team.permissions import can_lead
from team.scope import scope_of

if TYPE_CHECKING:
    from integrations.models import Connection  # noqa: F401 - in the quoted base below
    from team.models import User


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def visible_to(self, user: "User") -> Self:
        return self.all() if can_lead(user) and scope_of(user) is RowScope.ALL else self.none()


class OfConnectionQuerySet(models.QuerySet[Any]):
    """Rows that belong to a connection: runs, and what a source said."""

    def visible_to(self, user: "User") -> Self:
        return self.all() if can_lead(user) and scope_of(user) is RowScope.ALL else self.none()
