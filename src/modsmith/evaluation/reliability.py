"""Do scores mean what they say? Expected calibration error and the reliability curve.

Scores are put into ten bins of equal width. ECE = sum over bins of |sum of scores - number of violating| / n, that is
the gap between stated probability and frequency, weighed by how many listings say so (Naeini 2015; Guo 1706.04599).
An answer that cannot be used is wholly wrong: it adds 1/n, whatever the others do, so that silence never pays. ECE is
biased upwards in small sets: of 100 perfectly calibrated scores it is still some hundredths.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modsmith.evaluation.outcomes import Array

BINS = 10
EDGES = np.linspace(0, 1, BINS + 1)


def bin_columns(score_N: Array, label_N: Array, answered_N: Array) -> dict[str, Array]:
    """What ECE is computed from, per listing: `bin_gap` (N, 10), score minus label in the score's bin, and
    `unanswered` (N,)."""
    place_N = np.clip((np.asarray(score_N) * BINS).astype(int), 0, BINS - 1)
    gaps = np.zeros((len(place_N), BINS))
    gaps[np.arange(len(place_N)), place_N] = np.where(answered_N, score_N - label_N, 0.0)
    return {"bin_gap": gaps, "unanswered": (~answered_N).astype(float)}


def expected_error(score_N: Array, label_N: Array) -> float | None:
    """ECE of answered scores; `None` when there are none."""
    if not len(score_N):
        return None
    columns = bin_columns(score_N, label_N, np.ones(len(score_N), dtype=bool))
    return float(np.abs(columns["bin_gap"].sum(0)).sum() / len(score_N))


def reliability_curve(score_N: Array, label_N: Array) -> dict[str, list[Any]]:
    """Per bin: how many scores fall there, what they say on average, and what share of them violates. The last two are
    `None` for empty bins."""
    place_N = np.clip((np.asarray(score_N) * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(place_N, minlength=BINS)
    said = np.bincount(place_N, weights=score_N, minlength=BINS)
    true = np.bincount(place_N, weights=np.asarray(label_N, dtype=float), minlength=BINS)
    return {
        "edges": EDGES.round(6).tolist(),
        "count": count.tolist(),
        "said": [round(float(s / n), 6) if n else None for s, n in zip(said, count, strict=True)],
        "true": [round(float(t / n), 6) if n else None for t, n in zip(true, count, strict=True)],
    }
