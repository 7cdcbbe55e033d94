"""The arithmetic of health, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.health.domain import (
    DEFAULT_BANDS,
    UNCLEAR,
    Component,
    Config,
    Missing,
    Outside,
    Profile,
    Reading,
    Reason,
    Scaling,
    State,
    Step,
    Transform,
    contributions,
    weigh,
)

LINEAR = Scaling(Transform.LINEAR, worst=0, best=10)
CONFIG = Config((), DEFAULT_BANDS)


def component(key: str = "a", weight: float = 1, missing: Missing = Missing.EXCLUDE) -> Component:
    return Component(key, "Group", key, weight, "metric", {}, LINEAR, missing)


def heard(score: float | None) -> Reading:
    return Reading(score, score, None, State.MISSING if score is None else State.COUNTED)


def test_the_score_is_the_weighted_mean_of_what_has_data() -> None:
    profile = Profile("p", "P", {}, tuple(component(str(w), w) for w in (20, 15, 22)))
    found = weigh(profile, [heard(47), heard(59), heard(21)], CONFIG)
    assert found.score == pytest.approx(40.122807)
    assert found.band == "watch"
    part = weigh(profile, [heard(47), heard(None), heard(21)], CONFIG)
    assert part.score == pytest.approx((20 * 47 + 22 * 21) / 42)
    assert part.confidence == pytest.approx(42 / 57)


def test_a_score_that_stands_on_less_than_half_of_the_weight_is_grey() -> None:
    profile = Profile("p", "P", {}, (component("a", 49), component("b", 51)))
    assert weigh(profile, [heard(90), heard(None)], CONFIG).band == UNCLEAR
    assert weigh(profile, [heard(None), heard(90)], CONFIG).band == "healthy"


def test_what_stands_in_for_missing_data_counts_without_adding_confidence() -> None:
    profile = Profile("p", "P", {}, (component("a", 1), component("b", 1, Missing.WORST)))
    found = weigh(profile, [heard(80), heard(None)], CONFIG)
    assert (found.score, found.confidence) == (40, 0.5)
    neutral = Profile("p", "P", {}, (component("a", 1), component("b", 1, Missing.NEUTRAL)))
    assert weigh(neutral, [heard(80), heard(None)], CONFIG).score == 65


def test_without_weight_or_data_there_is_no_score_and_a_reason() -> None:
    weightless = Profile("p", "P", {}, (component("a", 0),))
    assert weigh(weightless, [heard(80)], CONFIG).reason is Reason.NO_WEIGHT
    silent = Profile("p", "P", {}, (component("a", 1, Missing.WORST),))
    found = weigh(silent, [heard(None)], CONFIG)
    assert (found.score, found.reason, found.band) == (None, Reason.NO_DATA, "")


@pytest.mark.parametrize(
    ("score", "band", "shown"),
    [(0, "at_risk", 0), (39.99, "at_risk", 39), (40, "watch", 40), (69.6, "watch", 69), (70, "healthy", 70),
     (54.5, "watch", 55), (100, "healthy", 100)],
)  # fmt: skip
def test_bands_are_half_open_and_the_whole_number_lies_in_the_band(
    score: float, band: str, shown: int
) -> None:
    assert (CONFIG.band_of(score), CONFIG.shown(score)) == (band, shown)


def test_a_linear_scale_holds_or_ignores_what_lies_outside_and_runs_both_ways() -> None:
    assert [LINEAR.score(v) for v in (-1e30, 0, 2.5, 10, 1e30)] == [0, 0, 25, 100, 100]
    down = Scaling(Transform.LINEAR, worst=120, best=20)
    assert [down.score(v) for v in (1e30, 120, 70, 20, -5)] == [0, 0, 50, 100, 100]
    bounded = Scaling(Transform.LINEAR, worst=0, best=10, outside=Outside.IGNORE)
    assert [bounded.score(v) for v in (-1, 0, 10, 11)] == [None, 0, 100, None]


def test_thresholds_and_categories() -> None:
    steps = Scaling(Transform.THRESHOLDS, steps=(Step(1, 80), Step(5, 20)), below=100)
    assert [steps.score(v) for v in (0, 1, 4.9, 5, 99)] == [100, 80, 80, 20, 20]
    words = Scaling(Transform.CATEGORIES, scores={"paid": 100, "3": 40}, other=None)
    assert [words.score(v) for v in ("paid", 3.0, "late")] == [100, 40, None]


def test_what_has_expired_is_missing_and_what_is_stale_counts() -> None:
    one = Component(
        "a", "G", "A", 1, "metric", {}, LINEAR, Missing.EXCLUDE, expires_after_days=30, stale_after_days=10
    )
    day = 86_400
    assert one.read(5.0, 0, 10 * day) == (50, State.COUNTED)
    assert one.read(5.0, 0, 10 * day + 1) == (50, State.STALE)
    assert one.read(5.0, 0, 30 * day + 1) == (None, State.EXPIRED)
    assert one.read(5.0, None, 99 * day) == (50, State.COUNTED)
    assert one.read(None, None, 0) == (None, State.MISSING)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 999_999), st.none() | st.floats(0, 100), st.sampled_from(list(Missing))
        ),
        min_size=1,
        max_size=12,
    )
)  # fmt: skip
def test_contributions_add_up_to_the_score(rows: list[tuple[float, float | None, Missing]]) -> None:
    components = tuple(component(str(n), weight, missing) for n, (weight, _, missing) in enumerate(rows))
    profile, readings = Profile("p", "P", {}, components), [heard(score) for _, score, _ in rows]
    found = weigh(profile, readings, CONFIG)
    if found.score is None:
        return
    parts = contributions(profile, readings)
    assert sum(part.contribution for part in parts) == pytest.approx(found.score, abs=1e-9)
    assert 0 <= found.score <= 100 + 1e-9
