"""Early stopping: when the run ends, what it leaves, and that it goes on as if it had never been away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from modsmith.errors import UserError
from modsmith.runs import read_run
from modsmith.runs.words import headline
from modsmith.training.patience import out_of_patience
from modsmith.training.run import RunCallback, read_metrics
from modsmith.training.settings import SftSettings
from modsmith.training.sft import train_sft

SCORES = {3: 0.4, 6: 0.5, 9: 0.5, 12: 0.3, 15: 0.9}
"""By step; with patience 2 the run ends at step 12, since 0.5 a second time is no better."""


@pytest.fixture
def settings(tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path) -> SftSettings:
    return SftSettings(
        base=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file),
        plain_epochs=0.0, epochs=4, batch_size=4, learning_rate=0.01, lora_rank=4, save_every=5, eval_every=3,
        precision="fp32", tracker="none", patience=2,
    )  # fmt: skip


@pytest.fixture
def held_out(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], dict[str, float]]:
    """The score of the step that the run is at."""
    at, score = {"step": 0}, RunCallback.score

    def remember(self: RunCallback, model: Any, state: Any, control: Any) -> None:
        at["step"] = state.global_step
        score(self, model, state, control)

    monkeypatch.setattr(RunCallback, "score", remember)
    return lambda model: {"score": SCORES.get(at["step"], 0.1)}


@pytest.mark.parametrize(
    ("scores", "patience", "best_step"),
    [
        ([], 1, None),
        ([0.5, 0.4, 0.3], 0, None),
        ([0.5, 0.4], 2, None),
        ([0.5, 0.4, 0.5], 2, 0),
        ([0.5, 0.4, 0.6, 0.6], 2, None),
        ([0.5, 0.4, 0.6, 0.5], 1, 2),
    ],
)
def test_patience_is_counted_from_the_first_best_score(
    scores: list[float], patience: int, best_step: int | None
) -> None:
    rows = [{"step": step, "held_out/score": score} for step, score in enumerate(scores)]
    end = out_of_patience([{"step": 0, "train/loss": 1.0}, *rows], patience)
    assert (end and end["best_step"]) == best_step


def test_the_run_ends_in_order(
    settings: SftSettings, held_out: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = train_sft(settings, tmp_path / "run", held_out=held_out)
    assert json.loads((best / "modsmith.json").read_text())["score"] == 0.5
    assert json.loads((tmp_path / "run/final/modsmith.json").read_text())["step"] == 12
    note = json.loads((tmp_path / "run/run.json").read_text())
    assert note["ended_early"] == {"step": 12, "best_step": 6, "best_score": 0.5, "worse": 2} and note["steps"] > 12
    said = capsys.readouterr().err
    assert "step 12: ends early, 2 held-out scores in a row no better than 0.500 of step 6 (patience)" in said
    assert headline(read_run(tmp_path / "run")).startswith("SFT ended early after 12 of ")


def test_more_patience_lets_it_go_on(settings: SftSettings, held_out: Any, tmp_path: Path) -> None:
    train_sft(settings, tmp_path / "run", held_out=held_out)
    more = settings.model_copy(update={"patience": 3})
    best = train_sft(more, tmp_path / "run", resume=True, held_out=held_out)
    about = json.loads((best / "modsmith.json").read_text())
    assert (about["step"], about["score"]) == (15, 0.9)
    note = json.loads((tmp_path / "run/run.json").read_text())
    assert note["ended_early"] is None or note["ended_early"]["best_step"] == 15


@pytest.mark.parametrize("step", [5, 10, 12])
def test_an_interrupted_run_ends_at_the_same_step_with_the_same_weights(
    settings: SftSettings, held_out: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    train_sft(settings, tmp_path / "whole", held_out=held_out)
    cut_off = RunCallback.on_save

    def cut(self: RunCallback, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        cut_off(self, args, state, control, **kwargs)
        if state.global_step == step:
            raise UserError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(RunCallback, "on_save", cut)
        with pytest.raises(UserError, match="power"):
            train_sft(settings, tmp_path / "cut", held_out=held_out)
    assert not (tmp_path / "cut/final").exists()
    train_sft(settings, tmp_path / "cut", resume=True, held_out=held_out)
    scores = [
        [(row["step"], row["held_out/score"]) for row in read_metrics(tmp_path / name) if "held_out/score" in row]
        for name in ("whole", "cut")
    ]
    assert scores[0] == scores[1] == [(3, 0.4), (6, 0.5), (9, 0.5), (12, 0.3)]
    notes = [json.loads((tmp_path / name / "run.json").read_text())["ended_early"] for name in ("whole", "cut")]
    assert notes[0] == notes[1]
    whole, again = (load_file(tmp_path / name / "final/adapter_model.safetensors") for name in ("whole", "cut"))
    for name, weight in whole.items():
        torch.testing.assert_close(again[name], weight, msg=name)
