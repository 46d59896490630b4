"""Metrics: pure functions of examples, verdicts and a policy.

Everything that is a count is summed per group first, and every metric is a formula over weighted sums of those counts.
Weights of one give the value; the bootstrap's weights give a thousand values from the same formula. Metrics of a
ranking are not functions of counts and live in `ranks`.

The binary task asks "is this listing disallowed?" (`outcomes.gold_disallowed`, `Policy.is_disallowed`). Answers that do
not parse are wrong (`outcomes`). What is undefined, because no listing of that sort exists or because the system does
not report it, is `None`, never 0.

| metric | what it is |
|---|---|
| precision, recall, f1, fpr, accuracy | of the binary task; f1, like recall, is `None` without disallowed gold |
| kappa | Cohen's: (p_o - p_e) / (1 - p_e) of the binary task |
| mcc | Matthews: (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)); `None` when a factor is 0 |
| twin_accuracy | share of complete twin pairs with both sides right |
| pair_accuracy | share of twin pairs with opposite labels whose disallowed side has the higher decision score; a tie is half, an unparsed side wrong |
| near_miss_fpr, ordinary_fpr | share of allowed listings of that kind that are called disallowed |
| severity_kappa | quadratic weighted kappa over all (listing, category) cells: 1 - sum w O / sum w E, w_ij = (i - j)^2 / 16, O the 5 x 5 counts gold x predicted, E the outer product of its margins over n; unparsed answers left out |
| severity_mae, severity_mae_nonzero | mean distance of the ratings over the same cells, and over those whose gold is above 0 |
| parse_rate | share of answers that can be used; `None` for decision-only systems, which write no answer |
| failure_rate | share of answers that cannot be used, for every kind of system: each of them counts as wrong |
| auroc, auprc, recall_at_fpr | of the decision score against the binary label: see `ranks` |
| ece | of the decision score against the binary label: see `reliability` |
| brier | mean (decision score - binary label)^2; a score P(rating >= 3) is only fair to judge by it when review does not count as disallowed |
| cost_error | cost of all mistakes by the policy's category costs, over the number of listings |
| top_category | of disallowed gold: is the category rated highest (ties: higher score, then policy order) one with the highest gold rating? All zeros and unparsed answers are wrong |

The decision score is P(any category), the sum of the category scores up to 1, or the system's own P(disallowed) where
it models the decision.
"""  # noqa: E501 - table rows

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modsmith.corpus import Example
from modsmith.evaluation.outcomes import Array, Outcomes, compare
from modsmith.evaluation.ranks import FPR_LIMIT, RANKING, rank_metrics, ratio
from modsmith.evaluation.reliability import BINS, bin_columns
from modsmith.policy import Policy
from modsmith.ratings import LEVELS, Verdict

Sums = Mapping[str, Array]
"""Name -> (R, ...): the counts of `group_sums`, weighted and added up, for R weightings of the groups."""
_QUADRATIC = np.subtract.outer(LEVELS, LEVELS) ** 2 / 16
_DISTANCE = np.abs(np.subtract.outer(LEVELS, LEVELS))


@dataclass(frozen=True, slots=True)
class Share:
    """A metric that is a share of countable things: a sum of `hits` over a sum of `of`, both names of counts."""

    hits: tuple[str, ...]
    of: tuple[str, ...]

    def __call__(self, sums: Sums) -> Array:
        return ratio(self.top(sums), self.units(sums))

    def top(self, sums: Sums) -> Array:
        return np.sum([sums[name] for name in self.hits], axis=0)

    def units(self, sums: Sums) -> Array:
        return np.sum([sums[name] for name in self.of], axis=0)


@dataclass(frozen=True, slots=True)
class Formula:
    """Any other function of the sums, with the number of things it is computed from."""

    value: Callable[[Sums], Array]
    units: Callable[[Sums], Array]

    def __call__(self, sums: Sums) -> Array:
        return self.value(sums)


def _f1(sums: Sums) -> Array:
    found = ratio(2 * sums["tp"], 2 * sums["tp"] + sums["fp"] + sums["fn"])
    return np.where(sums["tp"] + sums["fn"] > 0, found, np.nan)


def _kappa(sums: Sums) -> Array:
    tp, fp, fn, tn = (sums[name] for name in ("tp", "fp", "fn", "tn"))
    n = tp + fp + fn + tn
    agreed, chance = (tp + tn) * n, (tp + fp) * (tp + fn) + (tn + fp) * (tn + fn)
    return ratio(agreed - chance, n * n - chance)


def _mcc(sums: Sums) -> Array:
    tp, fp, fn, tn = (sums[name] for name in ("tp", "fp", "fn", "tn"))
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _ece(sums: Sums) -> Array:
    return ratio(np.abs(sums["bin_gap"]).sum(-1) + sums["unanswered"], sums["scored"])


def precision_at(base_rate: float) -> Formula:
    """Precision where the share `base_rate` (0..1) of listings is disallowed, from recall and FPR measured here:
    r b / (r b + f (1 - b)). A test set holds far more violations than a shop, and precision moves with that share."""

    def value(sums: Sums) -> Array:
        recall, fpr = BINARY["recall"](sums), BINARY["fpr"](sums)
        return ratio(recall * base_rate, recall * base_rate + fpr * (1 - base_rate))

    return Formula(value, _listings)


def _severity_kappa(sums: Sums) -> Array:
    cells = sums["cells"]  # (R, 5, 5)
    chance = np.einsum("ri,rj->rij", cells.sum(-1), cells.sum(-2))
    n = cells.sum((-1, -2))
    return 1 - ratio((_QUADRATIC * cells).sum((-1, -2)) * n, (_QUADRATIC * chance).sum((-1, -2)))


def _severity_mae(sums: Sums, lowest_gold: int = 0) -> Array:
    cells = sums["cells"][..., lowest_gold:, :]
    return ratio((_DISTANCE[lowest_gold:] * cells).sum((-1, -2)), cells.sum((-1, -2)))


_ALL = ("tp", "fp", "fn", "tn")


def _listings(sums: Sums) -> Array:
    return np.sum([sums[name] for name in _ALL], axis=0)


BINARY: dict[str, Share | Formula] = {
    "precision": Share(("tp",), ("tp", "fp")),
    "recall": Share(("tp",), ("tp", "fn")),
    "f1": Formula(_f1, _listings),
    "fpr": Share(("fp",), ("fp", "tn")),
    "accuracy": Share(("tp", "tn"), _ALL),
    "kappa": Formula(_kappa, _listings),
    "mcc": Formula(_mcc, _listings),
}
COUNTED: dict[str, Share | Formula] = BINARY | {
    "twin_accuracy": Share(("twins_right",), ("twins",)),
    "pair_accuracy": Share(("pairs_ranked",), ("pairs",)),
    "near_miss_fpr": Share(("near_miss_flagged",), ("near_miss",)),
    "ordinary_fpr": Share(("ordinary_flagged",), ("ordinary",)),
    "severity_kappa": Formula(_severity_kappa, lambda sums: sums["cells"].sum((-1, -2))),
    "severity_mae": Formula(_severity_mae, lambda sums: sums["cells"].sum((-1, -2))),
    "severity_mae_nonzero": Formula(
        lambda sums: _severity_mae(sums, lowest_gold=1), lambda sums: sums["cells"][..., 1:, :].sum((-1, -2))
    ),
    "parse_rate": Share(("parsed",), ("answers",)),
    "failure_rate": Share(("failed",), _ALL),
    "ece": Formula(_ece, lambda sums: sums["scored"]),
    "brier": Formula(lambda sums: ratio(sums["squared_error"], sums["scored"]), lambda sums: sums["scored"]),
    "cost_error": Formula(lambda sums: ratio(sums["cost"], _listings(sums)), _listings),
    "top_category": Share(("top_right",), ("top",)),
}
CATEGORY_COUNTED = BINARY | {"ece": COUNTED["ece"]}
METRICS = (*COUNTED, *RANKING)
"""Every overall metric, by name."""
CATEGORY_METRICS = (
    "precision", "recall", "f1", "fpr", "kappa", "mcc", "ece", "auroc", "auprc", "recall_at_fpr",
)  # fmt: skip
"""Every metric of one category's question "rating >= 3?"."""


def measure(examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy) -> dict[str, float | None]:
    """Every metric of `METRICS`; `None` where undefined. Raises `ValueError` as `outcomes.compare`."""
    outcomes = compare(examples, verdicts, policy)
    return {name: number(values[0]) for name, values in replicate(outcomes, np.ones((1, outcomes.groups))).items()}


def measure_categories(
    examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy
) -> dict[str, dict[str, float | None]]:
    """Category -> its `CATEGORY_METRICS` and `support` (gold listings rated >= 3). A category is predicted when its
    score reaches its threshold, or, without scores, when it is rated >= 3; an unparsed answer is wrong in each."""
    outcomes = compare(examples, verdicts, policy)
    support = outcomes.violates_NC.sum(0)
    found = replicate_categories(outcomes, np.ones((1, outcomes.groups)))
    return {
        name: {metric: number(values[0]) for metric, values in found[name].items()} | {"support": int(support[c])}
        for c, name in enumerate(outcomes.categories)
    }


HELD_OUT = ("f1", "precision", "recall", "fpr", "twin_accuracy", "auroc", "severity_kappa", "parse_rate")


def score_held_out(examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy) -> dict[str, float]:
    """What a training run logs of its held-out examples. "score", which the best checkpoint is chosen by, is
    1 - `cost_error`; `HELD_OUT` stands beside it, without the metrics that are undefined."""
    found = measure(examples, verdicts, policy)
    cost = found["cost_error"]
    assert cost is not None, "every listing has a cost, 0 or more"
    return {"score": 1 - cost} | {name: value for name in HELD_OUT if (value := found[name]) is not None}


def confusion(outcomes: Outcomes) -> dict[str, int]:
    """tp, fp, fn, tn of the binary task."""
    gold, predicted = outcomes.gold_N, outcomes.predicted_N
    cells = (gold & predicted, ~gold & predicted, gold & ~predicted, ~gold & ~predicted)
    return {name: int(cell.sum()) for name, cell in zip(_ALL, cells, strict=True)}


def rating_confusion(outcomes: Outcomes) -> list[list[int]] | None:
    """5 x 5 counts of (listing, category) cells, gold in rows, predicted in columns; unparsed answers left out.
    `None` for systems that give no ratings."""
    if outcomes.rated_NC is None:
        return None
    counts: list[list[int]] = _cells(outcomes).sum(0).tolist()
    return counts


def number(value: float) -> float | None:
    """A plain float; `None` for NaN."""
    return None if np.isnan(value) else float(value)


# --- sums -------------------------------------------------------------------------------------------------------------


def replicate(
    outcomes: Outcomes, weights_RG: Array, names: Collection[str] = METRICS, fpr_limit: float = FPR_LIMIT
) -> dict[str, Array]:
    """The metrics `names` (R,) under R weightings of the groups; NaN where undefined. `recall_at_fpr` is read at
    `fpr_limit`."""
    sums = weigh(group_sums(outcomes), weights_RG)
    found = {name: metric(sums) for name, metric in COUNTED.items() if name in names}
    if any(name in RANKING for name in names):
        found |= rank_metrics(outcomes, outcomes.score_N, outcomes.gold_N, weights_RG, fpr_limit)
    return {name: found[name] for name in names}


def replicate_categories(
    outcomes: Outcomes, weights_RG: Array, fpr_limit: float = FPR_LIMIT
) -> dict[str, dict[str, Array]]:
    """Category -> its metrics (R,) under R weightings of the groups, as `replicate`."""
    found = {}
    for c, name in enumerate(outcomes.categories):
        sums = weigh(category_sums(outcomes, c), weights_RG)
        score_N = None if outcomes.score_NC is None else outcomes.score_NC[:, c]
        values = {metric: formula(sums) for metric, formula in CATEGORY_COUNTED.items()}
        values |= rank_metrics(outcomes, score_N, outcomes.violates_NC[:, c], weights_RG, fpr_limit)
        found[name] = {metric: values[metric] for metric in CATEGORY_METRICS}
    return found


def weigh(per_group: Mapping[str, Array], weights_RG: Array) -> dict[str, Array]:
    """Weighted sums (R, ...) of counts per group (G, ...)."""
    return {name: np.tensordot(weights_RG, counts, axes=(1, 0)) for name, counts in per_group.items()}


def group_sums(outcomes: Outcomes) -> dict[str, Array]:
    """The counts that `COUNTED` needs, per group (G, ...). What a system does not report is 0 of 0."""
    gold, predicted, kind = outcomes.gold_N, outcomes.predicted_N, outcomes.kind_N
    zeros = np.zeros(len(gold))
    columns = _binary_columns(gold, predicted) | {"cost": outcomes.cost_N, "cells": _cells(outcomes)}
    for name in ("near_miss", "ordinary"):
        columns[name] = (kind == name) & ~gold
        columns[f"{name}_flagged"] = columns[name] & predicted
    rated = outcomes.rated_NC is not None
    columns["answers"] = np.full(len(gold), rated)
    columns["parsed"] = outcomes.answered_N & rated
    columns["top"] = gold & rated
    columns["top_right"] = gold & _top_category_right(outcomes)
    score = outcomes.score_N
    columns["scored"] = zeros if score is None else zeros + 1
    columns["squared_error"] = zeros if score is None else (score - gold) ** 2
    columns["failed"] = ~outcomes.answered_N
    columns |= _bins(score, gold, outcomes.answered_N)
    for name in ("twins", "twins_right", "pairs", "pairs_ranked"):
        columns[name] = zeros.copy()
    for a, b in outcomes.pairs:
        columns["twins"][a] = 1
        columns["twins_right"][a] = outcomes.right_N[a] and outcomes.right_N[b]
        if score is not None and gold[a] != gold[b]:
            bad, good = (a, b) if gold[a] else (b, a)
            columns["pairs"][a] = 1
            answered = outcomes.answered_N[a] and outcomes.answered_N[b]
            columns["pairs_ranked"][a] = answered * (0.5 + 0.5 * np.sign(score[bad] - score[good]))
    return _per_group(columns, outcomes)


def category_sums(outcomes: Outcomes, c: int) -> dict[str, Array]:
    """The counts that `CATEGORY_COUNTED` needs for the question of category `c`, per group (G,)."""
    flagged_N = None if outcomes.flagged_NC is None else outcomes.flagged_NC[:, c]
    score_N = None if outcomes.score_NC is None else outcomes.score_NC[:, c]
    columns = _binary_columns(outcomes.violates_NC[:, c], flagged_N)
    columns["scored"] = np.full(len(outcomes.gold_N), score_N is not None)
    return _per_group(columns | _bins(score_N, outcomes.violates_NC[:, c], outcomes.answered_N), outcomes)


def _bins(score_N: Array | None, label_N: Array, answered_N: Array) -> dict[str, Array]:
    if score_N is None:
        return {"bin_gap": np.zeros((len(label_N), BINS)), "unanswered": np.zeros(len(label_N))}
    return bin_columns(score_N, label_N, answered_N)


def _binary_columns(gold: Array, predicted: Array | None) -> dict[str, Array]:
    if predicted is None:
        return dict.fromkeys(_ALL, np.zeros(len(gold)))
    return {"tp": gold & predicted, "fp": ~gold & predicted, "fn": gold & ~predicted, "tn": ~gold & ~predicted}


def _per_group(columns: Mapping[str, Array], outcomes: Outcomes) -> dict[str, Array]:
    found = {}
    for name, column in columns.items():
        found[name] = np.zeros((outcomes.groups, *column.shape[1:]))
        np.add.at(found[name], outcomes.group_N, column)
    return found


def _cells(outcomes: Outcomes) -> Array:
    """(N, 5, 5): per listing, how many categories have this gold (rows) and this predicted (columns) rating."""
    cells = np.zeros((len(outcomes.gold_N), 5, 5), dtype=int)
    if outcomes.rated_NC is not None:
        listing, category = np.nonzero(outcomes.rated_NC >= 0)
        gold, predicted = (ratings[listing, category] for ratings in (outcomes.gold_NC, outcomes.rated_NC))
        np.add.at(cells, (listing, gold, predicted), 1)
    return cells


def _top_category_right(outcomes: Outcomes) -> Array:
    rated, gold = outcomes.rated_NC, outcomes.gold_NC
    if rated is None:
        return np.zeros(len(gold), dtype=bool)
    score = np.zeros(rated.shape) if outcomes.score_NC is None else outcomes.score_NC
    top = np.where(rated == rated.max(1, keepdims=True), score, -1.0).argmax(1)
    hit = gold[np.arange(len(gold)), top] == gold.max(1)
    return np.asarray(hit & (rated.max(1) > 0) & outcomes.answered_N)


def pair_accuracy(examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy) -> float | None:
    """Ranked twin accuracy: in which share of twin pairs has the disallowed side the higher decision score? Needs no
    threshold; chance is 0.5. `None` for systems without scores and for sets without twins."""
    return measure(examples, verdicts, policy)["pair_accuracy"]
