from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modsmith.judge import Calibration, fit_calibration
from modsmith.judge.overall import LEAST, Overall, fit_overall

PARTS = st.floats(0.001, 1)
WEIGHTS = st.floats(-3, 3)


def likelihoods(rows: list[list[float]]) -> np.ndarray:
    digits = np.array(rows)
    return digits / digits.sum(-1, keepdims=True)


@given(
    st.lists(st.lists(PARTS, min_size=5, max_size=5), min_size=2, max_size=4),
    st.floats(-20, 20), WEIGHTS, WEIGHTS, WEIGHTS,
)  # fmt: skip
def test_scores_are_drawn_to_the_chance_of_any(
    rows: list[list[float]], logit: float, said: float, heard: float, bias: float
) -> None:
    before = likelihoods(rows)
    logits = np.array([logit, *[0.0] * len(rows)])
    after = Overall(said, heard, bias).apply(before, logits)
    assert (after >= 0).all()
    np.testing.assert_allclose(after.sum(-1), 1)
    total = before[:, 3:].sum()
    wanted = 1 / (1 + np.exp(-(said * np.log(max(total, LEAST)) + heard * logit + bias)))
    np.testing.assert_allclose(after[:, 3:].sum(), wanted * max(1, total), rtol=1e-6)
    np.testing.assert_allclose(after[:, 4] * before[:, 3], after[:, 3] * before[:, 4], atol=1e-9)
    np.testing.assert_allclose(after[:, 2] * before[:, 0], after[:, 0] * before[:, 2], atol=1e-9)


def listings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three categories; a reader who knows nothing of which rule is broken, and a good deal of whether one is."""
    draw = np.random.default_rng(seed)
    gold = np.zeros((count, 3), int)
    broken = draw.random(count) < 0.4
    gold[broken, draw.integers(0, 3, broken.sum())] = 3
    log_digits = np.log(draw.dirichlet(np.ones(5), size=(count, 3)))
    log_digits[..., 3] += 1.5 * (gold >= 3)
    logits = draw.normal(size=(count, 4))
    logits[:, 0] += 4.0 * broken - 2.0
    return log_digits, gold, logits


def test_a_word_on_all_rules_together_is_heard(tmp_path: Path) -> None:
    log_digits, gold, logits = listings(2000, 0)
    fitted = fit_calibration(log_digits, gold, second=logits)
    assert fitted.pull is not None and abs(fitted.pull.own) < 0.15, "it knows nothing of the categories"
    assert fitted.overall is not None and fitted.overall.heard > 1
    new_digits, new_gold, new_logits = listings(2000, 1)
    violates = (new_gold >= 3).any(1)
    chance = fitted.apply(new_digits, second=new_logits)[..., 3:].sum((-1, -2))
    assert ((chance >= 0.5) == violates).mean() > 0.95
    assert abs(chance.mean() - violates.mean()) < 0.03, "a half means a half"
    fitted.save(tmp_path)
    assert Calibration.load(tmp_path) == fitted


def test_nothing_is_learnt_from_listings_that_are_all_alike() -> None:
    log_digits, gold, logits = listings(50, 0)
    before = likelihoods(np.exp(log_digits).tolist()) * np.array([1, 1, 1, 0.1, 0.1])  # sums below 1
    before /= before.sum(-1, keepdims=True)
    assert fit_overall(before, np.zeros_like(gold), logits) is None
    alike = fit_calibration(log_digits, np.zeros_like(gold), second=logits)
    assert alike.overall is None
