"""Charts: well-formed markup for any data, gaps as gaps, every number also in words."""

import datetime as dt
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import charts
from core.charts import Bar, Mix, ScorePoint, Stage, TrendPoint

NASTY = '<script>alert(1)</script>"&'


def parse(html: str) -> ElementTree.Element:
    """The markup as a tree; fails on anything that is not well formed."""
    return ElementTree.fromstring(f"<r>{html}</r>")


def classes(html: str, name: str) -> list[ElementTree.Element]:
    return [e for e in parse(html).iter() if name in e.get("class", "").split()]


def months(*values: float | None, n: int = 40) -> list[TrendPoint]:
    return [
        TrendPoint(
            f"M{i}", v, None if v is None else v - 10, None if v is None else v + 10, 0 if v is None else n
        )
        for i, v in enumerate(values)
    ]


# --- Trend --------------------------------------------------------------------------------------------------


def test_trend_draws_line_band_bars_and_the_last_figure() -> None:
    html = charts.trend(months(31, 33, 30), title="NPS by month")

    assert len(classes(html, "line")) == 1
    assert len(classes(html, "band")) == 1
    assert len(classes(html, "n-bar")) == 3
    assert "+30 ± 10" in html
    assert "<title>NPS by month</title>" in html
    assert "Lowest +30, highest +33" in html


def test_trend_of_nothing_says_so() -> None:
    for points in ([], months(None, None)):
        html = charts.trend(points, title="NPS")
        assert "No answers in this period." in html
        assert "<svg" not in html


def test_trend_of_one_point_shows_the_point_and_its_interval_without_a_line() -> None:
    html = charts.trend(months(31), title="NPS")

    assert len(classes(html, "dot")) == 1
    assert len(classes(html, "whisker")) == 1
    assert classes(html, "line") == []


def test_a_gap_breaks_the_line_and_is_no_data_in_the_table() -> None:
    html = charts.trend(months(31, 33, None, 30, 28), title="NPS")

    solid = [e for e in classes(html, "line") if "gap" not in e.get("class", "")]
    assert len(solid) == 2
    assert len(classes(html, "gap")) == 1
    assert len(classes(html, "dot")) == 4
    assert '<td class="r">no data</td>' in html


def test_zero_is_a_value_and_not_a_gap() -> None:
    html = charts.trend(months(0, 0), title="NPS")

    assert len(classes(html, "dot")) == 2
    assert "no data" not in html


def test_trend_keeps_extremes_inside_the_drawing() -> None:
    points = [TrendPoint("a", -100, -140, -60, 1), TrendPoint("b", 100, 60, 140, 10**9)]

    html = charts.trend(points, title="NPS", height=200)

    for dot in classes(html, "dot"):
        assert 0 <= float(dot.get("cy", "")) <= 200
    for polygon in classes(html, "band"):
        assert all(0 <= float(pair.split(",")[1]) <= 200 for pair in polygon.get("points", "").split())


def test_trend_with_links_is_a_group_whose_links_are_named() -> None:
    html = charts.trend([TrendPoint("Nov", 31, 20, 42, 87, "/nps/?month=11")], title="NPS")

    link = next(e for e in parse(html).iter("a"))
    assert link.get("href") == "/nps/?month=11"
    assert link.get("aria-label") == "Nov: +31 ± 11, 87 answers"
    assert 'role="group"' in html
    assert 'role="img"' in charts.trend(months(1, 2), title="NPS")


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=True, allow_infinity=True),
            st.none() | st.floats(-300, 300),
            st.none() | st.floats(-300, 300),
            st.integers(0, 10**7),
        ),
        max_size=40,
    )
)
def test_trend_survives_any_numbers(rows: list[tuple[float | None, float | None, float | None, int]]) -> None:
    points = [TrendPoint(f"p{i}", v, lo, hi, n) for i, (v, lo, hi, n) in enumerate(rows)]

    html = charts.trend(points, title="NPS")

    parse(html)
    assert "nan" not in html
    assert "inf" not in html.replace("inform", "")


@example(0.0, 1e-8, 4)
@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(1, 8))
def test_ticks_are_round_rising_and_embrace_the_data(a: float, b: float, wanted: int) -> None:
    low, high = sorted((a, b))

    marks = charts.ticks(low, high, wanted=wanted, floor=-100, ceiling=100)

    assert marks == sorted(set(marks))
    assert len(marks) >= 2
    assert marks[0] <= low + 1e-6
    assert marks[-1] >= high - 1e-6
    assert -100 <= marks[0] <= marks[-1] <= 100


# --- Distribution, mix, funnel ------------------------------------------------------------------------------


def test_distribution_has_eleven_bars_that_lead_to_their_answers() -> None:
    counts = [11, 5, 8, 10, 9, 18, 26, 62, 99, 131, 108]

    html = charts.distribution(counts, urls=[f"/feedback/?score={i}" for i in range(11)])

    links = list(parse(html).iter("a"))
    assert [a.get("href") for a in links] == [f"/feedback/?score={i}" for i in range(11)]
    assert links[9].get("aria-label") == "9: 131 answers, 27 %"
    assert [len(classes(html, f"bar-{t}")) for t in "dnp"] == [7, 2, 2]


def test_distribution_of_nothing_says_so() -> None:
    assert "No answers" in charts.distribution([0] * 11)
    assert "No answers" in charts.distribution([])


def test_heights_follow_the_counts_and_one_answer_stays_visible() -> None:
    html = charts.bars([Bar("a", 1), Bar("b", 100_000), Bar("c", 0)], title="x")

    heights = [float(e.get("height", "")) for e in classes(html, "bar")]
    assert heights[0] >= 2
    assert heights[1] == max(heights)
    assert heights[2] == 0
    assert "100\u00a0k" in html


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_mix_fills_the_bar_exactly(p: int, n: int, d: int) -> None:
    html = charts.mix_bar(Mix(p, n, d), legend=False)

    widths = [float(e.get("width", "").rstrip("%")) for t in "pnd" for e in classes(html, f"bar-{t}")]
    if p + n + d:
        assert math.isclose(sum(widths), 100, abs_tol=0.05)
    else:
        assert widths == []
        assert "no data" in html


def test_mix_names_its_numbers_and_links_them() -> None:
    html = charts.mix_bar(Mix(239, 161, 1, detractors_url="/feedback/?category=detractor"))

    assert "239 promoters; 161 passives; 1 detractor" in html
    assert '<a href="/feedback/?category=detractor"><b>1</b> detractor</a>' in html


def test_funnel_gives_each_stage_its_share_of_the_first() -> None:
    html = charts.funnel([Stage("Sent", 1904, "/s/"), Stage("Scored", 487)])

    assert re.findall(r'class="of">([^<]+)<', html) == ["100 %", "26 %"]
    assert '<a href="/s/">Sent</a>' in html


def test_funnel_of_nothing_divides_by_nothing() -> None:
    assert "Nothing was sent" in charts.funnel([])
    assert "Nothing was sent" in charts.funnel([Stage("Sent", 0), Stage("Scored", 0)])


@pytest.mark.parametrize(
    ("share", "width"), [(0.34, "34%"), (1.7, "100%"), (-1, None), (None, None), (math.nan, None)]
)
def test_share_bar_stays_between_nothing_and_full(share: float | None, width: str | None) -> None:
    bars = classes(charts.share_bar(share), "bar-a")

    assert [b.get("width") for b in bars] == ([width] if width else [])


# --- Small lines --------------------------------------------------------------------------------------------


def test_sparkline_needs_two_values() -> None:
    assert "no data" in charts.sparkline([], title="Seats")
    assert "too little data" in charts.sparkline([None, 3], title="Seats")
    assert "<svg" in charts.sparkline([3, None, 3], title="Seats")


def test_a_line_over_time_is_dotted_where_points_stopped_coming_and_one_point_is_a_dot() -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    day = dt.timedelta(days=1)
    end = start + 100 * day
    points = [(start + n * day, float(n)) for n in (0, 1, 2, 60, 61)]

    html = charts.time_sparkline(points, start=start, end=end, title=NASTY)
    alone = charts.time_sparkline(points[:1], start=start, end=end, title="Seats")

    assert html.count("<polyline") == 3
    assert html.count('class="line gap"') == 1
    assert "<script" not in html
    assert (alone.count("<polyline"), alone.count("<circle")) == (0, 1)
    assert charts.time_sparkline([(end + day, 1.0)], start=start, end=end, title="Seats") == ""


def test_sparkline_breaks_at_a_gap_and_tells_first_and_last() -> None:
    html = charts.sparkline([1, 2, None, 4, 5], title="Seats")

    assert len(classes(html, "line")) == 2
    assert "Seats: 1 to 5" in html


def test_score_history_colours_each_score_by_its_category() -> None:
    html = charts.score_history([ScorePoint("Feb", 8), ScorePoint("Aug", 9), ScorePoint("Nov", 0, "/r/3/")])

    assert [e.get("class") for e in classes(html, "dot")] == ["dot n", "dot p", "dot d"]
    assert "first 8, latest 0" in html
    assert 'href="/r/3/"' in html


def test_score_history_of_one_and_of_none() -> None:
    assert len(classes(charts.score_history([ScorePoint("Feb", 8)]), "dot")) == 1
    assert "No answers yet." in charts.score_history([])


def test_labels_stay_text_in_every_chart() -> None:
    drawn = [
        charts.trend(
            [TrendPoint(NASTY, 1, 0, 2, 3, NASTY), TrendPoint(NASTY, 2, 0, 2, 3)], title=NASTY, noun=NASTY
        ),
        charts.bars([Bar(NASTY, 3, url=NASTY)], title=NASTY, noun=NASTY),
        charts.mix_bar(Mix(1, 2, 3, NASTY, NASTY, NASTY), title=NASTY),
        charts.funnel([Stage(NASTY, 3, NASTY)], title=NASTY),
        charts.sparkline([1, 2], title=NASTY),
        charts.score_history([ScorePoint(NASTY, 3, NASTY)], title=NASTY),
        charts.share_bar(0.5, title=NASTY),
        charts.trend([], title=NASTY),
    ]

    for html in drawn:
        assert "<script" not in html
        assert "style=" not in html
        parse(html)


def test_a_trend_of_shares_and_of_means_says_its_values_in_their_own_way() -> None:
    share = charts.trend([TrendPoint("Nov", 81, 74, 86, 120)], title="CSAT", floor=0, signed=False, unit=" %")
    mean = charts.trend(
        [TrendPoint("Nov", 5.25, 5.0, 5.5, 40), TrendPoint("Dec", 5.3, 5.11, 5.42, 44)],
        title="CES", floor=1, ceiling=7, signed=False, places=2,
    )  # fmt: skip

    assert "Nov: 81 % (74 to 86 %), 120 answers" in share
    assert "<td>74 % to 86 %</td>" in share or "74 % to 86 %" in share
    assert "Nov: 5.25 ± 0.25, 40 answers" in mean
    assert "Dec: 5.30 (5.11 to 5.42), 44 answers" in mean
