from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modsmith.errors import UserError
from modsmith.judge import Calibration, fit_calibration
from modsmith.judge.calibration import RisingLine, Scaling


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


def two_categories(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (n, 2, 5) and gold (n, 2): the first category overstates violations, the second hides them."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet([4, 0.6, 0.4, 0.8, 0.5], size=(n, 2))
    gold = np.array([[rng.choice(5, p=cell) for cell in row] for row in honest])
    log_digits = np.log(honest) + np.array([[0, 0, 0, 3, 3], [0, 0, 0, -2, -2]])
    return log_digits - np.logaddexp.reduce(log_digits, axis=-1, keepdims=True), gold


def gaps(probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
    return abs(probabilities[..., 3:].sum(-1).mean(0) - (gold >= 3).mean(0))


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_each_category_has_its_own(method: Any) -> None:
    """What one set of numbers cannot mend, because the two categories err in opposite directions."""
    names = ["a", "b"]
    log_digits, gold = two_categories(3000)
    unseen, unseen_gold = two_categories(3000, seed=1)
    shared = fit_calibration(log_digits, gold)
    fitted = fit_calibration(log_digits, gold, method=method, names=names)
    assert set(fitted.categories) == {"a", "b"} and fitted.temperature == shared.temperature
    assert gaps(shared.apply(unseen), unseen_gold).min() > 0.05
    assert gaps(fitted.apply(unseen, names), unseen_gold).max() < 0.02
    np.testing.assert_allclose(fitted.apply(unseen, names).sum(-1), 1)
    np.testing.assert_allclose(fitted.apply(unseen, ["b", "x"])[:, 1], shared.apply(unseen)[:, 1])
    assert fitted == fit_calibration(log_digits, gold, method=method, names=names)


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_a_category_without_violations_keeps_the_shared_numbers(method: Any) -> None:
    log_digits, gold = two_categories(200)
    gold[:, 1] = 0
    assert set(fit_calibration(log_digits, gold, method=method, names=["a", "b"]).categories) == {"a"}


def test_few_violations_stay_near_the_shared_numbers() -> None:
    log_digits, gold = two_categories(40)
    many, many_gold = two_categories(4000)
    few, lots = (
        fit_calibration(*data, method="temperature", names=["a", "b"])
        for data in ((log_digits, gold), (many, many_gold))
    )

    def distance(fitted: Calibration) -> float:
        own = fitted.categories["a"]
        assert isinstance(own, Scaling)
        return float(np.abs(np.array(own.bias) - np.array(fitted.bias)).sum())

    assert distance(few) < distance(lots)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 120))
def test_lines_rise_strictly_and_keep_the_ranking(seed: int, n: int) -> None:
    log_digits, gold = two_categories(n, seed)
    gold[0] = 3
    fitted = fit_calibration(log_digits, gold, method="isotonic", names=["a", "b"])
    before = fitted.apply(log_digits)[:, 0, 3:].sum(-1)
    after = fitted.apply(log_digits, ["a", "b"])[:, 0, 3:].sum(-1)
    line = fitted.categories["a"]
    assert isinstance(line, RisingLine) and (np.diff(line.scores) > 0).all()
    assert ((after > 0) & (after < 1)).all()
    order = np.argsort(before)
    assert (np.diff(after[order]) >= -1e-9).all()


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_round_trip_of_categories(method: Any, tmp_path: Path) -> None:
    log_digits, gold = two_categories(300)
    fitted = fit_calibration(log_digits, gold, "x", method=method, names=["a", "b"])
    fitted.save(tmp_path)
    loaded = Calibration.load(tmp_path)
    assert loaded == fitted
    np.testing.assert_allclose(loaded.apply(log_digits, ["a", "b"]), fitted.apply(log_digits, ["a", "b"]))


def test_old_files_are_read_and_written_as_before(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text('{"temperature": 1.0, "bias": [-1.4, -1.2, -1.2, -1.5], "fitted_on": "339a/validation/250/direct"}')
    old = Calibration.load(tmp_path)
    assert old == Calibration(1.0, (-1.4, -1.2, -1.2, -1.5), "339a/validation/250/direct")
    old.save(tmp_path)
    assert set(json.loads(path.read_text())) == {"temperature", "bias", "fitted_on", "method"}


@pytest.mark.parametrize(
    "categories",
    [
        '{"a": {"scores": [0.5, 0.2], "shares": [0.1, 0.2]}}',
        '{"a": {"scores": [0.5], "shares": [0.1, 0.2]}}',
        '{"a": 1}',
        "[1]",
        '{"a": {"temperature": 1, "bias": [1, 2]}}',
    ],
)
def test_damaged_categories_are_named(categories: str, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(
        f'{{"temperature": 1.0, "bias": [0, 0, 0, 0], "categories": {categories}}}'
    )
    with pytest.raises(UserError, match="damaged"):
        Calibration.load(tmp_path)
