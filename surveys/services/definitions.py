"""The named ways of counting that every deployment begins with."""

from typing import Any

from surveys.choices import MetricFamily
from surveys.models import MetricDefinition
from surveys.queries.figures import DEFAULTS


def ensure_definitions(**_: Any) -> None:
    """Lay down the definitions that are missing; those that somebody changed stay as they are. After each migration."""
    known = set(MetricDefinition.objects.values_list("key", flat=True))
    for key, (name, unit, days) in DEFAULTS.items():
        if key not in known:
            MetricDefinition.objects.create(
                key=key, name=name, metric=MetricFamily.NPS, unit=unit, window_days=days
            )
