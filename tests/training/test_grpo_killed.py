"""`modsmith train grpo` as a process of its own, killed after a checkpoint: it ends where an unharmed one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modsmith.training.run import read_metrics

NOT_OF_THE_RUN = ("time", "machine/", "tokens_per_second", "train_")
"""How long it took, and on what."""


@pytest.mark.slow
def test_killed_and_resumed_it_equals_a_run_that_was_not(
    tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path, tmp_path: Path
) -> None:
    # No completion of a random model can be read. CoRPO pushes away from wrong ones: there are gradients all the same.
    settings = {
        "base": tiny_model_folder, "policy": plant_policy_file, "corpus": plant_corpus_file, "limit": 12, "steps": 6,
        "prompts_per_step": 2, "group_size": 2, "max_completion_tokens": 6, "unsure_low": 0, "unsure_high": 1,
        "lora_rank": 2, "precision": "fp32", "tracker": "none", "advantage": "corpo", "mode": "both", "save_every": 2,
        "eval_every": 3, "learning_rate": 0.01,
    }  # fmt: skip

    def start(name: str, *more: str) -> subprocess.Popen[bytes]:
        changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        command = [sys.executable, "-m", "modsmith", "train", "grpo", "--out", str(tmp_path / name)]
        return subprocess.Popen([*command, *(more or changes)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start("whole").wait(300) == 0
    process = start("cut")
    waited = time.monotonic() + 300
    while not (tmp_path / "cut/checkpoints/checkpoint-2/complete").exists():
        assert process.poll() is None and time.monotonic() < waited, "no checkpoint was written"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL and not (tmp_path / "cut/final").exists()
    assert start("cut", "--resume").wait(300) == 0

    whole, cut = (
        [{key: value for key, value in row.items() if not key.startswith(NOT_OF_THE_RUN) and value is not None}
         for row in read_metrics(tmp_path / name) if "reward/total" in row or "held_out/score" in row]
        for name in ("whole", "cut")
    )  # fmt: skip
    assert [row["step"] for row in whole] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert all(row["optim/grad_norm"] > 0 for row in whole if "reward/total" in row)
    for before, after in zip(whole, cut, strict=True):
        assert before.keys() == after.keys()
        for key, value in before.items():
            assert after[key] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value), key
    weights, again = (load_file(tmp_path / name / "final/adapter_model.safetensors") for name in ("whole", "cut"))
    torch.testing.assert_close(again, weights)
    assert any(weight.abs().sum() > 0 for name, weight in weights.items() if "lora_B" in name), "nothing was learnt"
