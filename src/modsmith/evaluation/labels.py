"""What metrics are called in the report, why each can be missing, and whether less is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is called, why it can be missing, and whether less is better."""

    label: str
    missing: str = "not measured for this system"
    lower: bool = False


_NO_SCORES = "this system gives no probabilities"
_NO_RATINGS = "this system gives no ratings from 0 to 4"
METRICS: dict[str, Metric] = {
    "f1": Metric("F1", "the test set has no disallowed listing"),
    "precision": Metric("Precision", "nothing was flagged"),
    "recall": Metric("Recall", "the test set has no violating listing"),
    "fpr": Metric("FPR", "the test set has no allowed listing", lower=True),
    "twin_accuracy": Metric("Twins", "the test set has no complete pair of twins"),
    "near_miss_fpr": Metric("Near-miss FPR", "the test set has no near-miss listing", lower=True),
    "kappa": Metric("Kappa", "only one class occurs"),
    "mcc": Metric("MCC", "only one class occurs"),
    "severity_kappa": Metric("Severity kappa", _NO_RATINGS),
    "failure_rate": Metric("Failed answers", lower=True),
    "parse_rate": Metric("Parse rate", "this system writes no answer that could fail to parse"),
    "accuracy": Metric("Accuracy"),
    "ordinary_fpr": Metric("Ordinary FPR", "the test set has no ordinary listing", lower=True),
    "top_category": Metric("Top category right", _NO_RATINGS),
    "severity_mae": Metric("Severity error", _NO_RATINGS, lower=True),
    "severity_mae_nonzero": Metric("Severity error above 0", f"{_NO_RATINGS}, or gold has none above 0", lower=True),
    "pair_accuracy": Metric("Twins ranked", f"{_NO_SCORES}, or no pair of twins has opposite labels"),
    "auroc": Metric("AUROC", _NO_SCORES),
    "auprc": Metric("AUPRC", _NO_SCORES),
    "recall_at_fpr": Metric("Recall at fixed FPR", _NO_SCORES),
    "precision_at_base": Metric("Precision at base rate", "no base rate was given, or nothing was flagged"),
    "ece": Metric("ECE", _NO_SCORES, lower=True),
    "brier": Metric("Brier", _NO_SCORES, lower=True),
    "cost_error": Metric("Cost error", lower=True),
}
CATEGORY_COLUMNS = ("f1", "precision", "recall", "fpr", "mcc", "auprc", "recall_at_fpr", "ece")
"""The metrics of the page's table of categories, in order."""
SUITE_METRICS: dict[str, Metric] = {
    "recall_lost": Metric("Recall lost", lower=True),
    "fpr_gained": Metric("FPR gained", lower=True),
    "flipped": Metric("Flipped", lower=True),
}
"""Metrics that only suites have, which compare a changed listing with its original."""
COLUMNS = tuple(METRICS)[:10]
"""The metrics of the comparison table, in order; the others stand in the page's second table."""


def metric_of(name: str) -> Metric:
    """How a metric is called, those of suites too."""
    return METRICS.get(name) or SUITE_METRICS.get(name) or Metric(name.replace("_", " ").capitalize())
