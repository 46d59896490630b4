"""What a suite's verdicts amount to: a table of its slices, and the one number that answers its question.

Most columns are plain metrics of the slice. Three compare a changed listing with its own original, so that they say
what the change did and not how good the system is:

| column | what it is |
|---|---|
| recall_lost | recall on the originals minus recall on their changed versions, over the same listings |
| fpr_gained | false-positive rate on the changed versions minus that on their originals |
| flipped | of the changed versions whose original was rightly disallowed, the share that is not disallowed any more |

An answer that cannot be used is wrong on either side. Intervals come from resampling groups; where nothing at all
changed they are open on the far side, as for every share of 0 (`intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modsmith.evaluation.intervals import LEVEL, Interval, draw_weights, intervals, percentiles
from modsmith.evaluation.metrics import number, replicate
from modsmith.evaluation.outcomes import Array, Outcomes, compare
from modsmith.evaluation.ranks import ratio
from modsmith.evaluation.suites.items import Item
from modsmith.evaluation.suites.registry import Suite
from modsmith.policy import Policy
from modsmith.ratings import Verdict

CHANGES = ("recall_lost", "fpr_gained", "flipped")


def measure_suite(
    suite: Suite, verdicts: Sequence[Verdict], policy: Policy, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """`{"answer": {"value", "low", "high", "n"} | None, "failure_rate": share, "rows": [{"slice", "n", metric: ...}]}`.

    The row "all" leaves the originals of changed listings out, so that it is about the changed ones. Raises
    `ValueError` as `outcomes.compare`.
    """
    items = suite.items
    outcomes = compare([item.example for item in items], verdicts, policy)
    slices = np.array([item.example.slice for item in items])
    derived = np.array([bool(item.origin) for item in items])
    changes = _changes(items, outcomes)
    rows = []
    for name in ["all", *dict.fromkeys(slices.tolist())]:
        picked = np.flatnonzero(slices == name) if name != "all" else np.flatnonzero(derived | ~derived.any())
        row: dict[str, Any] = {"slice": name, "n": len(picked)}
        part = _part(items, verdicts, picked, policy)
        weights = draw_weights(part.groups, resamples, seed)
        plain = [column for column in suite.card.columns if column not in CHANGES]
        found = intervals(part, replicate(part, weights, plain))
        for column in suite.card.columns:
            if column in CHANGES:
                values_N, counted_N = changes[column]
                found[column] = mean_interval(values_N[picked], counted_N[picked], part.group_N, weights)
            row[column] = _json(found[column])
        rows.append(row)
    return {"answer": rows[0][suite.card.answer], "failure_rate": float((~outcomes.answered_N).mean()), "rows": rows}


def _part(items: Sequence[Item], verdicts: Sequence[Verdict], picked: Array, policy: Policy) -> Outcomes:
    return compare([items[n].example for n in picked], [verdicts[n] for n in picked], policy)


def _changes(items: Sequence[Item], outcomes: Outcomes) -> dict[str, tuple[Array, Array]]:
    """Column -> (change of each item (N,), does the item count (N,))."""
    place = {item.example.id: n for n, item in enumerate(items)}
    origin_N = np.array([place.get(item.origin, -1) for item in items])
    derived_N = origin_N >= 0
    said, before = outcomes.predicted_N, outcomes.predicted_N[origin_N]
    gold = outcomes.gold_N
    gone = before.astype(float) - said
    return {
        "recall_lost": (gone, derived_N & gold),
        "fpr_gained": (-gone, derived_N & ~gold),
        "flipped": ((~said).astype(float), derived_N & gold & before),
    }


def mean_interval(values_N: Array, counted_N: Array, group_N: Array, weights_RG: Array) -> Interval:
    """The mean of the counted values, under `draw_weights`' weights of the groups (numbered 0..G-1)."""
    top, bottom = np.zeros((2, weights_RG.shape[1]))
    np.add.at(top, group_N, np.where(counted_N, values_N, 0.0))
    np.add.at(bottom, group_N, counted_N.astype(float))
    drawn = ratio(weights_RG @ top, weights_RG @ bottom)
    value, n = number(drawn[0]), int(counted_N.sum())
    if value is None:
        return Interval(None, None, None, 0)
    groups = int((bottom > 0).sum())
    low, high = percentiles(drawn[1:]) if groups > 1 else (None, None)
    if low is not None and high is not None and not np.ptp(values_N[counted_N]):
        reach = 1 - ((1 - LEVEL) / 2) ** (1 / groups)  # all alike: the bootstrap cannot see beyond its sample
        low, high = (low, value + reach) if value <= 0 else (value - reach, high)
    return Interval(value, low, high, n)


def _json(found: Interval) -> dict[str, Any] | None:
    if found.value is None:
        return None
    low, high = (None if end is None else round(end, 6) for end in (found.low, found.high))
    return {"value": round(found.value, 6), "low": low, "high": high, "n": found.n}
