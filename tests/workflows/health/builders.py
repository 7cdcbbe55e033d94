"""Small configurations, and the facts that health is computed from."""

import datetime as dt
from decimal import Decimal
from typing import Any

from accounts.models import Account, Metric, MetricPoint
from core import clock
from workflows.health import config as configuration
from workflows.health.domain import Config
from workflows.models import HealthVersion

BANDS = [
    {"key": "at_risk", "label": "At risk", "from": 0},
    {"key": "watch", "label": "Watch", "from": 40},
    {"key": "healthy", "label": "Healthy", "from": 70},
]
LINEAR = {"kind": "linear", "worst": 0, "best": 100}


def component(key: str, source: str = "metric", weight: float = 1, **more: Any) -> dict[str, Any]:
    settings = more.pop("settings", {"metric": key} if source == "metric" else {})
    return {
        "key": key,
        "group": "Use",
        "label": key.capitalize(),
        "weight": weight,
        "source": source,
        "settings": settings,
        "transform": more.pop("transform", LINEAR),
        **more,
    }


def profile(*components: dict[str, Any], key: str = "standard", **more: Any) -> dict[str, Any]:
    return {"key": key, "name": key.capitalize(), "components": list(components), **more}


def config(*profiles: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"profiles": list(profiles), "bands": BANDS, "min_confidence": 0, **more}


def in_force(raw: dict[str, Any]) -> Config:
    """Make a configuration the one in force, without having anything computed. The metrics it names are made."""
    for one in (part for each in raw["profiles"] for part in each["components"]):
        if one["settings"].get("metric"):
            metric(one["settings"]["metric"])
    checked = configuration.check(raw)
    latest = HealthVersion.objects.order_by("-number").first()
    HealthVersion.objects.create(
        number=latest.number + 1 if latest else 1, config=configuration.write(checked), created_at=clock.now()
    )
    return checked


def metric(key: str) -> Metric:
    return Metric.objects.get_or_create(key=key, defaults={"label": key.capitalize()})[0]


def point(
    account: Account,
    key: str,
    value: float | str,
    *,
    days_ago: float = 0,
    recorded_days_ago: float | None = None,
) -> MetricPoint:
    """A metric point observed so many days ago, and recorded then unless told otherwise."""
    now = clock.now()
    recorded = days_ago if recorded_days_ago is None else recorded_days_ago
    return MetricPoint.objects.create(
        metric=metric(key),
        account=account,
        value=Decimal(str(value)),
        observed_at=now - dt.timedelta(days=days_ago),
        recorded_at=now - dt.timedelta(days=recorded),
    )
