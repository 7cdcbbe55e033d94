"""AUC, lift and their intervals: exact where they can be, right as often as they promise."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from workflows.health.discrimination import (
    Estimate,
    auc,
    coin,
    expected_half_width,
    gain,
    lift,
    suggested_weights,
)

numbers = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=40)


def found(values: list[float], outcomes: list[bool]) -> Estimate | None:
    return auc(values, outcomes, range(len(values)))


@given(numbers)
def test_the_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    left = [v for v, o in rows if o]
    stayed = [v for v, o in rows if not o]

    estimate = found([v for v, _ in rows], [o for _, o in rows])

    if not left or not stayed:
        assert estimate is None
        return
    pairs = [1.0 if a < b else 0.5 if a == b else 0.0 for a in left for b in stayed]
    assert estimate is not None
    assert math.isclose(estimate.value, sum(pairs) / len(pairs), abs_tol=1e-12)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(numbers)
def test_a_number_is_no_better_than_itself_and_the_reverse_of_its_reverse(
    rows: list[tuple[int, bool]],
) -> None:
    values: list[float | None] = [float(v) for v, _ in rows]
    outcomes = [o for _, o in rows]
    same = gain(values, values, outcomes, range(len(rows)))
    one, other = found(values, outcomes), found([-v for v, _ in rows], outcomes)  # type: ignore[arg-type]

    if same is not None and one is not None and other is not None:
        assert (same.value, same.low, same.high) == (0, 0, 0)
        assert math.isclose(one.value, 1 - other.value, abs_tol=1e-12)


def test_rows_without_a_value_are_left_out() -> None:
    estimate = auc([1, None, 3, None], [True, True, False, False], [1, 2, 3, 4])

    assert estimate is not None
    assert (estimate.left, estimate.stayed, estimate.value) == (1, 1, 1.0)


def test_the_expected_width_is_that_of_hanley_and_mcneil() -> None:
    """The published table: AUC .70 at 5 to 10 % who left."""
    widths = [expected_half_width(0.7, left, round(left / 0.075) - left) for left in (5, 10, 20, 50, 100)]

    assert all(abs(w - told) < 0.01 for w, told in zip(widths, [0.26, 0.19, 0.13, 0.08, 0.06], strict=True))


def _series(
    rng: random.Random, accounts: int, days: int, shift: float
) -> tuple[list[float], list[bool], list[int]]:
    """Accounts whose evaluations hang together: most of a value is the account's own."""
    values, outcomes, keys = [], [], []
    for account in range(accounts):
        own = rng.gauss(0, 1)
        leaves_at = rng.randrange(days) if rng.random() < 0.3 else None
        for day in range(days):
            left = day == leaves_at
            values.append(own + rng.gauss(0, 0.4) - (shift if left else 0))
            outcomes.append(left)
            keys.append(account)
            if left:
                break
    return values, outcomes, keys


def test_the_interval_covers_the_truth_with_accounts_evaluated_many_times() -> None:
    """True AUC ½; 300 histories have a standard error of 1.3 points of coverage."""
    covered = 0
    for seed in range(300):
        estimate = auc(*_series(random.Random(seed), 120, 5, 0.0))
        assert estimate is not None
        covered += estimate.low <= 0.5 <= estimate.high

    assert 0.91 <= covered / 300 <= 0.99


def test_a_planted_signal_is_found_and_shuffled_labels_are_a_coin() -> None:
    values, outcomes, keys = _series(random.Random(1), 200, 5, 1.2)
    shuffled = outcomes[:]
    random.Random(2).shuffle(shuffled)

    real, none = auc(values, outcomes, keys), auc(values, shuffled, keys)

    assert real is not None
    assert none is not None
    assert real.low > 0.6
    assert none.low < 0.5 < none.high


def test_the_lift_of_the_lowest_tenth() -> None:
    outcomes = [i < 15 or i % 10 == 0 for i in range(200)]
    values = [float(i) for i in range(200)]

    found = lift(values, outcomes, range(200))

    assert found is not None
    assert (found.inside, found.left) == (15, sum(outcomes))
    assert math.isclose(found.value, (15 / sum(outcomes)) / 0.1)
    assert 0 < found.low < found.value < found.high <= 10
    flat = lift([1.0] * 200, outcomes, range(200))
    assert flat is not None
    assert flat.low < 1 < flat.high or flat.value < 3


def test_the_coin_knows_nothing_and_is_the_same_each_time() -> None:
    values = [coin(k) for k in range(2000)]

    assert values == [coin(k) for k in range(2000)]
    assert 0.47 < sum(values) / 2000 < 0.53


def test_weights_move_half_way_towards_evidence_and_keep_their_sum() -> None:
    strong, none = Estimate(0.8, 0.7, 0.9, 30, 300), Estimate(0.5, 0.4, 0.6, 30, 300)

    moved = suggested_weights({"a": 50, "b": 50}, {"a": strong, "b": none})

    assert moved == {"a": 75, "b": 25}
    assert suggested_weights({"a": 60, "b": 40}, {"a": none, "b": None}) == {"a": 60, "b": 40}
