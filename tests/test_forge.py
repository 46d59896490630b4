"""A policy of somebody else's, with three categories, through the whole of modsmith on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from modsmith.errors import UserError
from modsmith.forge import calibrate_model, evaluate_models, train_station
from modsmith.policy import Policy
from modsmith.training.run import read_metrics
from modsmith.training.settings import GrpoSettings, SftSettings


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
