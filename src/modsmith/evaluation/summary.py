"""The summary: one JSON-ready dict with everything the evaluation found. `report.write_report` tells it to people.

    {"provenance": {...},
     "fpr_limit": share of allowed listings that may be flagged in `recall_at_fpr`,
     "data": {"examples", "groups", "violating", "kinds": {kind: n}, "by_category": {category: gold listings rated >= 3}},
     "systems": {name: {
        "from": {"system", "data"},
        "metrics": {metric: {"value", "low", "high", "n"} | None},
        "per_category": {category: {metric: {"value", "low", "high", "n"} | None, ..., "support": n}},
        "confusion": {"tp", "fp", "fn", "tn"},
        "rating_confusion": 5 x 5 (gold x predicted) | None,
        "score_histogram": {"edges", "allowed", "violating"} | None,
        "reliability": {"edges", "count", "said", "true"} | None,
        "before_calibration": {"ece": {"value", "low", "high", "n"}, "reliability": {...}} | None}},
     "paired": [{"from", "a", "b", "metric", "difference", "low", "high", "p", "p_holm"}]}

`run` adds `suites`, `compare`, `acceptance`, `not_run`, every shown system's `mistakes`, and the `items` they point to (see
`suites.measure`, `side_by_side`, `gate`, `mistakes`).
`from` names entries of the provenance (`provenance`); `n` is how many listings, pairs or cells a number is computed from.
What is undefined or not reported is `None`. Numbers are rounded to six decimals.
"""  # noqa: E501 - the schema

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.evaluation.intervals import (
    Interval,
    base_rate_interval,
    category_intervals,
    difference,
    draw_weights,
    intervals,
)
from modsmith.evaluation.judged import CORPUS
from modsmith.evaluation.metrics import confusion, rating_confusion, replicate
from modsmith.evaluation.outcomes import Array, Outcomes, compare
from modsmith.evaluation.paired import holm, permutation_p
from modsmith.evaluation.probes import BASELINES
from modsmith.evaluation.ranks import FPR_LIMIT
from modsmith.evaluation.reliability import reliability_curve
from modsmith.policy import Policy
from modsmith.ratings import Verdict

BINS = 20
PAIRED_METRICS = ("f1", "recall", "fpr", "twin_accuracy", "near_miss_fpr")
"""What chosen pairs of systems are compared in. `p_holm` is corrected for all comparisons of the summary together."""


@dataclass(frozen=True, slots=True)
class _System:
    outcomes: Outcomes
    replicates: Mapping[str, Array]


def summarise(
    systems: Mapping[str, list[Verdict]],
    examples: Sequence[Example],
    policy: Policy,
    provenance: dict[str, Any],
    resamples: int = 1000,
    seed: int = 0,
    base_rate: float | None = None,
    fpr_limit: float = FPR_LIMIT,
) -> dict[str, Any]:
    """Measure every system on the same examples and the same resamples. `provenance` is kept as given. With a
    `base_rate` (share of disallowed listings in the customer's traffic, 0..1) there is a `precision_at_base` too;
    `recall_at_fpr` is read where the share `fpr_limit` of allowed listings is flagged.

    Raises `ValueError` when there is no system, and as `outcomes.compare`, naming the system.
    """
    if not systems:
        raise ValueError("there are no systems to summarise")
    groups = len({example.group for example in examples})
    weights_RG = draw_weights(groups, resamples, seed) if groups else np.ones((1, 0))
    measured: dict[str, _System] = {}
    for name, verdicts in systems.items():
        try:
            outcomes = compare(examples, verdicts, policy)
        except ValueError as error:
            raise ValueError(f"system {name!r}: {error}") from error
        measured[name] = _System(outcomes, replicate(outcomes, weights_RG, fpr_limit=fpr_limit))
    first = next(iter(measured.values())).outcomes
    return {
        "provenance": provenance,
        "fpr_limit": fpr_limit,
        "data": {
            "examples": len(examples),
            "groups": groups,
            "violating": int(first.violates_NC.any(1).sum()),
            "kinds": dict(Counter(example.kind for example in examples)),
            "by_category": dict(zip(first.categories, first.violates_NC.sum(0).tolist(), strict=True)),
        },
        "systems": {
            name: _describe(name, system, weights_RG, base_rate, fpr_limit) for name, system in measured.items()
        },
        "paired": _paired(measured, seed),
    }


def _describe(
    name: str, system: _System, weights_RG: Array, base_rate: float | None, fpr_limit: float
) -> dict[str, Any]:
    outcomes = system.outcomes
    at_base = {} if base_rate is None else {"precision_at_base": base_rate_interval(outcomes, weights_RG, base_rate)}
    support = outcomes.violates_NC.sum(0).tolist()
    return {
        "from": {"system": name, "data": CORPUS},
        "metrics": {
            metric: _json(found) for metric, found in (intervals(outcomes, system.replicates) | at_base).items()
        },
        "per_category": {
            category: {metric: _json(interval) for metric, interval in found.items()} | {"support": count}
            for (category, found), count in zip(
                category_intervals(outcomes, weights_RG, fpr_limit).items(), support, strict=True
            )
        },
        "confusion": confusion(outcomes),
        "rating_confusion": rating_confusion(outcomes),
        "score_histogram": _histogram(outcomes),
        "reliability": _reliability(outcomes, outcomes.score_N),
        "before_calibration": _before_calibration(outcomes, weights_RG),
    }


def _json(interval: Interval) -> dict[str, Any] | None:
    if interval.value is None:
        return None
    low, high = _round(interval.low), _round(interval.high)
    return {"value": _round(interval.value), "low": low, "high": high, "n": interval.n}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _histogram(outcomes: Outcomes) -> dict[str, list[Any]] | None:
    """Decision scores by binary label, unparsed answers left out; `None` for systems without scores."""
    if outcomes.score_N is None:
        return None
    edges = np.linspace(0, 1, BINS + 1)
    counts = [
        np.histogram(outcomes.score_N[outcomes.answered_N & side], edges)[0].tolist()
        for side in (~outcomes.gold_N, outcomes.gold_N)
    ]
    return {"edges": edges.round(6).tolist(), "allowed": counts[0], "violating": counts[1]}


def _reliability(outcomes: Outcomes, score_N: Array | None) -> dict[str, list[Any]] | None:
    """The reliability curve of decision scores, unparsed answers left out; `None` for systems without scores."""
    if score_N is None:
        return None
    return reliability_curve(score_N[outcomes.answered_N], outcomes.gold_N[outcomes.answered_N])


def _before_calibration(outcomes: Outcomes, weights_RG: Array) -> dict[str, Any] | None:
    """ECE and reliability curve of the scores as the model gave them; `None` where nothing was calibrated."""
    if outcomes.uncalibrated_N is None:
        return None
    raw = replace(outcomes, score_N=outcomes.uncalibrated_N)
    ece = intervals(raw, replicate(raw, weights_RG, ["ece"]))["ece"]
    return {"ece": _json(ece), "reliability": _reliability(raw, raw.score_N)}


def _paired(measured: Mapping[str, _System], seed: int) -> list[dict[str, Any]]:
    """The best model (highest F1) against every other model, then every model against bag of words (against the best
    probe, where bag of words was not run), and in F1 against every other probe."""
    f1 = {name: float(np.nan_to_num(system.replicates["f1"][0], nan=-1.0)) for name, system in measured.items()}
    ranked = sorted(measured, key=lambda name: -f1[name])
    models = [name for name in ranked if name not in BASELINES]
    probes = [name for name in ranked if name in BASELINES]
    base = "bag of words" if "bag of words" in measured else probes[0] if probes else None
    asked: list[tuple[str, str, tuple[str, ...]]] = []
    asked += [(models[0], other, PAIRED_METRICS) for other in models[1:]]
    asked += [(name, base, PAIRED_METRICS) for name in models if base is not None]
    asked += [(name, probe, PAIRED_METRICS[:1]) for name in models for probe in probes if probe != base]
    rows: list[dict[str, Any]] = []
    for a, b, metrics in asked:
        ours, theirs = measured[a], measured[b]
        chance = permutation_p(metrics, ours.outcomes, theirs.outcomes, seed=seed)
        for metric in metrics:
            gap = difference(metric, ours.outcomes, theirs.outcomes, ours.replicates, theirs.replicates, chance[metric])
            rows.append(
                {
                    "from": {"systems": [a, b], "data": CORPUS},
                    "a": a,
                    "b": b,
                    "metric": metric,
                    "difference": _round(gap.value),
                    "low": _round(gap.low),
                    "high": _round(gap.high),
                    "p": _round(gap.p),
                }
            )
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = _round(corrected)
    return rows
