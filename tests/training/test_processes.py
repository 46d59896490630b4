"""A run in two processes is the run in one: same settings, same losses, one run folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
import yaml

from modsmith.errors import UserError
from modsmith.training import processes
from modsmith.training.grpo import train_grpo
from modsmith.training.run import read_metrics
from modsmith.training.settings import GrpoSettings, SftSettings
from modsmith.training.sft import train_sft

TWO = [
    sys.executable, "-m", "accelerate.commands.launch",
    "--config_file", str(Path(__file__).parents[2] / "configs/launch/cpu2.yaml"),
]  # fmt: skip


@pytest.fixture
def start(tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path, tmp_path: Path) -> dict[str, Any]:
    """Settings that both stations take."""
    return {
        "base": str(tiny_model_folder), "policy": str(plant_policy_file), "corpus": str(plant_corpus_file),
        "lora_rank": 2, "precision": "fp32", "tracker": "none",
    }  # fmt: skip


@pytest.fixture
def sft(start: dict[str, Any], tmp_path: Path) -> Path:
    """Batches of five: in two processes one has three listings and the other two, and some batches are one short."""
    changes = {"plain_epochs": 0, "epochs": 2, "batch_size": 5, "think_share": 0.4, "learning_rate": 0.01}
    path = tmp_path / "sft.yaml"
    path.write_text(yaml.safe_dump(start | changes | {"save_every": 3, "eval_every": 5}))
    return path


def run(*command: str) -> str:
    """Run modsmith or a script on one thread a process; returns what it printed."""
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert told.returncode == 0, told.stderr
    return told.stderr


def rows(folder: Path) -> dict[int, dict[str, float]]:
    names = ("train/loss", "optim/grad_norm", "optim/lr", "reward/total", "gold/flagged", "parse_rate")
    return {
        row["step"]: {name: row[name] for name in names if name in row}
        for row in read_metrics(folder)
        if "train/loss" in row
    }


def assert_same_curve(one: dict[int, dict[str, float]], two: dict[int, dict[str, float]]) -> None:
    assert list(two) == list(one) and len(one) >= 3
    for step, row in one.items():
        assert two[step]["train/loss"] == pytest.approx(row["train/loss"], rel=2e-5, abs=1e-7)
        assert two[step] == pytest.approx(row, rel=1e-3, abs=1e-7)  # rounding grows from step to step


@pytest.mark.slow
def test_a_process_without_a_listing_takes_the_step(sft: Path, tmp_path: Path) -> None:
    """Batches of three are batches of two where only twins are: the third process has nothing."""
    command = ("-m", "modsmith", "train", "sft", "--config", str(sft), "--set", "batch_size=3")
    slowly = ("--set", "learning_rate=0.001", "--set", "epochs=1", "--out")
    run(sys.executable, *command, *slowly, str(tmp_path / "one"))
    run(*TWO, "--num_processes", "3", *command, *slowly, str(tmp_path / "three"))
    assert_same_curve(rows(tmp_path / "one"), rows(tmp_path / "three"))


@pytest.mark.slow
def test_sft_in_two_processes_has_the_losses_of_one(sft: Path, tmp_path: Path) -> None:
    command = ("-m", "modsmith", "train", "sft", "--config", str(sft), "--out")
    run(sys.executable, *command, str(tmp_path / "one"))
    told = run(*TWO, *command, str(tmp_path / "two"))
    assert_same_curve(rows(tmp_path / "one"), rows(tmp_path / "two"))
    assert told.count("step 5/") == 1 and told.count("best model:") == 1, "only one process speaks"
    one, two = ({path.name for path in (tmp_path / name).rglob("*")} for name in ("one", "two"))
    assert two ^ one == {"rng_state.pth", "rng_state_0.pth", "rng_state_1.pth"}, "nothing is left over or missing"
    assert len(read_metrics(tmp_path / "one")) == len(read_metrics(tmp_path / "two"))


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on(sft: Path, tmp_path: Path) -> None:
    command = [*TWO, "-m", "modsmith", "train", "sft", "--config", str(sft), "--out"]
    run(*command, str(tmp_path / "whole"))
    process = subprocess.Popen([*command, str(tmp_path / "cut")], stderr=subprocess.DEVNULL)
    waited = time.monotonic() + 120
    while not (tmp_path / "cut/checkpoints/checkpoint-3/complete").exists():
        assert process.poll() is None and time.monotonic() < waited, "no checkpoint was written"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0 and not (tmp_path / "cut/final").exists()
    run(*command, str(tmp_path / "cut"), "--resume")
    whole, cut = rows(tmp_path / "whole"), rows(tmp_path / "cut")
    last = max(whole)
    assert cut[last] == pytest.approx(whole[last], rel=2e-5) and list(cut) == list(whole)


_GRPO = """
import sys
from collections import Counter
from pathlib import Path
from modsmith.prompt import render_answer
from modsmith.training import processes
from modsmith.training.grpo import ModerationGRPOTrainer, train_grpo
from modsmith.training.settings import GrpoSettings

def fixed(self, prompts, *others):
    seen, completions = Counter(), []
    for ids in prompts:
        turn = seen[tuple(ids)]
        seen[tuple(ids)] += 1
        level = (sum(ids) + turn) % 5
        text = render_answer({"invasive_species": level, "wild_taken": 0, "false_rarity": turn}) + " so" * turn
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        completions.append(ids + [self._tokenizer.eos_token_id])
    return completions, None

ModerationGRPOTrainer._generate_single_turn = fixed
train_grpo(GrpoSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
processes.leave()
"""


@pytest.mark.slow
def test_grpo_in_two_processes_learns_the_same_from_the_same_completions(start: dict[str, Any], tmp_path: Path) -> None:
    """Sampled completions differ: every process draws with a random state of its own. So these are given."""
    settings = GrpoSettings(
        **start, mode="direct", limit=24, steps=4, prompts_per_step=4, group_size=3, max_completion_tokens=60,
        unsure_low=0.0, unsure_high=1.0, learning_rate=0.01,
    )  # fmt: skip
    script = tmp_path / "fixed.py"
    script.write_text(_GRPO)
    for name, launcher in (("one", [sys.executable]), ("two", TWO)):
        run(*launcher, str(script), settings.model_dump_json(), str(tmp_path / name))
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert_same_curve(one, two)
    assert all(row["optim/grad_norm"] > 0 for row in one.values()), "nothing was learnt, so nothing was compared"
    tables = [parquet.read_table(tmp_path / name / "completions/000003.parquet") for name in ("one", "two")]
    assert tables[1].equals(tables[0])


def test_every_process_needs_its_share(start: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "start", lambda: None)
    with pytest.raises(UserError, match="batch_size 2 .* take at least 3"):
        train_sft(SftSettings(**start, batch_size=2), tmp_path / "sft")
    with pytest.raises(UserError, match="prompts_per_step 4 .* multiple of 3"):
        train_grpo(GrpoSettings(**start, prompts_per_step=4), tmp_path / "grpo")
    assert not list(tmp_path.iterdir())


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # as a cluster's own variables may say
    monkeypatch.setenv("RANK", "3")
    assert processes.count() == 1 and processes.is_main()
    assert processes.from_main("a") == "a" and processes.any_of(True) and not processes.any_of(False)
    processes.start(), processes.wait(), processes.leave()
