"""The health of accounts as it was known at moments of the past, from the kept days."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from team import queries as team_queries
from workflows.models import HealthSnapshot


@dataclass(frozen=True, slots=True)
class Then:
    """`facts` are those that events remember; empty where there was no health. `is_sure` is false where the account was
    computed again later on that day, so that what stood before is no longer kept."""

    facts: dict[str, Any]
    is_sure: bool


def known_at(moments: Sequence[tuple[int, dt.datetime]]) -> list[Then]:
    """The band and score that counted for each account at each moment."""
    if not moments:
        return []
    zone = team_queries.zone()
    last_day = max(at for _, at in moments).astimezone(zone).date()
    rows = HealthSnapshot.objects.filter(account__in={pk for pk, _ in moments}, day__lte=last_day)
    kept: dict[int, list[HealthSnapshot]] = defaultdict(list)
    for row in rows.order_by("account", "day").iterator():
        kept[row.account_id].append(row)
    return [_then(kept[pk], at, at.astimezone(zone).date()) for pk, at in moments]


def _then(days: Sequence[HealthSnapshot], at: dt.datetime, day: dt.date) -> Then:
    facts: dict[str, Any] = {}
    for one in days:
        if one.day > day:
            break
        if one.computed_at > at:
            return Then(facts, is_sure=False)
        band = one.override_band or one.band
        shown = one.shown if one.override_score is None else one.override_score
        facts = {"health.band": band, "health.score": shown} if band else {}
    return Then(facts, is_sure=True)
