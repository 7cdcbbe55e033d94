"""What pages and the API read about rules and their runs."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core import clock
from team.models import User
from workflows.domain import UNDER_WAY, RunState
from workflows.models import Rule, Run
from workflows.rules.definition import values_of
from workflows.rules.sentences import Change, Speaker, lines
from workflows.rules.sentences import compare as compare_lines

RECENT_DAYS = 30


def list_rules(user: User) -> QuerySet[Rule]:
    """All rules with, on accounts the person sees: how often they ran and failed in the last 30 days, when last, and how
    many runs are under way."""
    since = clock.now() - dt.timedelta(days=RECENT_DAYS)
    seen = Run.objects.visible_to(user).filter(rule=OuterRef("pk")).order_by()
    recent = seen.filter(started_at__gte=since)
    return Rule.objects.annotate(
        recent_runs=_count(recent),
        recent_failures=_count(recent.filter(state=RunState.FAILED)),
        under_way=_count(seen.filter(state__in=UNDER_WAY)),
        held=_count(seen.filter(state=RunState.HELD)),
        last_run_at=Subquery(seen.order_by("-started_at").values("started_at")[:1]),
        was_on=Exists(Rule.history.filter(id=OuterRef("pk"), is_active=True)),
    ).order_by("name", "pk")


def by_name() -> QuerySet[Rule]:
    """All rules, for lists to choose from."""
    return Rule.objects.order_by("name", "pk")


def state_of(rule: Any) -> str:
    """ "on", "off", or "draft" where it never was on. `rule` is one of `list_rules`."""
    return "on" if rule.is_active else "off" if rule.was_on else "draft"


def _count(runs: QuerySet[Run]) -> Any:
    return Coalesce(Subquery(runs.values("rule").annotate(n=Count("pk")).values("n")), 0)


# --- Versions ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Version:
    """One version of a rule: who saved it, when and why. `row` holds its values."""

    version: int
    saved_at: dt.datetime
    author: User | None
    note: str
    row: Any


def versions_of(rule: Rule) -> list[Version]:
    """Every version, newest first. Switching a rule on or off is no version."""
    found: dict[int, Version] = {}
    rows = rule.history.select_related("history_user").order_by("history_date", "history_id")
    for row in rows:
        if row.version not in found and row.history_type != "-":
            found[row.version] = Version(
                row.version,
                row.history_date,
                row.history_user,
                row.history_change_reason or "",
                row,
            )
    return sorted(found.values(), key=lambda one: -one.version)


def compare(before: Version, after: Version, speaker: Speaker) -> Sequence[Change]:
    """Two versions in words."""
    old, new = (lines(speaker.rule(one.row), values_of(one.row)) for one in (before, after))
    return compare_lines(old, new)
