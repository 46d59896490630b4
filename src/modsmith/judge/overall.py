"""What a second reader's word "breaks some rule" weighs: the chance that any rule is broken is fitted by itself,

    P(any) = sigmoid(said x log s + heard x (the second reader's logit) + bias)

with s the sum of the calibrated scores, and the scores are drawn to it: each is multiplied by P(any) / min(s, 1). Which
rule it is, the scores say among themselves as before. Where they add up to more than 1 (two rules are broken), the sum
stays above P(any). A logit that raised every category alike would say of each what is true of one.

Shapes: C categories, K = 1 + C outputs of the second reader, of which the first is "any rule".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modsmith.ratings import VIOLATION

LEAST = 1e-4
"""Sums below it count as this: nothing is that certain."""


@dataclass(frozen=True, slots=True)
class Overall:
    """The three numbers of the formula."""

    said: float
    heard: float
    bias: float

    def apply(self, digits: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (..., C, 5) drawn to P(any), by logits (..., K). Ratings below 3 keep their
        proportions, and so do 3 and 4."""
        stated = digits[..., VIOLATION:].sum(-1, keepdims=True)
        total = stated.sum(-2, keepdims=True)
        certain = self.said * _log(total) + self.heard * logits[..., :1, None] + self.bias
        score = stated / np.maximum(np.minimum(total, 1), LEAST) / (1 + np.exp(-certain))
        low = digits[..., :VIOLATION] * (1 - score) / np.maximum(1 - stated, 1e-12)
        high = digits[..., VIOLATION:] * score / np.maximum(stated, 1e-12)
        found = np.concatenate([low, high], axis=-1)
        return np.asarray(found / found.sum(-1, keepdims=True))


def fit_overall(digits: np.ndarray, gold: np.ndarray, logits: np.ndarray) -> Overall | None:
    """Logistic regression on calibrated probabilities `digits` (N, C, 5), ratings `gold` (N, C) and `logits` (N, K).
    `None` where no listing violates, or all do. Deterministic."""
    from sklearn.linear_model import LogisticRegression

    violates = (gold >= VIOLATION).any(1)
    if violates.all() or not violates.any():
        return None
    columns = np.stack([_log(digits[..., VIOLATION:].sum((-1, -2))), logits[:, 0]], axis=1)
    fitted = LogisticRegression(C=10, max_iter=1000).fit(columns, violates)
    said, heard = fitted.coef_[0]
    return Overall(round(float(said), 4), round(float(heard), 4), round(float(fitted.intercept_[0]), 4))


def _log(total: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(total, LEAST)))
