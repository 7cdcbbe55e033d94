"""Charts drawn by the server as SVG: pure functions from plain data to safe markup.

Each drawing is fluid: horizontal places are percentages, vertical ones pixels, so that one SVG fills any width while its
text and dots keep their size. Marks that crowd a narrow chart carry the classes k0 and k1, which the stylesheet drops
below 700 and 460 px. Colours are classes, never attributes; there is no style, so a strict content policy holds.

A value of None is a gap: nothing is drawn there, and the table beside the chart says "no data".
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MINUS = "\u2212"
EMPTY = SafeString("")
NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One period: its value, the interval around it (low, high), and how many answers carry it."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: for a distribution the label is the score. `tone` is p, n, d or a."""

    label: str
    count: int
    tone: str = "a"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Mix:
    """How many promoters, passives and detractors, with links to them."""

    promoters: int
    passives: int
    detractors: int
    promoters_url: str = ""
    passives_url: str = ""
    detractors_url: str = ""

    @property
    def total(self) -> int:
        return self.promoters + self.passives + self.detractors


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a funnel."""

    label: str
    count: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """One answer of one person: when (as shown) and its score from 0 to 10."""

    label: str
    score: float | None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One thing at two places: `x` and `y` in the units of the axes, its area by `size`. `tone` is p, n, d or a; `says` is
    read out and shown on pointing at it, `cells` are its row in the table."""

    label: str
    x: float
    y: float
    size: float
    tone: str
    says: str
    cells: Sequence[str] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate with the ends of its interval; the one that matters `is_strong`."""

    label: str
    value: float
    low: float
    high: float
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class BubbleChart:
    """Bubbles with their axes. `zones` shade stretches of the upright axis (low, high, tone); `heads` are the columns of
    the table: of the label, then of each bubble's cells."""

    items: Sequence[Bubble]
    title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_marks: Sequence[tuple[float, str]]
    y_marks: Sequence[tuple[float, str]]
    heads: Sequence[str]
    zones: Sequence[tuple[float, float, str]] = ()
    height: int = 300


# --- Numbers ------------------------------------------------------------------------------------------------


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def fmt(value: float | None, *, sign: bool = False, places: int = 0) -> str:
    """A figure for a label: true minus, no negative zero, "no data" for a gap."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    text = f"{abs(value):,.{places}f}"
    is_zero = float(text.replace(",", "")) == 0
    lead = "" if is_zero else MINUS if value < 0 else "+" if sign else ""
    return lead + text


def _c(number: float) -> str:
    """A coordinate: two decimals at most, no trailing zeros."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def nice_step(span: float, wanted: int) -> float:
    """The step of 1, 2, 2.5 or 5 times a power of ten that cuts `span` into at most `wanted` parts."""
    if span <= 0 or wanted < 1:
        return 1.0
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10):
        if rough <= factor * power * (1 + 1e-9):
            return factor * power
    return 10 * power


def ticks(
    low: float, high: float, *, wanted: int = 4, floor: float = -math.inf, ceiling: float = math.inf
) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, kept between floor and ceiling."""
    # Closer together than ticks can be told apart once they are rounded.
    if high - low < 1e-4:
        low, high = low - 5, high + 5
    low, high = max(low, floor), min(high, ceiling)
    if high <= low:
        low, high = (
            (floor, ceiling) if math.isfinite(floor) and math.isfinite(ceiling) else (low - 5, low + 5)
        )
    step = nice_step(high - low, wanted)
    first = max(math.floor(low / step + 1e-9) * step, floor)
    last = min(math.ceil(high / step - 1e-9) * step, ceiling)
    count = round((last - first) / step)
    return [round(first + index * step, 6) for index in range(count + 1)]


def _scale(low: float, high: float, top: float, bottom: float) -> Callable[[float], float]:
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return bottom - (min(max(value, low), high) - low) / span * (bottom - top)

    return place


def _runs(points: Sequence[float | None]) -> list[list[int]]:
    """The stretches without a gap, as lists of positions."""
    runs: list[list[int]] = []
    for index, value in enumerate(points):
        if not _is_number(value):
            continue
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


# --- Frames -------------------------------------------------------------------------------------------------


def _svg(title: str, desc: str, height: int, body: SafeString, *, has_links: bool) -> SafeString:
    # An image hides what is in it from screen readers; a chart with links is a group whose links are read.
    return format_html(
        '<svg width="100%" height="{}" role="{}"><title>{}</title><desc>{}</desc>{}</svg>',
        height,
        "group" if has_links else "img",
        title,
        desc,
        body,
    )


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString:
    head = format_html_join(
        "", '<th scope="col"{}>{}</th>', ((_right(i), text) for i, text in enumerate(heads))
    )
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        (
            (
                format_html('<th scope="row">{}</th>', row[0])
                + format_html_join("", '<td class="r">{}</td>', ((cell,) for cell in row[1:])),
            )
            for row in rows
        ),
    )
    return format_html(
        '<details class="chart-data"><summary><svg class="icon" viewBox="0 0 20 20" aria-hidden="true">'
        '<path d="M7.6 4.8L12.8 10l-5.2 5.2"/></svg>Numbers</summary><div class="table-wrap" tabindex="0" role="region" '
        'aria-label="{0}"><table class="plain"><caption class="sr">{0}</caption><thead><tr>{1}</tr></thead><tbody>{2}</tbody>'
        "</table></div></details>",
        caption,
        head,
        body,
    )


def _right(index: int) -> SafeString:
    return SafeString(' class="r"') if index else EMPTY


def _figure(svg: SafeString, table: SafeString = EMPTY) -> SafeString:
    return format_html('<figure class="chart">{}{}</figure>', svg, table)


def _nothing(title: str, reason: str) -> SafeString:
    return format_html(
        '<figure class="chart"><p class="chart-none"><span class="sr">{}: </span>{}</p></figure>',
        title,
        reason,
    )


def _join(parts: Iterable[SafeString]) -> SafeString:
    """Safe parts one after the other (str.join forgets that they were safe)."""
    return format_html_join("", "{}", ((part,) for part in parts))


def _linked(url: str, label: str, body: SafeString) -> SafeString:
    if url:
        return format_html('<a href="{}" aria-label="{}">{}</a>', url, label, body)
    return format_html('<g class="pt">{}</g>', body)


def _crowding(index: int, count: int) -> str:
    """Which labels of an axis give way when there is less room: the last one never does."""
    from_end = count - 1 - index
    if count > 8 and from_end % math.ceil(count / 5):
        return " k1" if count <= 14 and from_end % math.ceil(count / 13) == 0 else " k1 k0"
    return ""


# --- Trend --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Figures:
    """How the values of a trend are said: with a sign, so many decimal places, and a unit behind."""

    signed: bool
    places: int
    unit: str

    def say(self, value: float | None) -> str:
        return fmt(value, sign=self.signed, places=self.places) + (self.unit if _is_number(value) else "")

    def interval(self, point: TrendPoint) -> str:
        if not (_is_number(point.value) and _is_number(point.low) and _is_number(point.high)):
            return ""
        value, low, high = point.value or 0.0, point.low or 0.0, point.high or 0.0
        below, above = (fmt(reach, places=self.places) for reach in (value - low, high - value))
        if below == above:
            return f" ± {below}"
        return f" ({fmt(low, sign=self.signed, places=self.places)} to {self.say(high)})"


def _count_text(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def trend(
    points: Sequence[TrendPoint],
    *,
    title: str,
    noun: str = "answer",
    floor: float = -100,
    ceiling: float = 100,
    height: int = 232,
    signed: bool = True,
    places: int = 0,
    unit: str = "",
) -> SafeString:
    """A line with its band of uncertainty and, below it, a bar for the answers behind each point.

    Values are said with `places` decimals and `unit` behind them, such as " %".
    """
    figures = _Figures(signed, places, unit)
    known = [p for p in points if _is_number(p.value)]
    if not known:
        return _nothing(title, "No answers in this period.")
    count = len(points)
    left, right, base = 7.5, 95.5, height - 20
    bar_top, plot_top, plot_bottom = base - 26, 22.0, base - 42.0
    reach = [v for p in known for v in (p.value, p.low, p.high) if v is not None and math.isfinite(v)]
    marks = ticks(min(reach), max(reach), floor=floor, ceiling=ceiling)
    y = _scale(marks[0], marks[-1], plot_top, plot_bottom)
    most = max((p.n for p in points), default=0)

    def x(index: int) -> float:
        return (left + right) / 2 if count == 1 else left + (right - left) * index / (count - 1)

    pitch = (right - left) / max(count - 1, 1)
    width = min(pitch * 0.5, 2.4)
    hit = min(pitch, 14.0)

    grid = format_html_join(
        "",
        '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/><text x="0" y="{}">{}</text>',
        (
            (
                "zero" if m == 0 else "axis",
                _c(y(m)),
                _c(y(m)),
                _c(y(m) - 4),
                fmt(m, sign=signed, places=0 if m == int(m) else max(places, 1)) + unit,
            )
            for m in marks
        ),
    )
    shapes: list[SafeString] = []
    runs = _runs([p.value for p in points])
    for run in runs:
        banded = [i for i in run if _is_number(points[i].low) and _is_number(points[i].high)]
        if len(banded) > 1:
            upper = [f"{_c(x(i) * 10)},{_c(y(points[i].high or 0))}" for i in banded]
            lower = [f"{_c(x(i) * 10)},{_c(y(points[i].low or 0))}" for i in reversed(banded)]
            shapes.append(format_html('<polygon class="band" points="{}"/>', " ".join(upper + lower)))
        if len(run) > 1:
            line = " ".join(f"{_c(x(i) * 10)},{_c(y(points[i].value or 0))}" for i in run)
            shapes.append(format_html('<polyline class="line" points="{}"/>', line))
    for before, after in pairwise(runs):
        ends = " ".join(f"{_c(x(i) * 10)},{_c(y(points[i].value or 0))}" for i in (before[-1], after[0]))
        shapes.append(format_html('<polyline class="line gap" points="{}"/>', ends))
    plot = format_html(
        '<svg x="0" y="0" width="100%" height="{0}" viewBox="0 0 1000 {0}" preserveAspectRatio="none">{1}</svg>',
        height,
        _join(shapes),
    )

    last_known = max(i for i, p in enumerate(points) if _is_number(p.value))
    alone = {run[0] for run in runs if len(run) == 1}
    columns: list[SafeString] = []
    for index, point in enumerate(points):
        at = f"{_c(x(index))}%"
        parts: list[SafeString] = [
            format_html(
                '<rect class="hit" x="{}%" width="{}%" y="{}" height="{}" rx="4"/>',
                _c(x(index) - hit / 2),
                _c(hit),
                6,
                height - 6,
            )
        ]
        if most:
            tall = (base - bar_top) * point.n / most
            if point.n:
                tall = max(tall, 1.5)
            parts.append(
                format_html(
                    '<rect class="n-bar" x="{}%" width="{}%" y="{}" height="{}" rx="1.5"/>',
                    _c(x(index) - width / 2),
                    _c(width),
                    _c(base - tall),
                    _c(tall),
                )
            )
        if _is_number(point.value):
            value = point.value or 0.0
            if index in alone and _is_number(point.low) and _is_number(point.high):
                # A lone point has no band to stand in: its interval is drawn as an upright stroke.
                parts.append(
                    format_html(
                        '<line class="whisker" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>',
                        at,
                        _c(y(point.low or 0)),
                        _c(y(point.high or 0)),
                    )
                )
            is_last = index == last_known
            dot_css = "dot last" if is_last else "dot k0" if count > 30 else "dot"
            parts.append(
                format_html(
                    '<circle class="{}" cx="{}" cy="{}" r="{}"/>',
                    dot_css,
                    at,
                    _c(y(value)),
                    "4" if is_last else "2.5",
                )
            )
            if is_last:
                words = f"{figures.say(value)}{figures.interval(point)}"
                above = y(value) > plot_top + 16
                parts.append(
                    format_html(
                        '<text class="t-strong halo" x="{}%" y="{}" text-anchor="{}">{}</text>',
                        _c(x(index) + 2.5),
                        _c(y(value) + 4 if count == 1 else y(value) - 11 if above else y(value) + 20),
                        "start" if count == 1 else "end",
                        words,
                    )
                )
        says = f"{point.label}: {figures.say(point.value)}{figures.interval(point)}, {_count_text(point.n, noun)}"
        body = format_html("<title>{}</title>{}", says, _join(parts))
        columns.append(_linked(point.url, says, body))
    labels = format_html_join(
        "",
        '<text class="x{}" x="{}%" y="{}" text-anchor="middle">{}</text>',
        ((_crowding(i, count), _c(x(i)), height - 4, p.label) for i, p in enumerate(points)),
    )
    n_label = format_html('<text x="0" y="{}">n</text>', _c(base - 2)) if most else EMPTY
    first, last = known[0], known[-1]
    desc = (
        f"{len(known)} of {count} periods have data. {first.label}: {figures.say(first.value)}. "
        f"{last.label}: {figures.say(last.value)}{figures.interval(last)}. "
        f"Lowest {figures.say(min(p.value or 0 for p in known))}, highest {figures.say(max(p.value or 0 for p in known))}."
    )
    body = grid + plot + n_label + labels + _join(columns)
    svg = _svg(title, desc, height, body, has_links=any(p.url for p in points))
    rows = [
        (
            p.label,
            figures.say(p.value),
            f"{figures.say(p.low)} to {figures.say(p.high)}"
            if _is_number(p.low) and _is_number(p.high)
            else "",
            f"{p.n:,}",
        )
        for p in points
    ]
    return _figure(svg, _table(title, ("Period", "Value", "95 % interval", noun.capitalize() + "s"), rows))


# --- Bubbles ----------------------------------------------------------------------------------------------------
BIGGEST, SMALLEST = 26.0, 3.5
NAME_SHARE, NAME_HEIGHT = 0.9, 14.0  # per hundred of the width for a letter; pixels


def bubbles(chart: BubbleChart) -> SafeString:
    """Things by two measures with their weight as area; what lies outside an axis stands at its end.

    Larger ones are drawn first, so that none hides a smaller one. The five largest are named where there is room.
    """
    items, title, height = chart.items, chart.title, chart.height
    x_range, y_range = chart.x_range, chart.y_range
    if not items:
        return _nothing(title, "Nothing to show here.")
    top, bottom, left, right = 14.0, height - 26.0, 7.0, 96.0
    y = _scale(*y_range, top, bottom)
    span = (x_range[1] - x_range[0]) or 1.0

    def x(value: float) -> float:
        return left + (min(max(value, x_range[0]), x_range[1]) - x_range[0]) / span * (right - left)

    shaded = format_html_join(
        "",
        '<rect class="zone-{}" x="0" width="100%" y="{}" height="{}"/>',
        ((tone, _c(y(high)), _c(y(low) - y(high))) for low, high, tone in chart.zones),
    )
    across = format_html_join(
        "",
        '<line class="axis" x1="0" x2="100%" y1="{0}" y2="{0}"/><text x="0" y="{1}">{2}</text>',
        ((_c(y(value)), _c(y(value) - 4), label) for value, label in chart.y_marks),
    )
    upright = format_html_join(
        "",
        '<line class="axis" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/><text x="{0}%" y="{3}" text-anchor="middle">{4}</text>',
        ((_c(x(value)), _c(top), _c(bottom), height - 6, label) for value, label in chart.x_marks),
    )
    most = max((item.size for item in items), default=0) or 1.0
    drawn: list[SafeString] = []
    named: list[tuple[float, float, float]] = []
    ordered = sorted(items, key=lambda item: -item.size)
    for place, item in enumerate(ordered):
        radius = max(SMALLEST, BIGGEST * math.sqrt(max(item.size, 0) / most))
        # Where the name would stand, taking a picture as wide as a card on a small desktop.
        name_y, half = max(y(item.y) - radius - 4, 11), len(item.label) * NAME_SHARE / 2
        is_free = all(
            abs(name_y - other_y) > NAME_HEIGHT or abs(x(item.x) - other_x) > half + other_half
            for other_x, other_y, other_half in named
        )
        is_named = place < 5 and is_free
        if is_named:
            named.append((x(item.x), name_y, half))
        name = (
            format_html(
                '<text class="t-ink halo k1 k0" x="{}%" y="{}" text-anchor="middle">{}</text>',
                _c(x(item.x)), _c(name_y), item.label,
            )
            if is_named
            else EMPTY
        )  # fmt: skip
        body = format_html(
            '<title>{}</title><circle class="bubble b-{}" cx="{}%" cy="{}" r="{}"/>{}',
            item.says, item.tone, _c(x(item.x)), _c(y(item.y)), _c(radius), name,
        )  # fmt: skip
        drawn.append(_linked(item.url, item.says, body))
    desc = f"{_count_text(len(items), 'bubble')}; the largest is {ordered[0].says}."
    svg = _svg(
        title, desc, height, shaded + across + upright + _join(drawn), has_links=any(i.url for i in items)
    )
    return _figure(svg, _table(title, chart.heads, [(i.label, *i.cells) for i in ordered]))


# --- Intervals --------------------------------------------------------------------------------------------------


def ranges(
    items: Sequence[Range],
    *,
    title: str,
    low: float,
    high: float,
    mark: float,
    mark_label: str,
    places: int = 2,
) -> SafeString:
    """Estimates one below the other, each as a dot in its interval, against an upright mark."""
    if not items:
        return _nothing(title, NO_DATA)
    # A label stands closer to the line below it, which is its own, than to the one above.
    slot, top = 40, 22
    height = top + slot * len(items)

    def x(value: float) -> float:
        return 2 + 96 * (min(max(value, low), high) - low) / ((high - low) or 1.0)

    line = format_html(
        '<line class="zero" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/><text class="t-2" x="{0}%" y="12" text-anchor="middle">{3}</text>',
        _c(x(mark)), top - 4, height, mark_label,
    )  # fmt: skip
    rows = []
    for place, item in enumerate(items):
        middle = top + slot * place + 24
        says = f"{item.label}: {fmt(item.value, places=places)} ({fmt(item.low, places=places)} to {fmt(item.high, places=places)})"
        rows.append(
            format_html(
                '<g class="pt"><title>{}</title><text class="{}" x="0" y="{}">{}</text>'
                '<line class="whisker" x1="{}%" x2="{}%" y1="{}" y2="{}"/><circle class="dot{}" cx="{}%" cy="{}" r="{}"/></g>',
                says, "t-strong" if item.is_strong else "t-2", middle - 10, item.label, _c(x(item.low)), _c(x(item.high)),
                middle, middle, " last" if item.is_strong else "", _c(x(item.value)), middle, "5" if item.is_strong else "3.5",
            )
        )  # fmt: skip
    desc = f"{_count_text(len(items), 'estimate')}; {items[0].label} {fmt(items[0].value, places=places)}."
    table = _table(
        title,
        ("What", "Estimate", "95 % interval"),
        [
            (
                i.label,
                fmt(i.value, places=places),
                f"{fmt(i.low, places=places)} to {fmt(i.high, places=places)}",
            )
            for i in items
        ],
    )
    return _figure(_svg(title, desc, height, line + _join(rows), has_links=False), table)


# --- Distribution -------------------------------------------------------------------------------------------


def tone_of_score(score: int) -> str:
    """p, n or d for a score from 0 to 10."""
    return "p" if score >= 9 else "n" if score >= 7 else "d"


def score_bars(counts: Sequence[int], *, urls: Sequence[str] = ()) -> list[Bar]:
    """The eleven bars of an NPS distribution from counts by score; missing scores count as none."""
    return [
        Bar(
            str(score),
            counts[score] if score < len(counts) else 0,
            tone_of_score(score),
            urls[score] if score < len(urls) else "",
        )
        for score in range(11)
    ]


def bars(items: Sequence[Bar], *, title: str, noun: str = "answer", height: int = 196) -> SafeString:
    """Upright bars with their counts above; each leads to its rows."""
    total = sum(item.count for item in items)
    if not total:
        return _nothing(title, "No answers in this period.")
    most = max(item.count for item in items)
    base, top = height - 24, 20
    slot = 100 / len(items)
    columns = []
    for index, item in enumerate(items):
        tall = (base - top) * item.count / most
        if item.count:
            tall = max(tall, 2)
        middle = slot * (index + 0.5)
        share = 100 * item.count / total
        says = f"{item.label}: {_count_text(item.count, noun)}, {share:.0f} %"
        body = format_html(
            '<title>{}</title><rect class="hit" x="{}%" width="{}%" y="0" height="{}" rx="5"/>'
            '<rect class="bar bar-{}" x="{}%" width="{}%" y="{}" height="{}" rx="3"/>'
            '<text class="t-2" x="{}%" y="{}" text-anchor="middle">{}</text>'
            '<text class="t-ink" x="{}%" y="{}" text-anchor="middle">{}</text>',
            says,
            _c(slot * index + slot * 0.04),
            _c(slot * 0.92),
            height,
            item.tone,
            _c(middle - slot * 0.36),
            _c(slot * 0.72),
            _c(base - tall),
            _c(tall),
            _c(middle),
            _c(base - tall - 6),
            _short(item.count),
            _c(middle),
            height - 8,
            item.label,
        )
        columns.append(_linked(item.url, says, body))
    line = format_html('<line class="zero" x1="0" x2="100%" y1="{0}" y2="{0}"/>', base + 0.5)
    top_bar = max(items, key=lambda item: item.count)
    desc = f"{_count_text(total, noun)}; most, {top_bar.count:,}, at {top_bar.label}."
    svg = _svg(title, desc, height, line + _join(columns), has_links=any(i.url for i in items))
    rows = [(i.label, f"{i.count:,}", f"{100 * i.count / total:.1f} %") for i in items]
    return _figure(svg, _table(title, ("Score", noun.capitalize() + "s", "Share"), rows))


def _short(number: int) -> str:
    """A count that fits above a bar: 131, 9,400, 12 k, 1.3 M."""
    if number >= 999_500:
        return f"{number / 1_000_000:.1f}".removesuffix(".0") + "\u00a0M"
    if number >= 10_000:
        return f"{number / 1000:.0f}\u00a0k"
    return f"{number:,}"


def distribution(
    counts: Sequence[int], *, title: str = "Answers by score", urls: Sequence[str] = (), height: int = 196
) -> SafeString:
    """The answers by score, 0 to 10."""
    return bars(score_bars(counts, urls=urls), title=title, height=height)


# --- Stacked bar --------------------------------------------------------------------------------------------


def mix_bar(
    mix: Mix, *, title: str = "Promoters, passives and detractors", legend: bool = True
) -> SafeString:
    """One bar of promoters, passives and detractors; with a legend that links, or thin for a table's cell."""
    total = mix.total
    parts = (
        ("p", "promoter", mix.promoters, mix.promoters_url),
        ("n", "passive", mix.passives, mix.passives_url),
        ("d", "detractor", mix.detractors, mix.detractors_url),
    )
    says = "; ".join(_count_text(count, word) for _, word, count, _ in parts) if total else NO_DATA
    rects: list[SafeString] = []
    start = 0.0
    for tone, _, count, _ in parts:
        if count:
            share = 100 * count / total
            rects.append(
                format_html(
                    '<rect class="bar-{}" x="{}%" width="{}%" height="100%"/>', tone, _c(start), _c(share)
                )
            )
            start += share
    svg = format_html(
        '<svg width="100%" height="10" role="img"><title>{}: {}</title><rect class="track" width="100%" height="100%"/>{}</svg>',
        title,
        says,
        _join(rects),
    )
    if not legend:
        return format_html('<div class="mix thin">{}</div>', svg)
    items = format_html_join(
        "",
        '<li><span class="dot-mark {}"></span>{}</li>',
        (
            (
                tone,
                format_html(
                    '<a href="{}"><b>{}</b> {}</a>', url, f"{count:,}", word + ("" if count == 1 else "s")
                )
                if url
                else format_html(
                    "<span><b>{}</b> {}</span>", f"{count:,}", word + ("" if count == 1 else "s")
                ),
            )
            for tone, word, count, url in parts
        ),
    )
    return format_html('<div class="mix">{}<ul class="legend">{}</ul></div>', svg, items)


# --- Funnel -------------------------------------------------------------------------------------------------


def share_bar(share: float | None, *, tone: str = "a", title: str = "") -> SafeString:
    """A track filled to a share of one; empty without data."""
    filled = 0.0 if share is None or not math.isfinite(share) else min(max(share, 0.0), 1.0)
    rect = (
        format_html('<rect class="bar-{}" width="{}%" height="100%" rx="3"/>', tone, _c(filled * 100))
        if filled
        else EMPTY
    )
    name = format_html('role="img"><title>{}</title>', title) if title else SafeString('aria-hidden="true">')
    return format_html(
        '<svg class="mix" width="100%" height="8" {}<rect class="track" width="100%" height="100%" rx="3"/>{}</svg>',
        name,
        rect,
    )


def funnel(stages: Sequence[Stage], *, title: str = "From asked to heard") -> SafeString:
    """Stages from asked to heard, each with its share of the first. A list: its numbers are its text."""
    if not stages or not stages[0].count:
        return _nothing(title, "Nothing was sent in this period.")
    first = stages[0].count
    rows = []
    for stage in stages:
        share = stage.count / first
        label = (
            format_html('<a href="{}">{}</a>', stage.url, stage.label)
            if stage.url
            else format_html("<span>{}</span>", stage.label)
        )
        rows.append(
            format_html(
                '<li>{}{}<span class="num">{} <span class="of">{} %</span></span></li>',
                label,
                share_bar(share),
                f"{stage.count:,}",
                f"{100 * share:.0f}",
            )
        )
    return format_html('<ol class="funnel" aria-label="{}">{}</ol>', title, _join(rows))


# --- Small lines --------------------------------------------------------------------------------------------


def sparkline(values: Sequence[float | None], *, title: str) -> SafeString:
    """A line the height of a word; its title says first and last value."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if len(known) < 2:
        return format_html('<span class="faint">{}</span>', "too little data" if known else NO_DATA)
    low, high = min(known), max(known)
    y = _scale(low - (high == low), high + (high == low), 3, 19)
    step = 94 / max(len(values) - 1, 1)

    def at(index: int) -> tuple[float, float]:
        return 2 + step * index, y(values[index] or 0)

    lines = [
        format_html(
            '<polyline class="line" points="{}"/>', " ".join(f"{_c(at(i)[0])},{_c(at(i)[1])}" for i in run)
        )
        for run in _runs(values)
        if len(run) > 1
    ]
    last = max(i for i, v in enumerate(values) if _is_number(v))
    dot = format_html('<circle class="dot" cx="{}" cy="{}" r="2.2"/>', _c(at(last)[0]), _c(at(last)[1]))
    return format_html(
        '<svg class="spark" viewBox="0 0 98 22" role="img"><title>{}: {} to {}</title>{}{}</svg>',
        title,
        fmt(known[0], places=_places(known)),
        fmt(known[-1], places=_places(known)),
        _join(lines),
        dot,
    )


def time_sparkline(
    points: Sequence[tuple[dt.datetime, float]], *, start: dt.datetime, end: dt.datetime, title: str
) -> SafeString:
    """A line the height of a word whose horizontal places are times between `start` and `end`.

    `title` says what it shows, and the values. Where points stop coming for much longer than they usually do (four times
    the median distance, and a fortnight), the line is dotted. One point is a dot; without one nothing is drawn.
    """
    known = [(at, value) for at, value in points if start <= at <= end and math.isfinite(value)]
    if not known:
        return EMPTY
    low, high = min(v for _, v in known), max(v for _, v in known)
    y = _scale(low - (high == low), high + (high == low), 3, 19)
    span = (end - start).total_seconds() or 1.0
    places = [(2 + 94 * (at - start).total_seconds() / span, y(value)) for at, value in known]
    pauses = [(after[0] - before[0]).total_seconds() for before, after in pairwise(known)]
    longest = max(4 * statistics.median(pauses), 14 * 86_400.0) if pauses else 0.0
    lines: list[SafeString] = []
    run = [places[0]]
    for place, pause in zip(places[1:], pauses, strict=True):
        if pause > longest:
            lines += [_spark_line(run), _spark_line([run[-1], place], css=" gap")]
            run = []
        run.append(place)
    lines.append(_spark_line(run))
    return format_html(
        '<svg class="spark" viewBox="0 0 98 22" role="img"><title>{}</title>{}<circle class="dot" cx="{}" cy="{}" r="2.2"/></svg>',
        title,
        _join(lines),
        _c(places[-1][0]),
        _c(places[-1][1]),
    )


def _spark_line(places: Sequence[tuple[float, float]], css: str = "") -> SafeString:
    if len(places) < 2:
        return EMPTY
    return format_html(
        '<polyline class="line{}" points="{}"/>', css, " ".join(f"{_c(x)},{_c(y)}" for x, y in places)
    )


def _places(values: Sequence[float]) -> int:
    return 0 if all(v == int(v) for v in values) else 1


def score_history(
    points: Sequence[ScorePoint], *, title: str = "Scores over time", height: int = 150
) -> SafeString:
    """One person's or account's scores, oldest first, on the zones of detractor, passive and promoter."""
    known = [p for p in points if _is_number(p.score)]
    if not known:
        return _nothing(title, "No answers yet.")
    count = len(points)
    top, bottom = 10, height - 24
    y = _scale(0, 10, top, bottom)

    def x(index: int) -> float:
        return 52.0 if count == 1 else 11 + 84 * index / (count - 1)

    zones = format_html_join(
        "",
        '<rect class="zone-{}" x="0" width="100%" y="{}" height="{}"/>',
        ((t, _c(y(hi)), _c(y(lo) - y(hi))) for t, lo, hi in (("d", 0, 6.5), ("n", 6.5, 8.5), ("p", 8.5, 10))),
    )
    scale = format_html_join(
        "", '<text x="4" y="{}">{}</text>', ((_c(y(v) + 4 if v < 10 else y(v) + 9), v) for v in (10, 7, 0))
    )
    lines = format_html_join(
        "",
        '<polyline class="line" points="{}"/>',
        (
            (" ".join(f"{_c(x(i) * 10)},{_c(y(points[i].score or 0))}" for i in run),)
            for run in _runs([p.score for p in points])
            if len(run) > 1
        ),
    )
    plot = format_html(
        '<svg x="0" y="0" width="100%" height="{0}" viewBox="0 0 1000 {0}" preserveAspectRatio="none">{1}</svg>',
        height,
        lines,
    )
    marks = []
    for index, point in enumerate(points):
        if not _is_number(point.score):
            continue
        value = point.score or 0.0
        says = f"{point.label}: {fmt(value, places=_places([value]))}"
        place = y(value) - 9 if y(value) > top + 16 else y(value) + 17
        body = format_html(
            '<title>{}</title><rect class="hit" x="{}%" width="8%" y="0" height="{}" rx="4"/><circle class="dot {}" cx="{}%" cy="{}" r="5"/>'
            '<text class="t-strong{}" x="{}%" y="{}" text-anchor="middle">{}</text>',
            says,
            _c(x(index) - 4),
            height,
            tone_of_score(round(value)),
            _c(x(index)),
            _c(y(value)),
            _crowding(index, count),
            _c(x(index)),
            _c(place),
            fmt(value, places=_places([value])),
        )
        marks.append(_linked(point.url, says, body))
    labels = format_html_join(
        "",
        '<text class="x{}" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (
                _crowding(i, count),
                _c(x(i) + (4.5 if i == count - 1 and count > 1 else 0)),
                height - 5,
                "end" if i == count - 1 and count > 1 else "middle",
                p.label,
            )
            for i, p in enumerate(points)
        ),
    )
    desc = f"{_count_text(len(known), 'answer')}; first {fmt(known[0].score)}, latest {fmt(known[-1].score)}."
    svg = _svg(
        title,
        desc,
        height,
        zones + scale + plot + labels + _join(marks),
        has_links=any(p.url for p in points),
    )
    rows = [(p.label, fmt(p.score, places=_places([p.score]) if p.score is not None else 0)) for p in points]
    return _figure(svg, _table(title, ("When", "Score"), rows))
