"""The options of a GRPO run, with a model whose completions never parse: every reward is -1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from modsmith.corpus import load_corpus
from modsmith.errors import UserError
from modsmith.policy import load_policy
from modsmith.training import grpo
from modsmith.training.grpo import modes_of, to_rows, train_grpo
from modsmith.training.run import read_metrics
from modsmith.training.settings import GrpoSettings


@pytest.fixture
def settings(tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path) -> GrpoSettings:
    return GrpoSettings(
        base=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file), limit=12, steps=1,
        prompts_per_step=4, group_size=2, max_completion_tokens=6, unsure_low=0.0, unsure_high=1.0, lora_rank=2,
        precision="fp32", tracker="none",
    )  # fmt: skip


def test_corpo_pushes_away_from_a_group_that_is_wrong_throughout(settings: GrpoSettings, tmp_path: Path) -> None:
    changed = settings.model_copy(update={"advantage": "corpo", "mode": "both"})
    train_grpo(changed, tmp_path / "run")
    rows = parquet.read_table(tmp_path / "run/completions/000001.parquet").to_pylist()
    assert len(rows) == 8
    assert [row["advantage"] for row in rows] == pytest.approx([-1 - changed.correct_reward] * 8)
    assert {(row["mode"], sum(one["listing"] == row["listing"] for one in rows) % 2) for row in rows} == {
        ("think", 0), ("direct", 0),
    }  # fmt: skip
    gradient = [row["optim/grad_norm"] for row in read_metrics(tmp_path / "run") if "optim/grad_norm" in row]
    assert gradient[0] > 0, "a plain group baseline would have left nothing to learn"


def test_maxrl_says_nothing_where_nothing_is_right(settings: GrpoSettings, tmp_path: Path) -> None:
    train_grpo(settings.model_copy(update={"advantage": "maxrl"}), tmp_path / "run")
    rows = parquet.read_table(tmp_path / "run/completions/000001.parquet").to_pylist()
    assert [row["advantage"] for row in rows] == [0.0] * 8


def test_both_modes_meet_both_classes() -> None:
    pairs = list(zip(modes_of(8, "both"), "vavavava", strict=True))  # violating and allowed in turn
    assert {pair: pairs.count(pair) for pair in pairs} == {
        ("think", "v"): 2, ("direct", "a"): 2, ("direct", "v"): 2, ("think", "a"): 2,
    }  # fmt: skip
    assert modes_of(2, "direct") == ["direct", "direct"]


def test_a_start_model_that_is_never_right_is_said_so_before_the_first_step(
    settings: GrpoSettings, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"sure of every violating listing \(none with 0.0 < p\(right\) < 1.0\)"):
        train_grpo(settings.model_copy(update={"difficulty_samples": 2}), tmp_path / "run")
    assert (tmp_path / "run/pass_rates.jsonl").read_text("utf-8").count('"right": 0.0') >= 4


def test_each_item_is_tried_in_the_mode_that_it_is_trained_in(
    settings: GrpoSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: dict[str, str] = {}
    hopeless: set[str] = set()

    def rates(loaded: Any, policy: Any, examples: Sequence[Any], modes: Sequence[str], *more: Any) -> np.ndarray:
        """All but eight listings are never right, in whichever mode they are asked."""
        assert len(tried) == 0 and len({one.id for one in examples}) == len(examples)
        tried.update({one.id: mode for one, mode in zip(examples, modes, strict=True)})
        hopeless.update(one.id for one in examples[8:])
        return np.array([0.0 if one.id in hopeless else 0.5 for one in examples])

    monkeypatch.setattr(grpo, "pass_rates", rates)
    changed = settings.model_copy(update={"mode": "both", "difficulty_samples": 2, "steps": 2, "refill": 1})
    train_grpo(changed, tmp_path / "run")
    items = json.loads((tmp_path / "run/items.json").read_text("utf-8"))
    assert [tried[one] for one in items] == modes_of(16, "both") and not hopeless & set(items)
    assert len(hopeless) > 0 and set(tried.values()) == {"think", "direct"}
    assert [one[-1] for one in items] == ["b", "a"] * 8, "violating and allowed in turn"
    rows = [
        row
        for step in (1, 2)
        for row in parquet.read_table(tmp_path / f"run/completions/{step:06d}.parquet").to_pylist()
    ]
    assert len(rows) == 32 and all(row["mode"] == tried[row["example_id"]] for row in rows), "refilled ones as well"


def test_a_quote_has_to_stand_in_what_the_model_reads() -> None:
    policy = load_policy()
    example = next(one for one in load_corpus("written", policy) if one.violates)
    hidden = replace(example, listing=replace(example.listing, description="All w34p0ns here."))
    [row] = to_rows([hidden], policy, ["think"])
    assert "All weapons here." in row["listing"] and "All weapons here." in row["prompt"][-1]["content"]
