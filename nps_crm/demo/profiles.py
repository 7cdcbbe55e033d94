"""Large customers get a health profile of their own, with their invoices in it: a second version, as a lead would save it."""

import datetime as dt
import random
from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from accounts.metric_values import Direction, MetricType
from accounts.models import Account, Metric, MetricPoint
from nps_crm.demo import story
from team.models import User
from workflows.health import compute, versions
from workflows.services import health

MONTHS = 18
WEIGHTS = {"nps": 20, "sentiment": 18, "touch": 18, "usage": 18}


def fill(*, rng: random.Random, now: dt.datetime, accounts: Sequence[Account], lead: User) -> None:
    _points(rng, now, accounts)
    current = versions.in_force()
    assert current is not None
    raw: dict[str, Any] = deepcopy(current.config)
    large = deepcopy(raw["profiles"][0]) | {
        "key": "enterprise",
        "name": "Large customers",
        "conditions": {"all": [{"field": "segment", "op": "in", "value": [story.ENTERPRISE]}]},
    }
    for component in large["components"]:
        component["weight"] = WEIGHTS.get(component["key"], component["weight"])
    large["components"].append(
        {
            "key": "invoices", "group": "Commercial", "label": "Invoices", "weight": 8, "source": "metric",
            "settings": {"metric": "invoices"},
            "transform": {"kind": "thresholds", "steps": [[0, 0], [1, 60], [2, 100]], "below": None},
            "missing": "exclude", "expires_after_days": 90, "stale_after_days": 45,
        }
    )  # fmt: skip
    raw["profiles"].insert(0, large)
    health.save_profiles(config=raw, note="Large customers have a profile of their own.", actor=lead)
    compute.recompute(tell=False)


def _points(rng: random.Random, now: dt.datetime, accounts: Sequence[Account]) -> None:
    """How invoices stand and how much of the month the product was up, once a month."""
    Metric.objects.filter(key="open_tickets").update(thresholds=[{"side": "above", "value": "8"}])
    invoices = Metric.objects.create(
        key="invoices", label="Invoices", type=MetricType.CHOICE, choices=["overdue", "open", "paid"],
        direction=Direction.HIGHER_IS_BETTER,
    )  # fmt: skip
    uptime = Metric.objects.create(key="uptime", label="Uptime", type=MetricType.PERCENT, retention_days=800)
    rows = []
    for account in accounts:
        for month in range(MONTHS, -1, -1):
            at = now - dt.timedelta(days=30 * month, hours=rng.randrange(1, 12))
            if (account.customer_since and at.date() < account.customer_since) or account.churned_on:
                continue
            paid = rng.choices((0, 1, 2), weights=(6, 20, 74))[0]
            up = min(100, round(99.95 - abs(rng.gauss(0, 0.2)), 2))
            for metric, value in ((invoices, paid), (uptime, up)):
                rows.append(
                    MetricPoint(
                        metric=metric, account=account, value=Decimal(str(value)), observed_at=at, recorded_at=at
                    )
                )  # fmt: skip
    MetricPoint.objects.bulk_create(rows, batch_size=1000)
