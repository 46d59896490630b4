from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modsmith.judge import Calibration, Judge, fit_calibration
from modsmith.judge.pull import Pull, fit_pull
from modsmith.listing import Listing


def doubtful(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A model that knows little of two categories' ratings, and a second reader that knows more."""
    draw = np.random.default_rng(seed)
    gold = draw.choice([0, 3], size=(count, 2))
    log_digits = np.log(draw.dirichlet(np.full(5, 5.0), size=(count, 2)))
    log_digits[..., 3] += 1.0 * (gold >= 3)
    log_digits -= np.log(np.exp(log_digits).sum(-1, keepdims=True))
    logits = draw.normal(size=(count, 3))
    logits[:, 1:] += 3.0 * (gold >= 3) - 1.5
    return log_digits, gold, logits


def test_a_pull_moves_the_tier_and_keeps_proportions_within_it() -> None:
    log_digits, _, logits = doubtful(40)
    moved = np.exp(Pull(0.5).apply(log_digits, logits))
    before = np.exp(log_digits)
    np.testing.assert_allclose(moved.sum(-1), 1)
    np.testing.assert_allclose(moved[..., 4] / moved[..., 3], before[..., 4] / before[..., 3])
    np.testing.assert_allclose(moved[..., 2] / moved[..., 0], before[..., 2] / before[..., 0])
    odds = np.log(moved[..., 3] / moved[..., 0]) - np.log(before[..., 3] / before[..., 0])
    np.testing.assert_allclose(odds, 0.5 * logits[:, 1:], atol=1e-9)
    np.testing.assert_allclose(Pull(0).apply(log_digits, logits), log_digits, atol=1e-9)


def test_a_reader_that_knows_is_heard_and_one_that_does_not_is_not() -> None:
    log_digits, gold, logits = doubtful(2000)
    heard = fit_pull(log_digits, gold, logits)
    assert heard.own > 1
    noise = fit_pull(log_digits, gold, np.random.default_rng(1).normal(size=logits.shape))
    assert abs(noise.own) < 0.1 * heard.own
    assert heard == fit_pull(log_digits, gold, logits)


def test_a_calibration_with_a_pull_scores_better_and_survives_the_disk(tmp_path: Path) -> None:
    log_digits, gold, logits = doubtful(2000)
    alone = fit_calibration(log_digits, gold)
    both = fit_calibration(log_digits, gold, second=logits)
    new_digits, new_gold, new_logits = doubtful(2000, seed=9)

    def error(probabilities: np.ndarray) -> float:
        return float(((probabilities[..., 3:].sum(-1) - (new_gold >= 3)) ** 2).mean())

    assert error(both.apply(new_digits, second=new_logits)) < 0.6 * error(alone.apply(new_digits))
    both.save(tmp_path)
    assert Calibration.load(tmp_path) == both and both.pull is not None
    alone.save(tmp_path)
    assert Calibration.load(tmp_path) == alone and alone.pull is None


def test_the_weight_is_that_of_the_place_where_it_is_used() -> None:
    """A model that is too sure of itself, beside a reader that knows: the weight counts before the temperature."""
    log_digits, gold, logits = doubtful(2000)
    cold = 4 * log_digits
    calm, sure = fit_calibration(log_digits, gold, second=logits), fit_calibration(cold, gold, second=logits)
    assert calm.pull is not None and sure.pull is not None
    assert sure.pull.own == pytest.approx(4 * calm.pull.own, rel=0.1)
    new_digits, _, new_logits = doubtful(200, seed=9)
    np.testing.assert_allclose(
        calm.apply(new_digits, second=new_logits), sure.apply(4 * new_digits, second=new_logits), atol=0.05
    )


class Suspicious:
    """Sure of `false_rarity`, the third of three categories, where a text says "unique"."""

    beside = "shipped-lm"
    categories = ("invasive_species", "wild_taken", "false_rarity")

    def read(self, texts: list[str]) -> np.ndarray:
        return np.array([[0.0, 0.0, 0.0, 12.0 if "unique" in text else 0.0] for text in texts])


def test_a_second_readers_word_counts_in_every_window(word_judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    filler = "A healthy plant from my greenhouse, posted on Mondays. " * 60
    listings = [Listing(id=word, title="Fern", description=f"{filler}{word} {filler}") for word in ("unique", "common")]
    assert [verdict.decision for verdict in word_judge.rate(listings)] == ["allow", "allow"]
    monkeypatch.setattr(word_judge, "second", Suspicious())
    assert [verdict.decision for verdict in word_judge.rate(listings)] == ["allow", "allow"], "no pull, no say"
    monkeypatch.setattr(word_judge, "calibration", replace(word_judge.calibration, pull=Pull(1.0)))
    found = word_judge.rate(listings)
    assert [verdict.decision for verdict in found] == ["disallow", "allow"]
    assert found[0].ratings == {"invasive_species": 0, "wild_taken": 0, "false_rarity": 3}
    assert word_judge.provenance["beside"] == "shipped-lm" and len(word_judge.provenance["beside weights"]) == 16
