"""Ratings never contradict the decision, and the bounds within a tier are those that agree best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.judge.levels import ROUNDED, agreement, fit_bounds, rate

DIGITS = st.lists(st.floats(0.001, 1.0), min_size=5, max_size=5).map(lambda odds: np.array([odds]) / sum(odds))


@given(DIGITS, st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(0.2, 0.8), st.floats(2.5, 3.5))
def test_a_rating_lies_in_the_tier_that_the_thresholds_choose(
    digits: np.ndarray, disallow: float, review: float, adjacent: float, severe: float
) -> None:
    (rating,) = rate(digits, disallow, review, (adjacent, severe))
    at_least = digits[0, ::-1].cumsum()[::-1]
    tier = {3, 4} if at_least[3] >= disallow else {2} if at_least[2] >= review else {0, 1}
    assert rating in tier


@pytest.mark.parametrize(
    ("digits", "rating"),
    [
        ([0.9, 0.05, 0.03, 0.01, 0.01], 0),
        ([0.6, 0.1, 0.05, 0.2, 0.05], 1),  # most likely 0, but 1.0 expected
        ([0.3, 0.1, 0.5, 0.1, 0.0], 2),
        ([0.2, 0.0, 0.0, 0.7, 0.1], 3),
        ([0.0, 0.0, 0.0, 0.4, 0.6], 4),
    ],
)
def test_levels_by_hand(digits: list[float], rating: int) -> None:
    assert rate(np.array([digits]), 0.5, 0.5).tolist() == [rating]


def test_each_category_has_its_own_thresholds() -> None:
    digits = np.array([[0.5, 0.0, 0.1, 0.4, 0.0]] * 3)
    assert rate(digits, [0.3, 0.6, 0.6], [0.5, 0.5, 0.6]).tolist() == [3, 2, 1]


def test_agreement_is_quadratic_weighted_kappa() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 5, 200)
    rated = np.clip(gold + rng.integers(-2, 3, 200), 0, 4)
    assert agreement(rated, gold) == pytest.approx(sklearn.cohen_kappa_score(gold, rated, weights="quadratic"))
    assert agreement(np.zeros(5), np.zeros(5)) == 0


def test_fitted_bounds_agree_at_least_as_well_as_rounding_and_stay_there_when_nothing_is_gained() -> None:
    rng = np.random.default_rng(1)
    share = rng.uniform(0, 1, (400, 3))  # of the violating ones, how surely they are severe
    digits = np.zeros((400, 3, 5))
    digits[..., 3], digits[..., 4] = 1 - share, share
    digits[:200] = np.eye(5)[0]
    gold = np.where(share >= 0.25, 4, 3)  # severe from an expected 3.25: rounding would ask for 3.5
    gold[:200] = 0
    bounds = fit_bounds(digits, gold)
    assert bounds[1] == pytest.approx(3.25, abs=0.06)
    assert agreement(rate(digits, 0.5, 0.5, bounds), gold) > agreement(rate(digits, 0.5, 0.5), gold)
    sure = np.eye(5)[rng.integers(0, 5, (50, 3))]
    assert fit_bounds(sure, sure.argmax(-1)) == ROUNDED
