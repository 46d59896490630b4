"""What a GRPO run leaves to look at, with a model that has never seen the answer's layout."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from modsmith.runs import read_run, write_page
from modsmith.training.grpo import train_grpo
from modsmith.training.settings import GrpoSettings


@pytest.fixture(scope="module")
def run(
    tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    settings = GrpoSettings(
        base=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file), limit=12, steps=2,
        prompts_per_step=2, group_size=2, max_completion_tokens=6, unsure_low=0.0, unsure_high=1.0, lora_rank=2,
        precision="fp32", tracker="none", eval_every=2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("watched") / "grpo"
    train_grpo(settings, folder, held_out=lambda model: {"score": 0.5})
    return folder


def test_every_metric_of_the_manual_is_there(run: Path) -> None:
    rows = [row for row in read_run(run).rows if "reward/total" in row]
    assert len(rows) == 2
    for row in rows:
        assert row["parse_rate"] == 0.0 and row["groups/dead"] == 1.0 and row["length/at_cap"] == 1.0
        assert row["gold/flagged"] == 0.5 and sum(map(sum, row["ratings/top"])) == 4
        for key in (
            "reward/decision", "reward/severity", "reward/grounding", "reward/length", "advantage/abs_mean",
            "advantage/std", "length/mean", "length/min", "length/max", "length/think_std",
            "policy/clip_ratio", "optim/grad_norm", "optim/lr", "time/step", "time/rollout", "time/rewards",
            "tokens_per_second", "machine/cpu", "machine/memory_gb",
        ):  # fmt: skip
            assert row[key] is not None, key
        assert row["time/rollout"] < row["time/step"]
        # All groups are dead: no completion went through the model again, so there is no entropy to tell.
        assert row.get("policy/entropy") is None


def test_every_completion_is_kept_with_what_it_was_asked_and_paid(run: Path) -> None:
    rows = parquet.read_table(run / "completions/000001.parquet").to_pylist()
    assert len(rows) == 4
    for row in rows:
        assert row["listing"].split("\n")[0] in row["prompt"] and row["predicted"] is None and row["tokens"] == 6
        assert set(json.loads(row["gold"])) == {"invasive_species", "wild_taken", "false_rarity"}
        assert row["reward_decision"] == -1.0 and row["advantage"] == 0.0 and row["mode"] == "think"


def test_the_page_is_made_from_it(run: Path, tmp_path: Path) -> None:
    page = write_page(read_run(run), tmp_path / "run.html").read_text("utf-8")
    assert "GRPO finished after 2 steps" in page and "COMPLETION, cannot be read" in page
