"""Is one system better than another? Permutation test over groups, and Holm's correction for asking often.

If the two systems were interchangeable, swapping their answers in any group would change nothing but chance. So groups
are swapped at random, some thousand times, and p is the share of shufflings whose difference is at least as large as
the real one, (k + 1) / (R + 1) (Phipson and Smyth 2010). Whole groups are swapped, because the two sides of a twin are
not independent; the metrics are computed by the same code as everywhere else, from both systems' listings laid end to
end with weights 0 and 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modsmith.evaluation.metrics import replicate
from modsmith.evaluation.outcomes import Array, Outcomes

SIGNIFICANT = 0.05
"""A difference whose p, after Holm, is not below this is never called one."""
SHUFFLES = 4999
"""The smallest p is 1 / 5000: small enough to survive Holm's correction over some dozen comparisons."""
_ROWS = 1000
"""Shufflings computed at once."""


def permutation_p(
    metrics: Collection[str], a: Outcomes, b: Outcomes, shuffles: int = SHUFFLES, seed: int = 0
) -> dict[str, float | None]:
    """Metric -> two-sided p; `None` where the difference is undefined or there are fewer than two groups."""
    if a.groups < 2:
        return dict.fromkeys(metrics)
    both = _end_to_end(a, b)
    rng = np.random.default_rng(seed)
    real = _differences(both, np.zeros((1, a.groups), dtype=bool), metrics)
    beyond, defined = dict.fromkeys(metrics, 0), dict.fromkeys(metrics, 0)
    for first in range(0, shuffles, _ROWS):
        swapped = rng.random((min(_ROWS, shuffles - first), a.groups)) < 0.5
        for name, gaps in _differences(both, swapped, metrics).items():
            gaps = gaps[~np.isnan(gaps)]
            defined[name] += len(gaps)
            beyond[name] += int((np.abs(gaps) >= abs(real[name][0]) - 1e-12).sum())
    return {name: None if np.isnan(real[name][0]) else (beyond[name] + 1) / (defined[name] + 1) for name in metrics}


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number (Holm 1979): the k-th smallest of m times (m - k + 1), never decreasing, at
    most 1. `None` stays `None` and is not counted."""
    asked = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    found: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(asked):
        highest = max(highest, min(1.0, (len(asked) - rank) * p))
        found[place] = highest
    return found


def _differences(both: Outcomes, swapped_RG: Array, metrics: Collection[str]) -> dict[str, Array]:
    ours = np.hstack([~swapped_RG, swapped_RG]).astype(float)
    first, second = (replicate(both, weights, metrics) for weights in (ours, 1 - ours))
    return {name: first[name] - second[name] for name in metrics}


def _end_to_end(a: Outcomes, b: Outcomes) -> Outcomes:
    """Both systems' listings as one set of 2 G groups: the first G are answered by `a`, the others by `b`."""
    n = len(a.gold_N)
    arrays: dict[str, Any] = {}
    for name in (
        "kind_N", "answered_N", "gold_N", "predicted_N", "score_N", "uncalibrated_N", "cost_N", "gold_NC", "rated_NC",
        "flagged_NC", "score_NC",
    ):  # fmt: skip
        parts = getattr(a, name), getattr(b, name)
        arrays[name] = None if any(part is None for part in parts) else np.concatenate(parts)
    return replace(
        a,
        groups=2 * a.groups,
        group_N=np.concatenate([a.group_N, b.group_N + a.groups]),
        pairs=[*a.pairs, *((one + n, other + n) for one, other in b.pairs)],
        **arrays,
    )
