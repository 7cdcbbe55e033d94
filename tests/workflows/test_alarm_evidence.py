"""What is evidence of a change and what is noise: the arithmetic and the promise about a year of looks."""

import math
import random
import sys
from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.domain import Counts, difference
from workflows.alarms.evidence import (
    CADENCES,
    Change,
    Direction,
    Verdict,
    Windows,
    boundary,
    change_of,
    confidence_of,
    judge,
    looks_a_year,
    sentence,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import alarm_curve
from alarm_curve import Setting

counts = st.builds(Counts, st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
Z95 = NormalDist().inv_cdf(0.975)


def found(windows: Windows, **asked: object) -> Verdict:
    settings: dict[str, object] = {
        "direction": Direction.FALL,
        "every_weeks": 1,
        "min_n": 20,
        "threshold": 10,
        **asked,
    }
    return judge(windows, **settings)[0]  # type: ignore[arg-type]


@given(counts, counts)
def test_without_shared_people_it_is_the_difference_of_the_product(before: Counts, now: Counts) -> None:
    change, plain = change_of(Windows(before, now, {}), Z95), difference(now, before)

    assert (change is None) == (plain is None)
    if change is not None and plain is not None:
        assert change.excludes_zero == (not plain.is_noise) or change.points == 0
        assert change.low <= change.points <= change.high


@given(counts, counts, st.integers(0, 60))
def test_an_interval_contains_its_change_and_grows_with_caution(
    before: Counts, now: Counts, pairs: int
) -> None:
    shared = {(1, 1): min(pairs, before.promoters, now.promoters)}
    narrow, wide = (change_of(Windows(before, now, shared), z) for z in (1.0, 3.0))

    if narrow is not None and wide is not None:
        assert wide.low <= narrow.low <= narrow.points <= narrow.high <= wide.high


def test_the_same_people_who_answer_alike_are_compared_more_sharply() -> None:
    before, now = Counts(30, 20, 10), Counts(22, 20, 18)
    alike = {(1, 1): 22, (1, 0): 8, (0, 0): 12, (0, -1): 8, (-1, -1): 10}

    apart = change_of(Windows(before, now, {}), 2.0)
    paired = change_of(Windows(before, now, alike), 2.0)

    assert apart is not None
    assert paired is not None
    assert paired.points == apart.points
    assert paired.high - paired.low < 0.7 * (apart.high - apart.low)
    assert found(Windows(before, now, {}), every_weeks=13) is Verdict.WITHIN_NOISE
    assert found(Windows(before, now, alike), every_weeks=13) is Verdict.MOVED


@pytest.mark.parametrize("every_weeks", CADENCES)
@pytest.mark.parametrize("direction", list(Direction))
def test_the_looks_of_a_year_share_five_per_cent(every_weeks: int, direction: Direction) -> None:
    z = boundary(every_weeks, direction)

    spent = looks_a_year(every_weeks) * direction.sides * (1 - NormalDist().cdf(z))

    assert math.isclose(spent, 0.05, rel_tol=1e-9)
    assert confidence_of(z) > 0.95


def test_each_condition_alone_keeps_the_alarm_quiet() -> None:
    fall = Windows(Counts(150, 30, 20), Counts(80, 40, 80), {})
    rise = Windows(fall.now, fall.before, {})
    small = Windows(Counts(15_000, 3_000, 2_000), Counts(14_400, 3_000, 2_600), {})

    assert found(fall) is Verdict.MOVED
    assert found(fall, min_n=201) is Verdict.TOO_FEW
    assert found(rise) is Verdict.OTHER_WAY
    assert found(rise, direction=Direction.BOTH) is Verdict.MOVED
    assert found(small, threshold=7) is Verdict.BELOW_THRESHOLD
    assert found(small, threshold=6) is Verdict.MOVED
    assert found(Windows(Counts(), fall.now, {})) is Verdict.TOO_FEW


def test_what_is_noise_is_said_with_its_interval_and_its_answers() -> None:
    windows = Windows(Counts(25, 12, 11), Counts(24, 12, 16), {})
    verdict, change = judge(windows, direction=Direction.FALL, every_weeks=13, min_n=40, threshold=5)

    said = sentence(verdict, change, n_before=48, n_now=52, min_n=40, threshold=5)

    assert said == "fell 14, within noise (−49 to +23, n 48 and 52)"


def test_an_interval_without_zero_never_reads_as_one_with_it() -> None:
    def said(low: float, high: float) -> str:
        change = Change((low + high) / 2, low, high, 3.1)
        return sentence(Verdict.MOVED, change, n_before=9, n_now=9, min_n=9, threshold=5)

    assert said(-31.2, -0.4) == "fell 16: more than noise (−31 to −0.4, n 9 and 9)"
    assert said(0.2, 20) == "rose 10: more than noise (+0.2 to +20, n 9 and 9)"
    assert said(-20, -0.01) == "fell 10: more than noise (−20 to −0.1 or less, n 9 and 9)"
    assert said(-20, -0.6) == "fell 10: more than noise (−20 to −1, n 9 and 9)"


# --- The promise -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "setting",
    [
        Setting(60),
        Setting(80, direction=Direction.BOTH),
        Setting(150, every_weeks=4),
        Setting(80, every_weeks=13),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", list(alarm_curve.MIXES))
def test_in_a_year_without_change_at_most_five_per_cent_of_series_raise_an_alarm(
    setting: Setting, name: str
) -> None:
    """400 series have a standard error of 1.1 %: the bound is the promise and twice that. Seeds are fixed."""
    share, _ = alarm_curve.rate(setting, 400, seed=20, mix=alarm_curve.MIXES[name])

    assert share <= 0.05 + 2 * 0.011


def test_over_all_kinds_of_series_false_alarms_stay_within_the_promise() -> None:
    shares = [
        alarm_curve.rate(Setting(n), 500, seed=21, mix=mix)[0]
        for n in (40, 80)
        for mix in alarm_curve.MIXES.values()
    ]

    assert sum(shares) / len(shares) <= 0.05


def test_a_naive_look_at_95_per_cent_would_break_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can tell a sound rule from an unsound one."""
    monkeypatch.setattr("workflows.alarms.evidence.boundary", lambda *_, **__: Z95)

    share, _ = alarm_curve.rate(Setting(80, direction=Direction.BOTH), 200, seed=22)

    assert share > 0.15


@pytest.mark.parametrize(("n", "fall", "least"), [(80, 50, 0.8), (200, 30, 0.85), (500, 20, 0.8)])
def test_a_planted_fall_is_found(n: int, fall: float, least: float) -> None:
    share, week = alarm_curve.rate(Setting(n, fall), 150, seed=23)

    assert share >= least
    assert week is not None
    assert week <= 13


def test_asking_the_same_people_again_finds_smaller_falls() -> None:
    def told(fall: float, number: int) -> float:
        return (
            sum(alarm_curve.paired_alarm(random.Random(f"24:{fall}:{i}"), 80, fall) for i in range(number))
            / number
        )

    assert told(0, 400) <= 0.05 + 2 * 0.011
    assert told(20, 150) >= 0.5
