"""What pages and the API read about back-tests."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from core import charts
from team.domain import RowScope
from team.models import User
from team.permissions import can_lead
from team.scope import scope_of
from workflows.health import versions
from workflows.health.backtest_domain import Against, BackTestState
from workflows.models import BackTest


def may_see(user: User) -> bool:
    """Who leads and sees all rows."""
    return can_lead(user) and scope_of(user) is RowScope.ALL


def list_backtests(user: User) -> QuerySet[BackTest]:
    found: QuerySet[BackTest] = BackTest.objects.visible_to(user).select_related("version", "requested_by")
    return found.order_by("-requested_at", "-pk")


def suggested_config(pk: int, user: User) -> dict[str, Any] | None:
    """The configuration that a back-test suggests, as a draft for the editor of profiles; None where it suggests none."""
    found = list_backtests(user).filter(pk=pk).first()
    return found.suggestion.get("config") if found is not None else None


def suggested_weights(pk: int, profile: str, user: User) -> dict[str, float]:
    """The weights it suggests for the components of a profile; empty where it suggests none."""
    config = suggested_config(pk, user) or {"profiles": []}
    found: dict[str, Any] = next(
        (one for one in config["profiles"] if one["key"] == profile), {"components": []}
    )
    return {one["key"]: float(one["weight"]) for one in found["components"]}


WHAT = {Against.CHURN: "churned", Against.CHURN_OR_DOWNGRADE: "churned or downgraded"}


@dataclass(frozen=True, slots=True)
class Line:
    """One predictor in words."""

    kind: str
    label: str
    rows: int
    auc: dict[str, Any] | None
    gain: dict[str, Any] | None
    lift: dict[str, Any] | None

    @property
    def verdict(self) -> str:
        if self.auc is None:
            return "no data of those who left"
        if self.auc["low"] > 0.5:
            return "tells them apart"
        return "points the wrong way" if self.auc["high"] < 0.5 else "not told from a coin"

    @property
    def tone(self) -> str:
        if self.auc is None:
            return ""
        return "good" if self.auc["low"] > 0.5 else "bad" if self.auc["high"] < 0.5 else ""


@dataclass(frozen=True, slots=True)
class BackTestPage:
    test: BackTest
    what: str
    is_under_way: bool
    score: Line | None
    components: list[Line]
    baselines: list[Line]
    picture: Any
    drafts: list[tuple[str, str]]
    days: list[tuple[dt.date, int, int]]
    found_until: dt.date | None


def _drafts(test: BackTest) -> list[tuple[str, str]]:
    """The profiles with other weights that still exist, with their names."""
    changed = {one["profile"] for one in test.suggestion.get("changes", [])}
    current = versions.in_force()
    profiles = versions.config_of(current).profiles if current is not None else ()
    return [(one.key, one.name) for one in profiles if one.key in changed]


def _date(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def page_of(test: BackTest) -> BackTestPage:
    lines = [
        Line(one["kind"], one["label"], one["rows"], one["auc"], one["gain"], one["lift"])
        for one in test.results.get("predictors", [])
    ]
    score = next((line for line in lines if line.kind == "score"), None)
    components = sorted(
        (line for line in lines if line.kind == "component"),
        key=lambda line: -(line.auc or {"value": 0})["value"],
    )
    return BackTestPage(
        test=test,
        what=WHAT[Against(test.against)],
        is_under_way=test.state in (BackTestState.WAITING, BackTestState.RUNNING),
        score=score,
        components=components,
        baselines=[line for line in lines if line.kind == "baseline"],
        drafts=_drafts(test),
        days=[
            (dt.date.fromisoformat(one["day"]), one["evaluations"], one["left"])
            for one in test.results.get("days", [])
        ],
        found_until=_date(test.suggestion.get("found_until")),
        picture=charts.ranges(
            [
                charts.Range(line.label, one["value"], one["low"], one["high"], line.kind == "score")
                for line in ([score] if score else [])
                + components
                + [x for x in lines if x.kind == "baseline"]
                if (one := line.auc) is not None
            ],
            title="AUC with its 95 % interval",
            low=0,
            high=1,
            mark=0.5,
            mark_label="a coin",
        )
        if lines
        else "",
    )
