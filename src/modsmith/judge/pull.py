"""How far the second reader's word moves the language model's: the log-odds of a rating of 3 or more in a category by

    own x (its logit of the category)

one number for all categories, fitted together with the calibration (logistic stacking, Wolpert 1992). Its word on all
rules together comes later (`overall`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modsmith.ratings import VIOLATION


@dataclass(frozen=True, slots=True)
class Pull:
    """The weight."""

    own: float

    def apply(self, log_digits: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Log-probabilities (..., C, 5) moved by logits (..., 1 + C) of the second reader. Ratings below 3 keep their
        proportions, and so do 3 and 4."""
        moved = np.array(log_digits, dtype=float)
        moved[..., VIOLATION:] += self.own * logits[..., 1:, None]
        top = moved.max(-1, keepdims=True)
        return np.asarray(moved - top - np.log(np.exp(moved - top).sum(-1, keepdims=True)))


def fit_pull(log_digits: np.ndarray, gold: np.ndarray, logits: np.ndarray, ridge: float = 1e-4) -> Pull:
    """The weight of most likelihood over all (listing, category) cells, beside a temperature and a bias for each
    rating, which `calibration` fits anew behind them. `log_digits` (N, C, 5), `gold` (N, C) ratings, `logits`
    (N, 1 + C). Deterministic."""
    from scipy.optimize import minimize

    wanted = gold.astype(int)[..., None]

    def loss(parameters: np.ndarray) -> float:
        temperature, bias, pull = np.exp(parameters[0]), parameters[1:5], Pull(parameters[5])
        scaled = pull.apply(log_digits / temperature + np.array([0.0, *bias]), logits)
        return float(-np.take_along_axis(scaled, wanted, -1).mean() + ridge * (parameters**2).mean())

    best = minimize(loss, np.zeros(6), method="L-BFGS-B").x
    return Pull(round(float(best[5] * np.exp(best[0])), 4))
