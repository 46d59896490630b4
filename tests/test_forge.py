"""A policy of somebody else's, with three categories, through the whole of modsmith on a tiny model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from rich.console import Console

from modsmith import forge
from modsmith.errors import UserError
from modsmith.forge import calibrate_model, evaluate_models, train_station
from modsmith.judge import Calibration, Judge
from modsmith.policy import Policy
from modsmith.training.base import load_model
from modsmith.training.run import read_metrics
from modsmith.training.settings import GrpoSettings, RunSettings, SftSettings


def test_policy_to_report(
    tiny_model_folder: Path, plant_policy: Policy, plant_policy_file: Path, plant_corpus_file: Path, tmp_path: Path
) -> None:
    common = {"policy": str(plant_policy_file), "corpus": str(plant_corpus_file), "precision": "fp32", "lora_rank": 4}
    sft = train_station(
        "sft",
        SftSettings(base=str(tiny_model_folder), epochs=1, batch_size=8, learning_rate=0.02, eval_every=2, **common),
        tmp_path / "sft",
    )
    assert (sft / "calibration.json").is_file()
    assert any("held_out/score" in row for row in read_metrics(tmp_path / "sft"))

    grpo = train_station(
        "grpo",
        GrpoSettings(base=str(sft), steps=2, prompts_per_step=2, group_size=3, max_completion_tokens=24, save_every=1,
                     unsure_low=0.0, unsure_high=1.0, **common),
        tmp_path / "grpo",
    )  # fmt: skip
    completions = parquet.read_table(tmp_path / "grpo" / "completions" / "000001.parquet").to_pylist()
    assert len(completions) == 6
    assert {
        "completion",
        "advantage",
        "reward_decision",
        "reward_severity",
        "reward_grounding",
        "reward_length",
    } <= set(completions[0])
    assert (grpo / "adapter_model.safetensors").is_file()

    page = evaluate_models(
        str(plant_corpus_file), [f"SFT={sft}", f"GRPO={grpo}", f"{sft}:think"], plant_policy, tmp_path / "report",
        split="test", train_corpus=str(plant_corpus_file), resamples=50,
        training={"sft": read_metrics(tmp_path / "sft"), "grpo": read_metrics(tmp_path / "grpo")},
    )  # fmt: skip
    summary = json.loads((tmp_path / "report" / "summary.json").read_text("utf-8"))
    assert {"SFT", "GRPO", f"{sft} (think)", "bag of words", "majority"} <= set(summary["systems"])
    assert set(summary["systems"]["SFT"]["per_category"]) == set(plant_policy.category_ids)
    assert "plant-market@0.3" in summary["provenance"]["policy"]
    assert page.read_text("utf-8").count("<svg") >= 3


def test_calibration_needs_a_folder(plant_policy: Policy, plant_corpus_file: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        calibrate_model(Path("org/model"), str(plant_corpus_file), plant_policy)


def test_a_damaged_calibration_is_fitted_again(
    tiny_model_folder: Path, plant_policy: Policy, plant_corpus_file: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    (model / "calibration.json").write_text("{")
    fitted = calibrate_model(model, str(plant_corpus_file), plant_policy)
    assert Calibration.load(model) == fitted and fitted.fitted_on


@pytest.mark.parametrize(
    ("settings", "scores"),
    [
        (SftSettings(), {"score": 0.25}),
        (GrpoSettings(), {"score": 0.75}),
        (GrpoSettings(mode="direct"), {"score": 0.25}),
        (GrpoSettings(mode="both"), {"score": 0.5, "score_think": 0.75, "score_direct": 0.25}),
        (GrpoSettings(mode="think", eval_mode="direct"), {"score": 0.25}),
    ],
)
def test_the_best_checkpoint_is_best_in_the_mode_that_is_trained(
    settings: RunSettings, scores: dict[str, float], tiny_model_folder: Path, plant_policy: Policy,
    plant_corpus_file: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Judge, "rate", lambda self, listings: self.mode)
    monkeypatch.setattr(
        forge, "score_held_out", lambda examples, mode, policy: {"score": 0.75 if mode == "think" else 0.25}
    )
    changed = settings.model_copy(update={"base": str(tiny_model_folder), "corpus": str(plant_corpus_file)})
    scorer = forge._held_out_scorer(changed, plant_policy)
    assert scorer(load_model(str(tiny_model_folder), "fp32").model) == scores


def test_a_slow_machine_gets_a_smaller_demo(
    plant_policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modsmith.training.pace.sft_minutes", lambda *given: 44.0)
    kept, console = tmp_path / "pace.json", Console(stderr=True, quiet=True)
    settings = SftSettings(limit=1500, eval_limit=60, calibration_limit=120)
    share = forge._share_that_fits(settings, 11, plant_policy, [], kept, console)
    assert share == 0.15  # (11 - 4.4) / 44
    smaller = forge._smaller(settings, share)
    assert isinstance(smaller, SftSettings)
    assert (smaller.limit, smaller.eval_limit, smaller.calibration_limit) == (225, 40, 60)  # never under what counts
    assert smaller.model_copy(update={"limit": 1500, "eval_limit": 60, "calibration_limit": 120}) == settings
    grpo = forge._smaller(GrpoSettings(limit=120, steps=4), share)
    assert isinstance(grpo, GrpoSettings) and (grpo.limit, grpo.steps) == (60, 2)

    monkeypatch.setattr("modsmith.training.pace.sft_minutes", lambda *given: pytest.fail("measured twice"))
    assert forge._share_that_fits(settings, 11, plant_policy, [], kept, console) == 0.15  # goes on as it began


def test_a_fast_machine_gets_the_whole_demo(
    plant_policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modsmith.training.pace.sft_minutes", lambda *given: 3.0)
    console = Console(stderr=True, quiet=True)
    assert forge._share_that_fits(SftSettings(), 11, plant_policy, [], tmp_path / "pace.json", console) == 1
    assert forge._smaller(SftSettings(limit=1500), 1.0) == SftSettings(limit=1500)
