"""Early stopping: has the held-out score stopped getting better?

Read from the rows of metrics.jsonl and from nothing else, so a run that goes on after an interruption counts like one
that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class EarlyEnd(TypedDict):
    """Why a run ended early, as run.json has it."""

    step: int
    best_step: int
    best_score: float
    worse: int
    """Held-out scores after the best one, none of them better."""


class EndedEarlyError(Exception):
    """Nothing is left to train: the run that should go on had ended early."""


def out_of_patience(rows: Sequence[Mapping[str, Any]], patience: int) -> EarlyEnd | None:
    """The end that `patience` held-out scores in a row without a better one come to; `None` while there is hope, and
    always for a patience of 0. A score that equals the best is no better."""
    scored = [(row["step"], row["held_out/score"]) for row in rows if row.get("held_out/score") is not None]
    if not patience or not scored:
        return None
    first = max(range(len(scored)), key=lambda index: scored[index][1])  # of equals the first
    worse = len(scored) - 1 - first
    if worse < patience:
        return None
    best_step, best_score = scored[first]
    return EarlyEnd(step=scored[-1][0], best_step=best_step, best_score=best_score, worse=worse)
