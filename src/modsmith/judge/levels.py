"""Ratings from calibrated probabilities: what is decided gives the tier, what is expected gives the level within it.

| tier | when | ratings |
|---|---|---|
| violating | P(rating >= 3) reaches the category's `disallow` threshold | 3, or 4 from an expected rating of `severe` |
| doubtful | else, P(rating >= 2) reaches its `review` threshold | 2 |
| allowed | else | 0, or 1 from an expected rating of `adjacent` |

So a rating never contradicts its category's decision. Within a tier the expected rating, sum of level x P(level), says
more than the likeliest level: with one category in nine above 0, the likeliest is nearly always 0. Where the two bounds
lie is fitted beside the calibration, by quadratic weighted kappa, since expected values are drawn towards the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from modsmith.ratings import BORDERLINE, SEVERE, VIOLATION

Bounds = tuple[float, float]
"""`(adjacent, severe)`: from which expected rating an allowed category is rated 1, and a violating one 4."""
ROUNDED: Bounds = (0.5, 3.5)
"""Expected ratings rounded to the nearest level: the bounds of a model without any of its own."""
_TRIED = [(low / 10, high / 10) for low, high in product(range(2, 9), range(25, 36))]


def rate(
    digits: np.ndarray, disallow: Sequence[float] | float, review: Sequence[float] | float, bounds: Bounds = ROUNDED
) -> np.ndarray:
    """Probabilities (..., C, 5) to ratings (..., C), by thresholds of each category (or one for all). What is not a
    number is doubtful."""
    at_least = digits[..., ::-1].cumsum(-1)[..., ::-1]
    expected = at_least[..., 1:].sum(-1)
    adjacent, severe = bounds
    return np.where(
        at_least[..., VIOLATION] >= np.asarray(disallow),
        np.where(expected >= severe, SEVERE, VIOLATION),
        np.where(
            (at_least[..., BORDERLINE] >= np.asarray(review)) | np.isnan(expected),
            BORDERLINE,
            (expected >= adjacent).astype(int),
        ),
    )


def fit_bounds(digits: np.ndarray, gold: np.ndarray) -> Bounds:
    """The bounds with the best `agreement` of ratings from `digits` (N, C, 5) with `gold` (N, C), tiers split at a
    half. Of equally good ones those nearest to plain rounding."""

    def badness(bounds: Bounds) -> tuple[float, float]:
        distance = sum(abs(one - rounded) for one, rounded in zip(bounds, ROUNDED, strict=True))
        return -round(agreement(rate(digits, 0.5, 0.5, bounds), gold), 6), distance

    return min(_TRIED, key=badness)


def agreement(rated: np.ndarray, gold: np.ndarray) -> float:
    """Quadratic weighted kappa of all cells: 1 - mean (r - g)^2 / its mean were r and g independent. 0 where neither
    varies."""
    by_chance = rated.var() + gold.var() + (rated.mean() - gold.mean()) ** 2
    return float(1 - ((rated - gold) ** 2).mean() / by_chance) if by_chance else 0.0
