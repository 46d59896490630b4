from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modsmith.errors import UserError
from modsmith.judge import Calibration, fit_calibration


def test_fitting_undoes_a_known_distortion() -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([4, 0.6, 0.4, 0.8, 0.5], size=(3000, 2))
    gold = np.array([[rng.choice(5, p=cell) for cell in row] for row in honest])
    distorted = np.log(honest) * 1.8 + np.array([0, 0.5, 0.5, 2.5, 2.5])
    distorted -= np.logaddexp.reduce(distorted, axis=-1, keepdims=True)

    def error(probabilities: np.ndarray) -> float:
        """Mean gap between P(rating >= 3) and how often it is."""
        return abs(probabilities[..., 3:].sum(-1).mean() - (gold >= 3).mean())

    fitted = fit_calibration(distorted, gold)
    assert fitted.temperature == pytest.approx(1.8, rel=0.15)
    assert error(fitted.apply(distorted)) < 0.01 < 0.1 < error(np.exp(distorted))
    assert fitted == fit_calibration(distorted, gold)


def test_identity_changes_nothing_and_probabilities_sum_to_one() -> None:
    log_digits = np.log(np.array([[0.9, 0.05, 0.02, 0.02, 0.01]]))
    np.testing.assert_allclose(Calibration().apply(log_digits), np.exp(log_digits))
    assert Calibration(0.5, (1, 2, 3, 4)).apply(log_digits).sum() == pytest.approx(1)


def test_round_trip_and_damage(tmp_path: Path) -> None:
    calibration = Calibration(1.25, (0.1, -0.2, 0.3, 0.4), "abc/validation/direct")
    calibration.save(tmp_path)
    assert Calibration.load(tmp_path) == calibration
    assert Calibration.load(None) == Calibration.load(tmp_path / "nothing") == Calibration()
    (tmp_path / "calibration.json").write_text('{"temperature": "hot"}')
    with pytest.raises(UserError, match="damaged"):
        Calibration.load(tmp_path)
