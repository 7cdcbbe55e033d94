"""What the resources of acting share: their scopes, and people and rows that a body names."""

from typing import Any

from django.db.models import QuerySet

from core.errors import Invalid
from team import queries as team_queries
from team.domain import ApiScope
from team.models import User

SCOPES = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}


def assignable(pk: int, field: str = "assignee") -> User:
    found = team_queries.list_assignable().filter(pk=pk).first()
    if found is None:
        raise Invalid("There is no active person with this id to whom work can be given.", field=field)
    return found


def visible(queryset: QuerySet[Any], pk: int | None, field: str) -> Any:
    """The row that a body names, None for none; one that the key may not see is like one that is not there."""
    if pk is None:
        return None
    found = queryset.filter(pk=pk).first()
    if found is None:
        raise Invalid(f"There is no {field} with this id that the key may see.", field=field)
    return found
