"""Is it true, and better than a shortcut? Metrics with intervals, baselines, and the summary they end in."""

from modsmith.evaluation.intervals import (
    Difference,
    Interval,
    bootstrap,
    bootstrap_categories,
    mcnemar,
    paired_difference,
)
from modsmith.evaluation.metrics import (
    CATEGORY_METRICS,
    METRICS,
    measure,
    measure_categories,
    pair_accuracy,
    score_held_out,
)
from modsmith.evaluation.outcomes import Outcomes, Prediction, compare, decision_score, gold_disallowed
from modsmith.evaluation.probes import PROBES, run_probes
from modsmith.evaluation.report import comparison_markdown, print_comparison, write_report
from modsmith.evaluation.summary import summarise

__all__ = [
    "CATEGORY_METRICS",
    "METRICS",
    "PROBES",
    "Difference",
    "Interval",
    "Outcomes",
    "Prediction",
    "bootstrap",
    "bootstrap_categories",
    "compare",
    "comparison_markdown",
    "decision_score",
    "gold_disallowed",
    "mcnemar",
    "measure",
    "measure_categories",
    "pair_accuracy",
    "paired_difference",
    "print_comparison",
    "run_probes",
    "score_held_out",
    "summarise",
    "write_report",
]
