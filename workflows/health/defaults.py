"""The health configuration that every deployment begins with. Laid down once; from then on people change it."""

from typing import Any

from accounts.metric_values import Direction
from accounts.models import Metric
from core import clock
from surveys.choices import MetricFamily, Unit
from surveys.models import MetricDefinition
from workflows.models import HealthVersion

SATISFACTION = "account-csat"
RELATIONSHIP, SERVICE, USE, COMMERCIAL = "Relationship", "Service", "Product use", "Commercial"


def _linear(worst: float, best: float) -> dict[str, Any]:
    return {"kind": "linear", "worst": worst, "best": best, "outside": "hold"}


def _component(
    key: str, group: str, label: str, weight: int, source: str, transform: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "key": key,
        "group": group,
        "label": label,
        "weight": weight,
        "source": source,
        "settings": more.pop("settings", {}),
        "transform": transform,
        "missing": more.pop("missing", "exclude"),
        "expires_after_days": more.pop("expires", None),
        "stale_after_days": more.pop("stale", None),
    }


def _score(definition: str) -> dict[str, Any]:
    return {"definition": definition, "figure": "mean", "min_people": 1}


COMPONENTS = [
    _component(
        "nps", RELATIONSHIP, "NPS answers", 25, "score", _linear(4, 9.5), settings=_score("account"),
        expires=365, stale=180,
    ),
    _component(
        "silence", RELATIONSHIP, "Response silence", 8, "silence", _linear(365, 60), settings={"asks": 2},
    ),
    _component(
        "touch", RELATIONSHIP, "Last human touch", 12, "touch", _linear(120, 14),
        settings={"kinds": ["call", "meeting", "mail"]}, missing="worst",
    ),
    _component(
        "sentiment", RELATIONSHIP, "Sentiment of the CSM", 10, "sentiment", _linear(1, 5), expires=180, stale=90,
    ),
    _component(
        "csat", SERVICE, "Satisfaction with service (CSAT)", 10, "score", _linear(2, 4.8),
        settings=_score(SATISFACTION), expires=365, stale=180,
    ),
    _component(
        "tickets", SERVICE, "Open tickets", 10, "metric", {
            "kind": "thresholds", "below": 100, "steps": [[1, 90], [3, 70], [6, 40], [12, 10]],
        }, settings={"metric": "open_tickets"}, expires=60, stale=14,
    ),
    _component("usage", USE, "Active users of seats", 15, "metric_share", _linear(10, 80),
               settings={"metric": "active_users"}, expires=60, stale=14),
    _component(
        "renewal", COMMERCIAL, "Days to renewal", 10, "renewal_days", {
            "kind": "thresholds", "below": 0, "steps": [[0, 30], [30, 50], [60, 70], [120, 100]],
        },
    ),
]  # fmt: skip
CONFIG: dict[str, Any] = {
    "profiles": [
        {
            "key": "standard",
            "name": "All customers",
            "conditions": {},
            "is_active": True,
            "roll_up": "own",
            "components": COMPONENTS,
        }
    ],
    "bands": [
        {"key": "at_risk", "label": "At risk", "from": 0},
        {"key": "watch", "label": "Watch", "from": 40},
        {"key": "healthy", "label": "Healthy", "from": 70},
    ],
    "min_confidence": 0.5,
    "hysteresis": 0,
}


# What the first configuration reads; whoever counts tickets or users elsewhere sends their number under these keys.
METRICS: tuple[dict[str, Any], ...] = (
    {
        "key": "open_tickets",
        "label": "Open tickets",
        "unit": "tickets",
        "direction": Direction.LOWER_IS_BETTER,
    },
    {
        "key": "active_users",
        "label": "Active users",
        "unit": "users",
        "direction": Direction.HIGHER_IS_BETTER,
    },
)


def ensure() -> None:
    """Lay down the first version, and the metrics and the definition of satisfaction that it reads, where there are none."""
    MetricDefinition.objects.get_or_create(
        key=SATISFACTION,
        defaults={
            "name": "Account satisfaction (CSAT)",
            "metric": MetricFamily.CSAT,
            "unit": Unit.MEAN_PER_ACCOUNT,
            "window_days": 365,
        },
    )
    for metric in METRICS:
        Metric.objects.get_or_create(key=metric["key"], defaults=metric)
    if not HealthVersion.objects.exists():
        HealthVersion.objects.get_or_create(
            number=1,
            defaults={"config": CONFIG, "note": "The first configuration", "created_at": clock.now()},
        )
