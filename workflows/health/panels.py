"""What health adds to the page of an account, to the navigation and to the settings."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from accounts import extend
from accounts.extend import Panel
from accounts.models import Account
from core.charts_levels import LevelPoint, Zone, level_trend
from team import places
from team import queries as team_queries
from team.models import User
from team.permissions import can_lead, can_work
from team.places import Place
from workflows.health import queries, reasons
from workflows.health.domain import UNCLEAR
from workflows.health.queries import Standing
from workflows.health.words import short_day
from workflows.models import HealthSnapshot

WEEKS = 26
LATELY = dt.timedelta(days=30)


def overview(account: Account, user: User) -> Mapping[str, Any]:
    """The score with its parts, and why it changed within 30 days."""
    standing = queries.health_of(account.pk)
    if standing is None:
        return {"health": None}
    today = team_queries.today()
    return {
        "health": reasons.explained(standing),
        "override": _override(account, user) if standing.override_band else None,
        "change": reasons.between(account.pk, today - LATELY, today),
        "may_work": can_work(user),
    }


def tab(account: Account, user: User) -> Mapping[str, Any]:
    """Everything about the health of an account."""
    standing = queries.health_of(account.pk)
    if standing is None:
        return {"health": None, "may_work": can_work(user)}
    today = team_queries.today()
    return {
        "health": reasons.explained(standing),
        "override": _override(account, user) if standing.override_band else None,
        "comparison": reasons.between(account.pk, today - LATELY, today),
        "today": today,
        "trend": trend(account, standing),
        "overrides": list(queries.list_overrides(user=user).filter(account=account)[:10]),
        "sentiments": list(queries.list_sentiments(user=user).filter(account=account)[:10]),
        "may_work": can_work(user),
    }


def _override(account: Account, user: User) -> Any:
    return queries.list_overrides(user=user).filter(account=account, ended_at__isnull=True).first()


def trend(account: Account, standing: Standing) -> Any:
    """The score at the end of each of the last 26 weeks and today, above the bands as they are now."""
    today, config = team_queries.today(), standing.config
    days = [today - dt.timedelta(weeks=number) for number in range(WEEKS, -1, -1)]
    rows = list(queries.history(account.pk, since=days[0]))
    points, place, row = [], 0, None
    for day in days:
        while place < len(rows) and rows[place].day <= day:
            row = rows[place]
            place += 1
        points.append(_point(day, row, standing))
    points[-1] = _level(today, standing.effective_shown, standing.effective_band, standing)
    zones = [Zone(band.label, band.start, config.tone_of(band.key)) for band in config.bands]
    return level_trend(points, zones=zones, title=f"Health of {account.name}, by week")


def _point(day: dt.date, row: HealthSnapshot | None, standing: Standing) -> LevelPoint:
    if row is None:
        return LevelPoint(short_day(day), None)
    shown = row.shown if row.override_score is None else row.override_score
    return _level(day, shown, row.override_band or row.band, standing)


def _level(day: dt.date, shown: int | None, band: str, standing: Standing) -> LevelPoint:
    config = standing.config
    tone = "none" if band == UNCLEAR else config.tone_of(band)
    return LevelPoint(short_day(day), shown, tone, config.label_of(band) if band else "")


def register() -> None:
    extend.panel(
        Panel(
            "workflows.health", "account", "overview", "Health", "workflows/health/_panel.html", overview, position=5
        )
    )  # fmt: skip
    extend.panel(
        Panel(
            "workflows.health.tab", "account", "health", "Health", "workflows/health/_tab.html", tab, position=65
        )
    )  # fmt: skip
    places.register(
        Place(
            "Customers and surveys", "Health", "What health is made of, for whom, and its bands", "health",
            "workflows:health_settings", can_lead,
        )
    )  # fmt: skip
