"""Taking lists out of the house: what is exported is counted and audited."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from team import audit
from team.models import User


def note_export(*, what: str, rows: QuerySet[Any], filters: Iterable[str], actor: User) -> int:
    """Write down who took how many rows of what, cut by which filters; returns the number."""
    count = rows.count()
    audit.record(action=f"{what}.exported", actor=actor, count=count, filters=sorted(set(filters)))
    return count
