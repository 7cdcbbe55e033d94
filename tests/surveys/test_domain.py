"""Score arithmetic: golden vectors, and properties that hold for any counts."""

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys import domain
from surveys.domain import Category, Counts

amounts = st.integers(min_value=0, max_value=5000)
some_counts = st.builds(Counts, amounts, amounts, amounts)
filled = some_counts.filter(lambda c: c.n > 0)
histograms = st.lists(st.integers(0, 40), min_size=11, max_size=11)


@pytest.mark.parametrize(
    ("promoters", "passives", "detractors", "score"),
    [
        (46, 24, 5, 55),
        (32, 13, 6, 51),
        (1, 0, 0, 100),
        (0, 0, 1, -100),
        (0, 7, 0, 0),
        (1, 199, 0, 1),  # exactly +0.5
        (0, 199, 1, -1),  # exactly -0.5
        (5, 195, 0, 3),  # exactly +2.5
        (0, 195, 5, -3),  # exactly -2.5
    ],
)
def test_score_is_rounded_once_and_half_away_from_zero(promoters, passives, detractors, score):
    assert Counts(promoters, passives, detractors).score == score


def test_no_answers_are_no_data_and_not_zero():
    nothing = Counts()

    assert nothing.score is None
    assert nothing.interval is None
    assert domain.difference(nothing, Counts(1, 1, 1)) is None
    assert domain.mean([0] * 11) is None
    assert domain.median([0] * 11) is None


@pytest.mark.parametrize(("score", "expected"), [(0, "detractor"), (6, "detractor"), (7, "passive"), (8, "passive"),
                                                 (9, "promoter"), (10, "promoter")])  # fmt: skip
def test_categories(score, expected):
    assert domain.category(score) == expected


@pytest.mark.parametrize("score", [-1, 11])
def test_a_score_outside_the_scale_has_no_category(score):
    with pytest.raises(ValueError):
        domain.category(score)


def test_interval_of_a_known_case():
    # By hand: n' = 78, p' = 46.75/78, d' = 5.75/78; 0.525641 ± 1.96·sqrt((0.673077 − 0.276298)/78).
    interval = Counts(46, 24, 5).interval

    assert interval.margin == pytest.approx(13.9790, abs=1e-3)
    assert interval.low == pytest.approx(38.5851, abs=1e-3)
    assert interval.high == pytest.approx(66.5431, abs=1e-3)


def test_a_small_change_is_within_noise_and_a_large_one_is_not():
    small = domain.difference(Counts(239, 161, 87), Counts(245, 155, 80))
    large = domain.difference(Counts(239, 161, 87), Counts(100, 100, 287))

    assert (small.points, small.is_noise) == (-3, True)
    assert (large.points, large.is_noise) == (70, False)


def test_an_account_below_five_people_has_no_nps():
    assert domain.account_nps(Counts(3, 1, 0)) is None
    assert domain.account_nps(Counts(3, 1, 1)) == 40


@given(filled)
def test_score_lies_on_the_scale_and_inside_its_interval(found):
    interval = found.interval

    assert -100 <= found.score <= 100
    assert -100 <= interval.low <= float(found.exact) <= interval.high <= 100


@given(filled)
def test_score_is_within_half_a_point_of_the_exact_value(found):
    assert abs(found.score - found.exact) <= Fraction(1, 2)


@given(filled)
def test_swapping_promoters_and_detractors_turns_the_sign(found):
    turned = Counts(found.detractors, found.passives, found.promoters)

    assert turned.score == -found.score
    assert math.isclose(turned.interval.low, -found.interval.high, abs_tol=1e-9)


@given(filled, st.integers(2, 30))
def test_more_answers_of_the_same_mix_narrow_the_interval(found, factor):
    more = Counts(found.promoters * factor, found.passives * factor, found.detractors * factor)

    assert more.score == found.score
    assert more.interval.margin < found.interval.margin


@given(filled, filled)
def test_difference_is_antisymmetric_and_wider_than_either_side(now, before):
    forth, back = domain.difference(now, before), domain.difference(before, now)

    assert forth.points == -back.points
    assert forth.is_noise == back.is_noise
    assert forth.margin >= max(now.interval.margin, before.interval.margin) - 1e-9


@given(histograms)
def test_histogram_figures_equal_those_of_the_single_answers(histogram):
    scores = [score for score, number in enumerate(histogram) for _ in range(number)]

    assert domain.counts(histogram) == domain.counts_of(scores)
    assert domain.counts(histogram).n == len(scores)
    if scores:
        assert domain.mean(histogram) == pytest.approx(statistics.mean(scores))
        assert domain.median(histogram) == statistics.median(scores)


@given(filled)
def test_shares_add_up(found):
    assert sum(found.share(name) for name in Category) == pytest.approx(100)
