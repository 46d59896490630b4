"""What calibration is worth: ECE before and after, each listing scored by a fit that has not seen it.

Cross-fitting: the groups are dealt into five parts, each part is scored by a calibration fitted on the other four. So
every listing is held apart once, and the calibration that is stored may be fitted on all of them. The final fit has a
quarter more data than those that were checked; the check is therefore on the careful side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modsmith.evaluation.outcomes import Array
from modsmith.evaluation.reliability import expected_error, reliability_curve
from modsmith.judge.calibration import Calibration, Method, fit_calibration
from modsmith.ratings import VIOLATION

FOLDS = 5


def cross_fit(
    log_digits_NCD: Array,
    gold_NC: Array,
    groups: Sequence[str],
    names: Sequence[str],
    method: Method,
    second_NK: Array | None = None,
) -> Array:
    """Calibrated probabilities (N, C, 5), every listing by a calibration that has not seen its group. With fewer
    groups than parts there are as many parts as groups; one group alone raises `ValueError`."""
    from sklearn.model_selection import GroupKFold

    parts = min(FOLDS, len(set(groups)))
    if parts < 2:
        raise ValueError("calibration is checked on groups held apart, and there is only one group")
    found = np.zeros_like(log_digits_NCD)
    for fit, apart in GroupKFold(parts).split(log_digits_NCD, groups=list(groups)):
        learnt, asked = (second_NK[part] if second_NK is not None else None for part in (fit, apart))
        calibration = fit_calibration(log_digits_NCD[fit], gold_NC[fit], method=method, names=names, second=learnt)
        found[apart] = calibration.apply(log_digits_NCD[apart], names, asked)
    return found


def check_calibration(
    log_digits_NCD: Array,
    gold_NC: Array,
    groups: Sequence[str],
    names: Sequence[str],
    method: Method,
    second_NK: Array | None = None,
) -> dict[str, Any]:
    """`{"listings", "folds", "violating", "before", "after"}`. Each side has the decision's `ece` (P(any category), see
    `outcomes.decision_score`, against "any rating >= 3"), its reliability `curve`, and `categories` (name -> ECE of
    P(rating >= 3))."""
    sides = {
        "before": Calibration().apply(log_digits_NCD),
        "after": cross_fit(log_digits_NCD, gold_NC, groups, names, method, second_NK),
    }
    violates_NC = gold_NC >= VIOLATION
    found: dict[str, Any] = {"listings": len(gold_NC), "folds": min(FOLDS, len(set(groups)))}
    for side, digits in sides.items():
        score_NC = digits[..., VIOLATION:].sum(-1)
        errors = [expected_error(score_NC[:, c], violates_NC[:, c]) for c in range(len(names))]
        any_N, wrong_N = score_NC.sum(1).clip(max=1.0), np.asarray(violates_NC.any(1))
        found[side] = {
            "ece": _round(expected_error(any_N, wrong_N)),
            "categories": dict(zip(names, map(_round, errors), strict=True)),
            "curve": reliability_curve(any_N, wrong_N),
        }
    found["violating"] = dict(zip(names, violates_NC.sum(0).tolist(), strict=True))
    return found


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
