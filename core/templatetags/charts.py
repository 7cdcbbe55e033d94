"""Charts as template tags; the drawing itself is core.charts, on its dataclasses."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString

from core import charts

register = template.Library()


@register.simple_tag
def trend_chart(
    points: Sequence[charts.TrendPoint],
    title: str,
    noun: str = "answer",
    floor: float = -100,
    ceiling: float = 100,
    places: int = 0,
    unit: str = "",
) -> SafeString:
    """A line with its band of uncertainty and the answers behind each point."""
    return charts.trend(
        points,
        title=title,
        noun=noun,
        floor=floor,
        ceiling=ceiling,
        signed=floor < 0,
        places=places,
        unit=unit,
    )


@register.simple_tag
def bubble_chart(chart: charts.BubbleChart) -> SafeString:
    """Things by two measures, their weight as area."""
    return charts.bubbles(chart)


@register.simple_tag
def distribution_chart(
    counts: Sequence[int], title: str = "Answers by score", urls: Sequence[str] = ()
) -> SafeString:
    """Eleven bars from eleven counts; `urls` lead from each to its answers."""
    return charts.distribution(counts, title=title, urls=urls or ())


@register.simple_tag
def bar_chart(items: Sequence[charts.Bar], title: str, noun: str = "answer") -> SafeString:
    """Upright bars of any labels."""
    return charts.bars(items, title=title, noun=noun)


@register.simple_tag
def mix_bar(
    promoters: int = 0,
    passives: int = 0,
    detractors: int = 0,
    *,
    legend: bool = True,
    promoters_url: str = "",
    passives_url: str = "",
    detractors_url: str = "",
) -> SafeString:
    """Promoters, passives and detractors in one bar; legend=False is the thin form for a table's cell."""
    mix = charts.Mix(
        promoters or 0, passives or 0, detractors or 0, promoters_url, passives_url, detractors_url
    )
    return charts.mix_bar(mix, legend=legend)


@register.simple_tag
def funnel_chart(stages: Sequence[charts.Stage], title: str = "From asked to heard") -> SafeString:
    """Stages with their share of the first."""
    return charts.funnel(stages, title=title)


@register.simple_tag
def sparkline(values: Sequence[float | None], title: str) -> SafeString:
    """A line the height of a word."""
    return charts.sparkline(values, title=title)


@register.simple_tag
def score_history(points: Sequence[charts.ScorePoint], title: str = "Scores over time") -> SafeString:
    """Scores of one person or account, oldest first."""
    return charts.score_history(points, title=title)


@register.simple_tag
def share_bar(share: float | None, tone: str = "a", title: str = "") -> SafeString:
    """A small track filled to a share of one."""
    return charts.share_bar(share, tone=tone, title=title)
