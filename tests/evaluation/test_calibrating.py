"""Cross-fitting: nobody is scored by a fit that has seen it, and the reported gain is real."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modsmith.evaluation import calibrating
from modsmith.evaluation.calibrating import check_calibration, cross_fit
from modsmith.evaluation.reliability import expected_error, reliability_curve
from modsmith.judge import Calibration

NAMES = ["a", "b"]


def overstating(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (n, 2, 5) of a judge that sees violations everywhere, and gold (n, 2)."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet([6, 0.5, 0.3, 0.4, 0.3], size=(n, 2))
    gold = np.array([[rng.choice(5, p=cell) for cell in row] for row in honest])
    log_digits = np.log(honest) + np.array([0, 0, 0, 2.5, 2.5])
    return log_digits - np.logaddexp.reduce(log_digits, axis=-1, keepdims=True), gold


@pytest.mark.parametrize("method", ["shared", "temperature", "isotonic"])
def test_ece_falls(method: Any) -> None:
    log_digits, gold = overstating(1500)
    found = check_calibration(log_digits, gold, [f"g{n // 2}" for n in range(1500)], NAMES, method)
    assert found["listings"] == 1500 and found["folds"] == 5
    assert found["before"]["ece"] > 0.2
    assert all(found["after"]["categories"][name] < 0.05 < found["before"]["categories"][name] for name in NAMES)
    assert sum(found["after"]["curve"]["count"]) == 1500


def test_every_listing_is_held_apart_with_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    log_digits, gold = overstating(40)
    groups = [f"g{n // 4}" for n in range(40)]
    fitted: list[set[float]] = []

    def fit(cells: np.ndarray, *_: Any, **__: Any) -> Calibration:
        fitted.append(set(cells[:, 0, 0].tolist()))
        return Calibration(temperature=len(fitted))

    monkeypatch.setattr(calibrating, "fit_calibration", fit)
    found = cross_fit(log_digits, gold, groups, NAMES, "shared")
    group_of = {float(row[0, 0]): group for row, group in zip(log_digits, groups, strict=True)}
    for n in range(40):
        fold = next(t for t in range(1, 6) if np.allclose(found[n], Calibration(t).apply(log_digits[n])))
        assert groups[n] not in {group_of[cell] for cell in fitted[fold - 1]}


def test_one_group_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="only one group"):
        cross_fit(*overstating(10), ["g"] * 10, NAMES, "shared")


def test_reliability_by_hand() -> None:
    curve = reliability_curve(np.array([0.05, 0.07, 0.95, 1.0, 0.5]), np.array([False, True, True, True, False]))
    assert curve["count"] == [2, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert (curve["said"][0], curve["true"][0], curve["said"][9], curve["true"][9]) == (0.06, 0.5, 0.975, 1.0)
    assert curve["said"][1] is None and curve["true"][5] == 0.0
    wanted = (2 * 0.44 + 1 * 0.5 + 2 * 0.025) / 5
    assert expected_error(np.array([0.05, 0.07, 0.95, 1.0, 0.5]), np.array([0, 1, 1, 1, 0])) == pytest.approx(wanted)
    assert expected_error(np.array([]), np.array([])) is None
