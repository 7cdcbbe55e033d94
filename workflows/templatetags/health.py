"""Words and marks of health on pages."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.charts_levels import curve
from workflows.health import differences, words
from workflows.health.domain import REASON_TEXTS, Component, Config, Reason, Scaling
from workflows.health.draft import Row
from workflows.health.queries import Standing
from workflows.health.reasons import Explained
from workflows.services.health import SENTIMENTS

register = template.Library()
TONES = {"good": "p", "watch": "n", "bad": "d", "none": "none"}


@register.filter
def bar_tone(tone: str) -> str:
    """The tone of a bar: that of its band, or the plain one."""
    return {"good": "p", "watch": "n", "bad": "d"}.get(tone, "u")


@register.filter
def mark_tone(tone: str) -> str:
    return TONES.get(tone, "none")


@register.simple_tag
def health_score(standing: Standing, size: str = "") -> SafeString:
    """The whole number that counts, in the tone of its band; grey where too little is known."""
    if standing.effective_shown is None:
        return format_html('<span class="big {} none">no score</span>', size)
    tone = TONES.get(standing.tone, "none")
    css = "grey" if tone == "none" else tone
    return format_html(
        '<span class="big {} {}">{}</span><span class="sr"> {}</span>',
        size,
        css,
        standing.effective_shown,
        standing.band_label,
    )


@register.simple_tag
def health_mark(score: float | None, band: str, config: Config) -> SafeString:
    """A score in a list: the whole number on the colour of its band."""
    if score is None:
        return format_html('<span class="score none">{}</span>', "\u2013")
    tone = TONES.get(config.tone_of(band), "none")
    return format_html(
        '<span class="score {}" title="{}">{}<span class="sr"> {}</span></span>',
        tone if tone != "none" else "",
        config.label_of(band),
        config.shown(score),
        config.label_of(band),
    )


@register.simple_tag
def health_confidence(health: Explained) -> str:
    """How much of the weight has data."""
    if health.standing.score is None:
        return ""
    if health.is_grey:
        return f"based on {health.with_data} of {health.of} components"
    return f"{health.standing.confidence:.0%} of weight has data".replace("%", " %", 1)


@register.simple_tag
def band_name(band: str, config: Config) -> str:
    return config.label_of(band)


@register.filter
def computed_band(standing: Standing) -> str:
    """The computed band in words, whatever a person set."""
    return standing.config.label_of(standing.band).lower()


@register.filter
def sentiment(value: int) -> str:
    return SENTIMENTS.get(value, str(value))


@register.filter
def of(found: Mapping[int, Any], key: int) -> Any:
    """What a mapping holds for a key."""
    return found.get(key)


@register.filter
def why_no_score(row: Any) -> str:
    return REASON_TEXTS.get(Reason(row.reason), "")


@register.filter
def tone_in(band: str, config: Config) -> str:
    return config.tone_of(band)


@register.filter
def judged(scaling: Scaling) -> str:
    """How values become scores, in words."""
    return words.judged(scaling)


@register.filter
def without_data(component: Component) -> str:
    return words.MISSING[component.missing]


@register.filter
def for_whom(conditions: Mapping[str, Any]) -> str:
    return differences.for_whom(conditions)


@register.simple_tag
def score_curve(row: Row) -> SafeString:
    """The transform of a component as a small curve."""
    drawn = row.curve
    if drawn is None:
        return SafeString("")
    return curve(
        drawn["points"],
        title=f"Score by value of {row.label}",
        low=drawn["low"],
        high=drawn["high"],
        is_stepped=drawn["is_stepped"],
    )
