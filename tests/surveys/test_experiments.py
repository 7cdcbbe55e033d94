"""The arithmetic of experiments: the draw is sticky and even, and nobody is called a winner by chance."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from surveys import domain, experiments, sql_experiments
from surveys.experiments import Moments, Outcome
from surveys.models import Variant

weights = st.lists(st.integers(1, 100), min_size=2, max_size=4)


# --- The draw ------------------------------------------------------------------------------------------------
@given(st.integers(1, 2**40), st.integers(1, 2**40), st.integers(1, 2**40), st.integers(1, 2**40), weights)
def test_people_of_one_account_are_in_one_arm_and_stay_there(
    campaign: int, account: int, one: int, other: int, parts: list[int]
) -> None:
    arm = experiments.arm_of(campaign, account_id=account, contact_id=one, weights=parts)

    assert arm == experiments.arm_of(campaign, account_id=account, contact_id=other, weights=parts)
    assert 0 <= arm < len(parts)


@given(weights)
def test_the_line_is_cut_in_order_and_by_weight(parts: list[int]) -> None:
    ends = experiments.ends(parts)

    assert ends == sorted(ends)
    assert len(ends) == len(parts) - 1
    shares = [int(end, 16) / 2**32 for end in ends]
    for n, share in enumerate(shares):
        assert share == pytest.approx(sum(parts[: n + 1]) / sum(parts), abs=1e-9)


@pytest.mark.parametrize("parts", [[1, 1], [1, 3], [5, 3, 2], [1, 1, 1, 1], [100, 1]])
def test_the_draw_is_even_and_another_campaign_draws_anew(parts: list[int]) -> None:
    units = 20_000
    drawn = [experiments.arm_of(7, account_id=n, contact_id=n, weights=parts) for n in range(units)]
    counts = Counter(drawn)
    found = experiments.split([counts[n] for n in range(len(parts))], parts)

    assert found is not None
    assert not found.is_skewed
    # Independent of another campaign's draw: those of the first arm here are spread by weight there.
    again = Counter(
        experiments.arm_of(8, account_id=n, contact_id=n, weights=parts)
        for n in range(units)
        if drawn[n] == 0
    )
    other = experiments.split([again[n] for n in range(len(parts))], parts)
    assert other is None or not other.is_skewed


@pytest.mark.django_db
@pytest.mark.parametrize("parts", [[1, 1], [1, 3], [5, 3, 2], [1, 1, 1, 100]])
def test_the_database_draws_the_same(parts: list[int]) -> None:
    arms = [
        Variant(pk=10 + n, key=key, weight=parts[n]) for n, key in enumerate(experiments.letters(len(parts)))
    ]
    case, params = sql_experiments.variant_case(31, list(reversed(arms)))
    rng = random.Random(4)
    people = [(n, rng.choice([None, rng.randrange(10**9)])) for n in range(1, 300)]
    rows = ", ".join(f"({contact}, {'NULL' if account is None else account})" for contact, account in people)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH people(contact_id, account_id) AS (VALUES {rows}) SELECT contact_id, {case} FROM people",
            params,
        )
        found = dict(cursor.fetchall())

    assert found == {
        contact: 10 + experiments.arm_of(31, account_id=account, contact_id=contact, weights=parts)
        for contact, account in people
    }


@pytest.mark.django_db
def test_without_arms_the_database_says_nothing_and_one_arm_is_everybodys() -> None:
    none, no_params = sql_experiments.variant_case(1, [])
    one, params = sql_experiments.variant_case(1, [Variant(pk=9, key="a")])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {none}, {one} FROM (SELECT 1 AS contact_id, 2 AS account_id) AS p", [*no_params, *params]
        )
        assert cursor.fetchone() == (None, 9)


# --- Intervals -----------------------------------------------------------------------------------------------
def test_wilson_as_it_is_published() -> None:
    # Wilson's interval of 81 in 263: 0.2553 to 0.3662 (Newcombe 1998, table I); of 0 in 20: 0 to 0.1611.
    assert experiments.wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert experiments.wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def test_newcombes_difference_as_it_is_published() -> None:
    # 56/70 less 48/80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10).
    one, other = Moments.of([(1, 1)] * 56 + [(1, 0)] * 14), Moments.of([(1, 1)] * 48 + [(1, 0)] * 32)
    gap = experiments.gap_of_shares(one, other)

    assert gap is not None
    assert (gap.points, gap.low, gap.high) == pytest.approx((20, 5.24, 33.39), abs=5e-3)


def test_people_who_answer_alike_within_their_account_count_for_less() -> None:
    alone = Moments.of([(1, n % 2) for n in range(200)])
    together = Moments.of([(10, 10 * (n % 2)) for n in range(20)])

    one, other = experiments.share(alone), experiments.share(together)
    assert one.effect == pytest.approx(1, abs=0.01)
    assert other.effect == pytest.approx(10, rel=0.06)
    assert other.high - other.low > 2.5 * (one.high - one.low)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)).map(lambda p: (p[0], min(p))), max_size=60))
def test_a_share_lies_within_its_interval(units: list[tuple[int, int]]) -> None:
    found = experiments.share(Moments.of(units))

    assert 0 <= found.low <= found.high <= 1
    assert found.effect >= 1
    if found.value is not None:
        assert found.low <= found.value <= found.high


def test_an_nps_has_the_houses_interval_where_people_are_independent() -> None:
    counts = domain.Counts(46, 24, 5)

    found = experiments.nps_interval(counts)
    assert found is not None
    assert counts.interval is not None
    assert (found.low, found.high) == pytest.approx((counts.interval.low, counts.interval.high))
    wider = experiments.nps_interval(counts, 2)
    assert wider is not None
    assert wider.margin == pytest.approx(found.margin * 2**0.5)


def test_how_many_are_needed() -> None:
    # Two-sample formula, two-sided 5 %, power 80 %: (1.960 + 0.842)² · (0.1·0.9 + 0.13·0.87) / 0.03² = 1,771.
    assert experiments.needed(0.10, 3) == pytest.approx(1771, abs=2)
    assert experiments.needed(0.10, 3, arms=3) > experiments.needed(0.10, 3)
    for n in (200, 1771, 20_000):
        points = experiments.visible(0.10, n)
        assert experiments.needed(0.10, points) <= n < experiments.needed(0.10, points - 0.05)


@pytest.mark.parametrize(
    ("units", "parts", "is_skewed"),
    [([5000, 5000], [1, 1], False), ([5100, 4900], [1, 1], False), ([5300, 4700], [1, 1], True),
     ([3300, 6700], [1, 2], False), ([400, 300, 300], [1, 1, 1], True), ([100, 100, 100, 180], [1, 1, 1, 1], True)],
)  # fmt: skip
def test_a_wrong_split_is_seen(units: list[int], parts: list[int], is_skewed: bool) -> None:
    found = experiments.split(units, parts)
    assert found is not None
    assert found.is_skewed is is_skewed


def test_the_chi_square_tails_are_those_of_the_tables() -> None:
    for freedom, border in ((1, 3.841459), (2, 5.991465), (3, 7.814728)):
        assert experiments._chi_square_tail(border, freedom) == pytest.approx(0.05, abs=1e-6)
    assert experiments.split([3, 2], [1, 1]) is None


# --- Verdicts ------------------------------------------------------------------------------------------------
def verdict_of(
    arms: Sequence[Moments], *, horizon: int = 100, is_settled: bool = True, is_skewed: bool = False
) -> experiments.Verdict:
    keys = experiments.letters(len(arms))
    return experiments.judge(
        dict(zip(keys, arms, strict=True)),
        names={key: key.upper() for key in keys},
        asked={key: arm.n for key, arm in zip(keys, arms, strict=True)},
        horizon=horizon,
        is_settled=is_settled,
        is_skewed=is_skewed,
    )


def independent(n: int, y: int) -> Moments:
    return Moments(n, n, y, n, y, y)


def test_no_winner_is_named_too_early_or_from_a_wrong_split() -> None:
    clear = [independent(1000, 100), independent(1000, 400)]

    assert verdict_of(clear, horizon=1000).outcome is Outcome.WINNER
    assert verdict_of(clear, horizon=1001).outcome is Outcome.WAITING
    assert verdict_of(clear, horizon=1000, is_settled=False).outcome is Outcome.SETTLING
    assert verdict_of(clear, horizon=1000, is_skewed=True).outcome is Outcome.SKEWED
    for early in (
        verdict_of(clear, horizon=1001),
        verdict_of([independent(99, 0), independent(99, 99)], horizon=1),
    ):
        assert early.outcome is Outcome.WAITING
        assert early.winner == ""
        assert "Too early" in early.sentence


def test_a_winner_beats_every_other_arm() -> None:
    assert verdict_of([independent(2000, 200), independent(2000, 300), independent(2000, 500)]).winner == "c"
    tie = verdict_of([independent(2000, 200), independent(2000, 500), independent(2000, 510)])
    assert (tie.outcome, tie.winner) == (Outcome.NOISE, "")
    assert "within noise" in tie.sentence
    assert "winner" in tie.sentence


def answered(rng: random.Random, accounts: int, share: float) -> Moments:
    """Accounts of 1 to 8 people, whose people lean the same way."""
    pairs = []
    for _ in range(accounts):
        people = rng.randint(1, 8)
        lean = rng.betavariate(share * 4, (1 - share) * 4)
        pairs.append((people, sum(rng.random() < lean for _ in range(people))))
    return Moments.of(pairs)


@pytest.mark.parametrize("arms", [2, 4])
def test_of_arms_that_are_the_same_hardly_ever_one_wins(arms: int) -> None:
    rng = random.Random(20260317)
    runs = 500
    wins = sum(
        verdict_of([answered(rng, 250, 0.2) for _ in range(arms)]).outcome is Outcome.WINNER
        for _ in range(runs)
    )

    # 5 % are promised at most; 34 of 500 is where chance alone would be past its own one-in-twenty.
    assert wins <= 34


def test_a_planted_difference_is_found() -> None:
    rng = random.Random(20260318)
    runs = 60
    found = [verdict_of([answered(rng, 700, 0.15), answered(rng, 700, 0.25)]) for _ in range(runs)]

    assert sum(verdict.winner == "b" for verdict in found) >= 0.9 * runs
    assert not any(verdict.winner == "a" for verdict in found)


def test_the_power_promised_is_the_power_had() -> None:
    rng = random.Random(20260319)
    n = experiments.needed(0.2, 5)
    runs = 300

    def arm(share: float) -> Moments:
        return independent(n, sum(rng.random() < share for _ in range(n)))

    found = sum(verdict_of([arm(0.2), arm(0.25)]).winner == "b" for _ in range(runs))
    assert 0.72 * runs <= found <= 0.88 * runs
