"""Figures about closed loops: waits that are not over, shares, and what following up changed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.loop.statistics import (
    Effect,
    Pair,
    TooFew,
    Wait,
    effect,
    quantile,
    share,
    waiting,
)

hours = st.integers(0, 500).map(float)


@given(st.lists(hours, min_size=1, max_size=60), st.sampled_from([0.5, 0.9]))
def test_with_nobody_waiting_it_is_the_plain_quantile(values: list[float], q: float) -> None:
    found = quantile([Wait(value, True) for value in values], q)

    ordered = sorted(values)
    assert found == next(
        value for value in ordered if sum(v <= value for v in ordered) >= q * len(ordered) - 1e-9
    )


@given(st.lists(st.tuples(hours, st.booleans()), min_size=1, max_size=60))
def test_waiting_longer_never_makes_it_look_faster(waits: list[tuple[float, bool]]) -> None:
    """Who still waits after another week is at least as slow as they were."""
    now = waiting([Wait(*wait) for wait in waits])
    later = waiting([Wait(value + (0 if over else 168), over) for value, over in waits])

    for before, after in ((now.median, later.median), (now.p90, later.p90)):
        assert after is None or (before is not None and before <= after) or before is None
        if before is not None and after is not None:
            assert after >= before


def test_a_textbook_case() -> None:
    """Product-limit by hand: deaths at 6 (of 7), 9 (of 5), 10 (of 4); censored at 6, 11, 12, 13."""
    waits = [
        Wait(6, True),
        Wait(6, False),
        *(Wait(t, True) for t in (9, 10)),
        *(Wait(t, False) for t in (11, 12, 13)),
    ]

    assert quantile(waits, 0.14) == 6
    assert quantile(waits, 0.3) == 9
    assert quantile(waits, 0.48) == 10
    assert quantile(waits, 0.5) is None


def test_leaving_out_who_waits_would_flatter() -> None:
    waits = [Wait(1, True)] * 4 + [Wait(100, False)] * 6

    assert waiting(waits).median is None
    assert waiting([wait for wait in waits if wait.is_over]).median == 1


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_share_lies_in_its_interval(kept: int, more: int) -> None:
    found = share(kept, kept + more)

    if kept + more == 0:
        assert (found.value, found.interval) == (None, None)
    else:
        assert 0 <= found.interval.low <= found.value <= found.interval.high <= 100


# --- What following up changed -------------------------------------------------------------------------------
def a_detractor(rng: random.Random, lift: float = 0.0) -> Pair:
    """Somebody with a lasting opinion, asked twice with a good or bad day each; only poor first scores are chosen."""
    while True:
        opinion = rng.gauss(7, 2)
        before, after = (min(10, max(0, round(opinion + rng.gauss(0, 1.5) + extra))) for extra in (0, lift))
        if before <= 6:
            return Pair(before, after)


def test_poor_scores_rise_by_themselves_and_that_is_no_effect() -> None:
    rng = random.Random(1)
    people = [a_detractor(rng) for _ in range(400)]

    found = effect(people[:200], people[200:])

    assert isinstance(found, Effect)
    assert found.after - found.before > 0.5  # looks like a success
    assert not found.is_clear
    assert abs(found.expected - found.after) < 0.5


@pytest.mark.parametrize(("n", "m"), [(20, 20), (30, 200), (200, 30)])
def test_without_an_effect_one_in_twenty_seems_to_have_one(n: int, m: int) -> None:
    rng = random.Random(2)
    everybody = [a_detractor(rng) for _ in range(20_000)]
    trials = 1500
    alarms = 0
    for _ in range(trials):
        found = effect(rng.choices(everybody, k=n), rng.choices(everybody, k=m))
        assert isinstance(found, Effect)
        alarms += found.is_clear

    # Three standard errors of a share of 5 % around it, and a little for scores being whole numbers.
    assert 0.03 < alarms / trials < 0.075


def test_a_planted_effect_is_found() -> None:
    rng = random.Random(3)

    found = effect([a_detractor(rng, lift=1.5) for _ in range(150)], [a_detractor(rng) for _ in range(150)])

    assert isinstance(found, Effect)
    assert found.is_clear
    assert found.low < 1.4 < found.high + 0.3


@given(
    st.lists(st.builds(Pair, st.integers(0, 6), st.integers(0, 10)), min_size=0, max_size=60),
    st.lists(st.builds(Pair, st.integers(0, 6), st.integers(0, 10)), min_size=0, max_size=60),
)
def test_the_parts_fit_together_or_it_is_refused(followed: list[Pair], unfollowed: list[Pair]) -> None:
    found = effect(followed, unfollowed)

    if isinstance(found, TooFew):
        assert found.why
        return
    assert found.difference == pytest.approx(found.after - found.expected, abs=1e-9)
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize(("n", "m", "word"), [(19, 100, "followed up have"), (100, 19, "nobody followed up")])
def test_too_few_are_refused_with_the_reason(n: int, m: int, word: str) -> None:
    rng = random.Random(4)

    found = effect([a_detractor(rng) for _ in range(n)], [a_detractor(rng) for _ in range(m)])

    assert isinstance(found, TooFew)
    assert word in found.why
