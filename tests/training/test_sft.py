from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modsmith.corpus import load_corpus
from modsmith.errors import UserError
from modsmith.policy import Policy
from modsmith.training.base import load_model
from modsmith.training.encode import PromptEncoder
from modsmith.training.plan import Pass
from modsmith.training.rows import collate, weighted_loss, weighted_row
from modsmith.training.run import read_metrics
from modsmith.training.settings import SftSettings
from modsmith.training.sft import token_logits, train_sft
from modsmith.training.shared_prefix.model import teach_trees


@pytest.fixture
def settings(tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path) -> SftSettings:
    return SftSettings(
        base=str(tiny_model_folder),
        policy=str(plant_policy_file),
        corpus=str(plant_corpus_file),
        plain_epochs=0.0,
        epochs=4,
        batch_size=4,
        learning_rate=0.01,
        lora_rank=4,
        save_every=2,
        precision="fp32",
    )


def test_shared_prefix_equals_whole_rows(
    tiny_model_folder: Path, plant_policy: Policy, plant_corpus_file: Path
) -> None:
    """Logits and gradients are those of the plain way: every row with its own copy of the policy."""
    loaded = load_model(str(tiny_model_folder), "fp32")
    teach_trees(loaded.model)
    encoder = PromptEncoder(loaded.tokenizer, plant_policy)
    examples = load_corpus(plant_corpus_file, plant_policy)[:3]
    modes = ("direct", "think", "direct")
    rows = [
        weighted_row(Pass(example, mode), encoder, SftSettings())  # type: ignore[arg-type]
        for example, mode in zip(examples, modes, strict=True)
    ]
    batch = collate(rows, encoder.prefix_ids)
    chosen = batch["weights_N"] > 0
    targets, weights, levels = (batch[name][chosen] for name in ("ids_N", "weights_N", "levels_N"))

    def gradients(shared: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
        loaded.model.zero_grad()
        logits = token_logits(loaded.model, batch, shared)
        weighted_loss(logits, targets, weights, levels, encoder.digit_ids, 0.3).backward()
        return logits.detach(), [weight.grad.clone() for weight in loaded.model.parameters()]

    (ours, ours_grads), (plain, plain_grads) = gradients(True), gradients(False)
    torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(ours_grads, plain_grads, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-4)


def test_training_learns_and_leaves_a_whole_run_folder(settings: SftSettings, tmp_path: Path) -> None:
    scores = iter([0.1, 0.3, 0.2, 0.25, 0.2, 0.1, 0.1])
    changed = settings.model_copy(update={"eval_every": 8, "learning_rate": 0.05})
    best = train_sft(changed, tmp_path / "run", held_out=lambda model: {"score": next(scores)})
    assert best == tmp_path / "run" / "best"
    assert json.loads((best / "modsmith.json").read_text())["score"] == 0.3
    rows = [row for row in read_metrics(tmp_path / "run") if "train/loss" in row]
    assert rows[-1]["train/loss"] < rows[0]["train/loss"] - 0.1  # a random frozen output head leaves little room
    adapter = json.loads((tmp_path / "run" / "final" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == settings.base
    assert {path.name for path in (tmp_path / "run").iterdir() if not path.name.startswith(".")} == {
        "config.yaml", "run.json", "metrics.jsonl", "checkpoints", "best", "final",
    }  # fmt: skip


def test_all_weights_can_be_trained(settings: SftSettings, tmp_path: Path) -> None:
    changed = settings.model_copy(update={"lora_rank": 0, "epochs": 0.3, "learning_rate": 1e-3})
    final = train_sft(changed, tmp_path / "run")
    assert (final / "model.safetensors").is_file() and (final / "tokenizer.json").is_file()
    assert load_model(str(tmp_path / "run"), "fp32").folder == final


def test_all_weights_can_be_trained_from_an_adapter(settings: SftSettings, tmp_path: Path) -> None:
    train_sft(settings.model_copy(update={"epochs": 0.3}), tmp_path / "adapter")
    changed = settings.model_copy(update={"base": str(tmp_path / "adapter"), "lora_rank": 0, "epochs": 0.3})
    final = train_sft(changed, tmp_path / "run")
    before, after = load_model(str(tmp_path / "adapter"), "fp32").model, load_model(str(final), "fp32").model
    name = "model.layers.0.mlp.up_proj"
    assert not torch.equal(before.get_submodule(name).weight, after.get_submodule(name).weight)


def test_a_run_folder_is_never_overwritten(settings: SftSettings, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(UserError, match="--resume"):
        train_sft(settings, tmp_path)
    with pytest.raises(UserError, match="other settings"):
        train_sft(settings, tmp_path, resume=True)
    with pytest.raises(UserError, match="no run to resume"):
        train_sft(settings, tmp_path / "empty", resume=True)


def test_a_full_disk_is_one_sentence_and_keeps_earlier_checkpoints(
    settings: SftSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save

    def full(value: object, file: object, *args: object, **kwargs: object) -> None:
        if "checkpoint-4" in str(file):
            raise OSError(28, "No space left on device", str(file))
        save(value, file, *args, **kwargs)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="No space left.*--resume"):
        train_sft(settings, tmp_path / "run")
    monkeypatch.undo()
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-2" / "complete").exists()
    assert train_sft(settings, tmp_path / "run", resume=True).name == "final"


_SCRIPT = """
import sys
from pathlib import Path
from modsmith.training.settings import SftSettings
from modsmith.training.sft import train_sft
out = Path(sys.argv[2])
train_sft(SftSettings.model_validate_json(sys.argv[1]), out, resume=(out / "config.yaml").exists())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    settings: SftSettings, tmp_path: Path, number: signal.Signals
) -> None:
    def start(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, settings.model_dump_json(), str(out)], stderr=subprocess.DEVNULL
        )

    assert start(tmp_path / "whole").wait(180) == 0
    process = start(tmp_path / "cut")
    waited = time.monotonic() + 120
    while not (tmp_path / "cut/checkpoints/checkpoint-4/complete").exists():
        assert process.poll() is None and time.monotonic() < waited, "no checkpoint was written"
        time.sleep(0.01)
    os.kill(process.pid, number)
    assert process.wait(60) != 0
    assert not (tmp_path / "cut" / "final").exists()
    assert start(tmp_path / "cut").wait(180) == 0
    whole, cut = (
        {row["step"]: row for row in read_metrics(tmp_path / name) if "train/loss" in row} for name in ("whole", "cut")
    )
    for name, steps in (("optim/grad_norm", list(whole)), ("train/loss", list(whole)[1:])):
        # The first logged loss is a mean over steps before and after the checkpoint; what was before died with the run.
        assert {step: cut[step][name] for step in steps} == pytest.approx({step: whole[step][name] for step in steps})
    weights, again = (load_file(tmp_path / name / "final/adapter_model.safetensors") for name in ("whole", "cut"))
    torch.testing.assert_close(again, weights)
