"""Metrics of a ranking: how well do scores put what violates above what does not, whatever the threshold?

They are not functions of counts, so the bootstrap computes them from weighted ranks: the listings are sorted once, and
each resample only weighs them anew.

| metric | what it is |
|---|---|
| auroc | share of (violating, allowed) pairs in the right order, ties half |
| auprc | average precision, sum (R_k - R_k-1) P_k over the distinct scores |
| recall_at_fpr | highest recall of any threshold that flags at most a given share of the allowed; 0 when none does |

Shape suffixes: R weightings (resamples), N listings, G groups.
"""

from __future__ import annotations

import numpy as np

from modsmith.evaluation.outcomes import Array, Outcomes

RANKING = ("auroc", "auprc", "recall_at_fpr")
FPR_LIMIT = 0.05
"""The false-positive rate at which recall is read, unless another is asked for."""
CHUNK = 1_000_000
"""Weights (resamples x listings) ranked at once: bounds memory to some tens of megabytes."""


def ratio(top: Array, bottom: Array) -> Array:
    """`top / bottom`, NaN where there is nothing to divide by."""
    top, bottom = np.broadcast_arrays(np.asarray(top, float), np.asarray(bottom, float))
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def rank_metrics(
    outcomes: Outcomes, score_N: Array | None, label_N: Array, weights_RG: Array, fpr_limit: float = FPR_LIMIT
) -> dict[str, Array]:
    """`RANKING` (R,) under R weightings of the groups; NaN without scores or without both classes."""
    if score_N is None:
        return {name: np.full(len(weights_RG), np.nan) for name in RANKING}
    rows = max(1, CHUNK // len(score_N))
    order = np.argsort(score_N, kind="stable")
    starts = np.flatnonzero(np.diff(score_N[order], prepend=-np.inf) > 0)  # one bin per distinct score
    chunks = []
    for first in range(0, len(weights_RG), rows):
        weights_RN = weights_RG[first : first + rows, outcomes.group_N[order]]
        positive = np.add.reduceat(weights_RN * label_N[order], starts, axis=1)
        negative = np.add.reduceat(weights_RN * ~label_N[order], starts, axis=1)
        chunks.append(_of_bins(positive, negative, fpr_limit))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in RANKING}


def _of_bins(positive: Array, negative: Array, fpr_limit: float) -> dict[str, Array]:
    """From the weight of each class in every bin of equal scores, lowest score first (R, bins)."""
    positives, negatives = positive.sum(1), negative.sum(1)
    below = negative.cumsum(1) - negative / 2
    hits, alarms = positive[:, ::-1].cumsum(1), negative[:, ::-1].cumsum(1)  # at and above each score, highest first
    precision = np.nan_to_num(ratio(hits, hits + alarms))
    average = ratio((positive[:, ::-1] * precision).sum(1), positives)
    affordable = alarms <= fpr_limit * negatives[:, None] + 1e-9
    recall = ratio(np.where(affordable, hits, 0.0).max(1), positives)
    both = negatives > 0
    return {
        "auroc": ratio((positive * below).sum(1), positives * negatives),
        "auprc": np.where(both, average, np.nan),
        "recall_at_fpr": np.where(both, recall, np.nan),
    }
