"""Charts of levels: a value from 0 to 100 over time above its bands, a whole in coloured shares, a curve. As core/charts.py."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.charts import (
    EMPTY,
    _c,
    _crowding,
    _figure,
    _is_number,
    _join,
    _linked,
    _nothing,
    _runs,
    _scale,
    _svg,
    _table,
    fmt,
)

# Tones of the style sheet: good, watch, bad, unknown.
TONES = {"good": "p", "watch": "n", "bad": "d", "none": "u"}


@dataclass(frozen=True, slots=True)
class LevelPoint:
    """One period. `said` is what the table and the tip say beside the number: the name of the band."""

    label: str
    value: float | None
    tone: str = "none"
    said: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """A band of the scale: from `start` up to the next zone's start."""

    label: str
    start: float
    tone: str


@dataclass(frozen=True, slots=True)
class Share:
    """One share of a whole."""

    label: str
    count: int
    tone: str
    url: str = ""


def level_trend(
    points: Sequence[LevelPoint], *, zones: Sequence[Zone], title: str, height: int = 208
) -> SafeString:
    """A line from 0 to 100 above its bands; dots have the tone of the band that counted, grey where none did."""
    known = [point for point in points if _is_number(point.value)]
    if not known:
        return _nothing(title, "There was no score in this time.")
    count, left, right = len(points), 6.0, 95.5
    top, bottom = 10.0, height - 24.0
    y = _scale(0, 100, top, bottom)

    def x(index: int) -> float:
        return (left + right) / 2 if count == 1 else left + (right - left) * index / (count - 1)

    shapes: list[SafeString] = []
    for zone, end in zip(zones, [*(zone.start for zone in zones[1:]), 100.0], strict=True):
        shapes.append(
            format_html(
                '<rect class="zone-{}" x="{}%" width="{}%" y="{}" height="{}"/>',
                TONES.get(zone.tone, "u"),
                _c(left),
                _c(right - left),
                _c(y(end)),
                _c(y(zone.start) - y(end)),
            )
        )
    edges = sorted({0.0, 100.0, *(zone.start for zone in zones)})
    shapes += [
        format_html(
            '<line class="axis" x1="{}%" x2="{}%" y1="{}" y2="{}"/><text x="0" y="{}">{}</text>',
            _c(left), _c(right), _c(y(edge)), _c(y(edge)), _c(y(edge) + 4), fmt(edge),
        )
        for edge in edges
    ]  # fmt: skip
    lines: list[SafeString] = []
    runs = _runs([point.value for point in points])
    for run in runs:
        if len(run) > 1:
            # Upright strokes between points: a score holds until the next one is computed.
            line = " ".join(f"{_c(x(i) * 10)},{_c(y(points[i].value or 0))}" for i in run)
            lines.append(format_html('<polyline class="line" points="{}"/>', line))
    for before, after in pairwise(runs):
        ends = " ".join(f"{_c(x(i) * 10)},{_c(y(points[i].value or 0))}" for i in (before[-1], after[0]))
        lines.append(format_html('<polyline class="line gap" points="{}"/>', ends))
    plot = format_html(
        '<svg x="0" y="0" width="100%" height="{0}" viewBox="0 0 1000 {0}" preserveAspectRatio="none">{1}</svg>',
        height,
        _join(lines),
    )
    pitch = (right - left) / max(count - 1, 1)
    columns = [
        _level_column(point, x(index), y, min(pitch, 12.0), height, is_last=point is known[-1])
        for index, point in enumerate(points)
    ]
    labels = format_html_join(
        "",
        '<text class="x{}" x="{}%" y="{}" text-anchor="middle">{}</text>',
        ((_crowding(i, count), _c(x(i)), height - 4, p.label) for i, p in enumerate(points)),
    )
    desc = (
        f"{len(known)} of {count} periods have a score. {known[0].label}: {fmt(known[0].value)}. "
        f"{known[-1].label}: {fmt(known[-1].value)}."
    )
    body = _join(shapes) + plot + labels + _join(columns)
    svg = _svg(title, desc, height, body, has_links=any(p.url for p in points))
    rows = [(point.label, fmt(point.value), point.said) for point in points]
    return _figure(svg, _table(title, ("Day", "Score", "Band"), rows))


def _level_column(
    point: LevelPoint, at: float, y: "object", hit: float, height: int, *, is_last: bool
) -> SafeString:
    says = f"{point.label}: {fmt(point.value)}{', ' + point.said if point.said else ''}"
    parts = [
        format_html(
            '<rect class="hit" x="{}%" width="{}%" y="6" height="{}"/>', _c(at - hit / 2), _c(hit), height - 6
        )
    ]
    if _is_number(point.value):
        place = y(point.value or 0.0)  # type: ignore[operator]  # the scale
        parts.append(
            format_html(
                '<circle class="dot {}{}" cx="{}%" cy="{}" r="{}"/>',
                TONES.get(point.tone, "u"),
                "" if is_last else " k0",
                _c(at),
                _c(place),
                "4.5" if is_last else "3",
            )
        )
        if is_last:
            above = place > 34
            parts.append(
                format_html(
                    '<text class="t-strong halo" x="{}%" y="{}" text-anchor="middle">{}</text>',
                    _c(at),
                    _c(place - 10 if above else place + 20),
                    fmt(point.value),
                )
            )
    return _linked(point.url, says, format_html("<title>{}</title>{}", says, _join(parts)))


def stacked_bar(shares: Sequence[Share], *, title: str) -> SafeString:
    """A whole in coloured shares, in the order given, with a legend whose entries link to the rows."""
    total = sum(share.count for share in shares)
    if not total:
        return format_html('<p class="muted">{}</p>', f"{title}: no accounts.")
    at = 0.0
    rects = []
    for share in shares:
        width = 100 * share.count / total
        if share.count:
            rects.append(
                format_html(
                    '<rect class="bar-{}" x="{}%" width="{}%" height="100%"><title>{}: {}</title></rect>',
                    TONES.get(share.tone, "u"), _c(at), _c(max(width - 0.3, 0.2)), share.label, share.count,
                )
            )  # fmt: skip
        at += width
    said = ", ".join(f"{share.label} {share.count:,}" for share in shares)
    legend = format_html_join(
        "",
        '<li><span class="swatch {}"></span>{} <b class="num">{}</b></li>',
        (
            (
                TONES.get(share.tone, "u"),
                format_html('<a href="{}">{}</a>', share.url, share.label) if share.url else share.label,
                f"{share.count:,}",
            )
            for share in shares
        ),
    )
    return format_html(
        '<figure class="shares"><svg class="mix" width="100%" height="12" role="img"><title>{}: {}</title>{}</svg>'
        '<ul class="legend">{}</ul></figure>',
        title,
        said,
        _join(rects),
        legend,
    )


def curve(
    points: Sequence[tuple[float, float]], *, title: str, low: str, high: str, is_stepped: bool = False
) -> SafeString:
    """A small curve of scores (0 to 100) over values, with the names of both ends below. `points` by value."""
    finite = [(a, b) for a, b in points if math.isfinite(a) and math.isfinite(b)]
    if len(finite) < 2 or finite[0][0] == finite[-1][0]:
        return EMPTY
    start, end = finite[0][0], finite[-1][0]
    places: list[tuple[float, float]] = []
    for value, score in finite:
        at = 2 + 116 * (value - start) / (end - start)
        if is_stepped and places:
            places.append((at, places[-1][1]))
        places.append((at, 40 - 36 * min(max(score, 0), 100) / 100))
    return format_html(
        '<figure class="curve"><svg viewBox="0 0 120 44" preserveAspectRatio="none" role="img"><title>{}</title>'
        '<line class="axis" x1="0" x2="120" y1="40" y2="40"/><polyline class="line" points="{}"/></svg>'
        '<figcaption class="row nowrap"><span>{}</span><span class="push">{}</span></figcaption></figure>',
        title,
        " ".join(f"{_c(x)},{_c(y)}" for x, y in places),
        low,
        high,
    )
