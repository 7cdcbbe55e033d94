"""Health in words: what a component said, how it is judged, what happens without data."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from accounts import metric_values
from accounts.models import Metric
from workflows.health.domain import Component, Missing, Outside, Reading, RollUp, Scaling, State, Transform
from workflows.health.sources import sources

SENTIMENT = {1: "very worried", 2: "worried", 3: "neutral", 4: "confident", 5: "very confident"}
GROUPS = ("Relationship", "Service", "Product use", "Commercial")
MISSING = {
    Missing.EXCLUDE: "is left out, and the others count for more",
    Missing.NEUTRAL: "counts as 50",
    Missing.WORST: "counts as 0",
}
ROLL_UP = {
    RollUp.OWN: "its own score",
    RollUp.CHILDREN: "the mean of the accounts below it, by ARR",
    RollUp.WORST: "the lowest of its own and those below it",
}
STATES = {
    State.COUNTED: "",
    State.STALE: "stale",
    State.EXPIRED: "too old to count",
    State.MISSING: "no data",
}


def figure(value: float) -> str:
    """A number with at most one decimal, a true minus and thousands apart."""
    text = f"{abs(value):,.1f}".removesuffix(".0")
    return f"\u2212{text}" if value < 0 and text != "0" else text


class Words:
    """What components of one page said, in words. Reads the metrics they name once."""

    def __init__(self, components: Iterable[Component]) -> None:
        keys = {str(one.settings["metric"]) for one in components if one.settings.get("metric") is not None}
        self._metrics = {one.key: one for one in Metric.objects.filter(key__in=keys)} if keys else {}

    def say(self, component: Component, value: float | str) -> str:
        if isinstance(value, str):
            return value
        metric = self._metrics.get(str(component.settings.get("metric")))
        if component.source == "metric" and metric is not None:
            return metric_values.shown(
                metric.type, metric.choices, metric.unit, Decimal(str(round(value, 2)))
            )
        if component.source == "sentiment":
            return SENTIMENT.get(round(value), figure(value))
        if component.source == "metric_trend":
            unit = "%" if component.settings.get("measure") == "percent" else ""
            return f"{'+' if value > 0 else ''}{figure(value)} {unit}".strip()
        source = sources.get(component.source)
        unit = source.unit if source else ""
        if component.source == "score" and component.settings.get("figure") == "good":
            unit = "%"
        if unit == "days" and abs(value) == 1:
            unit = "day"
        return f"{figure(value)} {unit}".strip()

    def url(self, component: Component, reading: Reading | None, account: int) -> str:
        """Where the rows behind a component are."""
        page = reverse("accounts:account_detail", args=[account])
        metric = self._metrics.get(str(component.settings.get("metric")))
        if metric is not None:
            return reverse("accounts:account_metric", args=[account, metric.pk])
        if component.source == "touch" and reading is not None and reading.ref is not None:
            return reverse("accounts:interaction_edit", args=[reading.ref])
        tabs = {
            "score": "answers", "silence": "answers", "tasks_overdue": "tasks", "sentiment": "health",
            "renewal_days": "contracts", "arr_change": "contracts",
        }  # fmt: skip
        tab = tabs.get(component.source)
        return f"{page}?tab={tab}" if tab else page


def day_of(second: int) -> str:
    """The day of a second of the epoch: "3 May", with the year if it is another."""
    return short_day(timezone.localtime(dt.datetime.fromtimestamp(second, dt.UTC)).date())


def short_day(day: dt.date) -> str:
    return date_format(day, "j M" if day.year == timezone.localdate().year else "j M Y")


# --- How a value is judged -----------------------------------------------------------------------------------
def judged(scaling: Scaling) -> str:
    """A transform in words."""
    if scaling.kind is Transform.LINEAR:
        beyond = "; values beyond are no data" if scaling.outside is Outside.IGNORE else ""
        return f"{figure(scaling.worst)} is 0 points, {figure(scaling.best)} is 100, in between in proportion{beyond}"
    if scaling.kind is Transform.THRESHOLDS:
        first = scaling.steps[0]
        below = "no data" if scaling.below is None else f"{figure(scaling.below)} points"
        rest = ", ".join(f"from {figure(step.start)} on {figure(step.score)}" for step in scaling.steps)
        return f"below {figure(first.start)}: {below}; {rest}"
    named = ", ".join(f"{value} {figure(score)}" for value, score in scaling.scores.items())
    other = "no data" if scaling.other is None else figure(scaling.other)
    return f"{named}; anything else: {other}"


def curve_of(scaling: Scaling) -> tuple[list[tuple[float, float]], bool]:
    """Points (value, score) of a transform to draw, and whether it goes in steps; none for categories."""
    if scaling.kind is Transform.LINEAR:
        low, high = min(scaling.worst, scaling.best), max(scaling.worst, scaling.best)
        rim = (high - low) * 0.15 if scaling.outside is Outside.HOLD else 0.0
        ends = [(scaling.worst, 0.0), (scaling.best, 100.0)]
        ends.sort()
        return ([(low - rim, ends[0][1]), *ends, (high + rim, ends[1][1])] if rim else ends), False
    if scaling.kind is Transform.THRESHOLDS:
        starts = [step.start for step in scaling.steps]
        rim = (starts[-1] - starts[0]) * 0.2 or max(abs(starts[0]), 1.0)
        first = [(starts[0] - rim, scaling.below)] if scaling.below is not None else []
        steps: Sequence[Any] = [*first, *((step.start, step.score) for step in scaling.steps)]
        return [*steps, (starts[-1] + rim, steps[-1][1])], True
    return [], False
