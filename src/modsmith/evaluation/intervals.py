"""Intervals and paired tests: the bootstrap over groups.

Listings of one group were written together (the two sides of a twin), so groups are resampled, never listings: each
resample gives every group a weight from a multinomial(G, 1/G), and the metric is computed from the weighted sums. All
resamples are one matrix product; metrics of a ranking use the same resamples, by weighted ranks.

Intervals are percentile intervals (Efron). A resample in which the metric is undefined is left out. There is no
interval (`None`) with fewer than two groups or when half of the resamples or more leave the metric undefined.
The bootstrap cannot see beyond its sample: a share of exactly 0 or 1 (and an F1) would get an interval of no width.
There the open end is the exact binomial one with whole groups as trials, (alpha/2)^(1/g) (Clopper and Pearson). Kappa,
MCC, ranks and means keep the bootstrap's interval even there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modsmith.corpus import Example
from modsmith.evaluation.metrics import (
    BINARY,
    CATEGORY_COUNTED,
    CATEGORY_METRICS,
    COUNTED,
    METRICS,
    Formula,
    Share,
    category_sums,
    group_sums,
    number,
    precision_at,
    replicate,
    replicate_categories,
    weigh,
)
from modsmith.evaluation.outcomes import Array, Outcomes, compare
from modsmith.evaluation.paired import permutation_p
from modsmith.evaluation.ranks import FPR_LIMIT
from modsmith.policy import Policy
from modsmith.ratings import Verdict

LEVEL = 0.95
"""Coverage that the intervals aim at."""
JACCARD = Share(("tp",), ("tp", "fp", "fn"))
"""The share that F1 is a function of: 2 J / (1 + J)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval; all `None` when the value is undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """How many listings, pairs of twins or (listing, category) cells the value is computed from."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`a - b` of one metric on the same items."""

    metric: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    """Two-sided p of the permutation test over groups (`paired`)."""
    mcnemar_p: float
    """Exact McNemar test on binary correctness, whatever the metric. It takes listings as independent, which twins are
    not: where the two disagree, believe `p`."""


def bootstrap(
    examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy, resamples: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Every metric of `metrics.METRICS` with its interval. Deterministic. Raises `ValueError` as `outcomes.compare`."""
    outcomes = compare(examples, verdicts, policy)
    weights_RG = draw_weights(outcomes.groups, resamples, seed)
    return intervals(outcomes, replicate(outcomes, weights_RG))


def bootstrap_categories(
    examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """Category -> its `metrics.CATEGORY_METRICS` with their intervals, from the same resamples as `bootstrap`."""
    outcomes = compare(examples, verdicts, policy)
    return category_intervals(outcomes, draw_weights(outcomes.groups, resamples, seed))


def paired_difference(
    a: Sequence[Verdict],
    b: Sequence[Verdict],
    examples: Sequence[Example],
    policy: Policy,
    metric: str = "f1",
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """The difference `a - b` of one metric, with both systems measured on the same resampled groups.

    Raises `ValueError` for an unknown metric and as `outcomes.compare`.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; the metrics are {', '.join(METRICS)}")
    ours, theirs = compare(examples, a, policy), compare(examples, b, policy)
    weights_RG = draw_weights(ours.groups, resamples, seed)
    p = permutation_p([metric], ours, theirs, seed=seed)[metric]
    return difference(metric, ours, theirs, replicate(ours, weights_RG), replicate(theirs, weights_RG), p)


def mcnemar(a: Outcomes, b: Outcomes) -> float:
    """Exact McNemar p, two-sided: binomial test of the listings that only one of the two gets right against 1/2."""
    from scipy.stats import binomtest

    only_a, only_b = int((a.right_N & ~b.right_N).sum()), int((b.right_N & ~a.right_N).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


# --- the parts, for callers that reuse resamples ----------------------------------------------------------------------


def draw_weights(groups: int, resamples: int, seed: int) -> Array:
    """Group weights (R + 1, G). Row 0 is all ones, the sample itself: replicates carry their own value."""
    drawn = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return np.vstack([np.ones(groups), drawn])


def intervals(outcomes: Outcomes, replicates: Mapping[str, Array]) -> dict[str, Interval]:
    """Intervals from the replicates of `draw_weights`' rows."""
    sums = group_sums(outcomes)
    return {name: _interval(values, COUNTED.get(name), sums, outcomes) for name, values in replicates.items()}


def category_intervals(
    outcomes: Outcomes, weights_RG: Array, fpr_limit: float = FPR_LIMIT
) -> dict[str, dict[str, Interval]]:
    """Category -> metric -> interval, under the weights of `draw_weights`."""
    found: dict[str, dict[str, Interval]] = {}
    replicates = replicate_categories(outcomes, weights_RG, fpr_limit)
    for c, name in enumerate(outcomes.categories):
        sums = category_sums(outcomes, c)
        found[name] = {
            metric: _interval(replicates[name][metric], CATEGORY_COUNTED.get(metric), sums, outcomes)
            for metric in CATEGORY_METRICS
        }
    return found


def difference(
    metric: str,
    a: Outcomes,
    b: Outcomes,
    replicates_a: Mapping[str, Array],
    replicates_b: Mapping[str, Array],
    p: float | None,
) -> Difference:
    """The paired difference, from replicates under the same weights and the p of `paired.permutation_p`."""
    gaps = replicates_a[metric] - replicates_b[metric]
    value, drawn = number(gaps[0]), gaps[1:]
    low, high = percentiles(drawn) if value is not None and a.groups > 1 else (None, None)
    return Difference(metric, value, low, high, p, mcnemar(a, b))


def base_rate_interval(outcomes: Outcomes, weights_RG: Array, base_rate: float) -> Interval:
    """Precision at `base_rate` (`metrics.precision_at`). Where no allowed listing was flagged, the lower end takes the
    FPR's exact upper bound: a hundred listings without a false alarm do not prove a precision of 1 at one in a
    thousand."""
    formula, sums = precision_at(base_rate), group_sums(outcomes)
    found = _interval(formula(weigh(sums, weights_RG)), formula, sums, outcomes)
    fpr = _interval(BINARY["fpr"](weigh(sums, weights_RG)), BINARY["fpr"], sums, outcomes)
    if found.low is None or fpr.value != 0 or fpr.high is None:
        return found
    recall = float(BINARY["recall"](weigh(sums, weights_RG[:1]))[0]) * base_rate
    return replace(found, low=recall / (recall + fpr.high * (1 - base_rate)))


def percentiles(drawn: Array) -> tuple[float | None, float | None]:
    """Both ends of the percentile interval, or none when half of the values or more are undefined."""
    defined = drawn[~np.isnan(drawn)]
    if 2 * len(defined) <= len(drawn):
        return None, None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _interval(
    values: Array, metric: Share | Formula | None, per_group: Mapping[str, Array], outcomes: Outcomes
) -> Interval:
    """`metric` is `None` for the ranking metrics, which are computed from all listings."""
    value = number(values[0])
    totals = {name: counts.sum(0, keepdims=True) for name, counts in per_group.items()}
    n = len(outcomes.gold_N) if metric is None else int(metric.units(totals)[0])
    if value is None:
        return Interval(None, None, None, 0 if metric is None else n)
    low, high = percentiles(values[1:]) if outcomes.groups > 1 else (None, None)
    share = JACCARD if metric is BINARY["f1"] else metric
    if low is not None and high is not None and isinstance(share, Share) and value in (0, 1):
        reach = ((1 - LEVEL) / 2) ** (1 / int(np.count_nonzero(share.units(per_group))))
        bend = _f1_of_jaccard if share is JACCARD else float
        low, high = (bend(reach), high) if value == 1 else (low, bend(1 - reach))
    return Interval(value, low, high, n)


def _f1_of_jaccard(share: float) -> float:
    return 2 * share / (1 + share)
