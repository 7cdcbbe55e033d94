"""Rows that are changed together: how many at once."""

from typing import Any

from django.db.models import QuerySet

from core.errors import Refused

MAX_BULK = 5_000


def bulk_keys(rows: QuerySet[Any], words: str) -> list[int]:
    """The keys of rows that are to be changed together; refuses more than `MAX_BULK`, so that none is left out unsaid."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True).distinct()[: MAX_BULK + 1])
    if len(keys) > MAX_BULK:
        raise Refused(
            f"These are more than {MAX_BULK:,} {words}. Nothing was changed: narrow the filter, and change them in parts.",
            code="too_many",
        )
    return keys
