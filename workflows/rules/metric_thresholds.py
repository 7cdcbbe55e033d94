"""The thresholds that active rules watch metrics for: what their trigger `metric.crossed` is set to."""

from collections import defaultdict

from accounts.metric_values import Side, Threshold, number
from accounts.services import metric_events
from core.errors import Refused
from workflows.models import Rule


def asked() -> dict[str, set[Threshold]]:
    """Thresholds by the key of the metric, from `{"metric", "direction", "threshold"}` of the triggers' settings.

    A rule whose settings cannot be read watches nothing: its editor says so, and storing points must not fail by it.
    """
    found: dict[str, set[Threshold]] = defaultdict(set)
    rules = Rule.objects.filter(trigger=metric_events.KIND, is_active=True)
    for settings in rules.values_list("trigger_settings", flat=True):
        try:
            side, value = Side(settings.get("direction")), number(settings.get("threshold"))
        except (Refused, ValueError):
            continue
        found[str(settings.get("metric"))].add(Threshold(side, value))
    return found


def register() -> None:
    metric_events.ask("rules", asked)
