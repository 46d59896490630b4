from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from modsmith.errors import UserError
from modsmith.training.average import average_models


def _adapter(folder: Path, value: float, rank: int = 2) -> str:
    folder.mkdir(parents=True)
    save_file({"a": torch.full((rank, 3), value, dtype=torch.bfloat16)}, folder / "adapter_model.safetensors")
    about = {"base_model_name_or_path": "smollm2-135m", "r": rank, "lora_alpha": 32}
    (folder / "adapter_config.json").write_text(json.dumps(about))
    (folder / "calibration.json").write_text("{}")
    (folder / "modsmith.json").write_text(json.dumps({"wording": "terse", "score": 0.5}))
    return str(folder)


def test_the_mean_is_a_model_of_its_own(tmp_path: Path) -> None:
    one, other = _adapter(tmp_path / "a" / "final", 1.0), _adapter(tmp_path / "b", 4.0)
    out = average_models([str(tmp_path / "a"), other], tmp_path / "mean")
    state = load_file(out / "adapter_model.safetensors")
    assert state["a"].dtype == torch.bfloat16 and state["a"].tolist() == [[2.5] * 3] * 2
    assert {path.name for path in out.iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "modsmith.json",
    }
    about = json.loads((out / "modsmith.json").read_text())
    assert about == {"wording": "terse", "score": None, "mean_of": [str(tmp_path / "a"), other]}
    assert load_file(Path(one) / "adapter_model.safetensors")["a"][0, 0] == 1.0


def test_checkpoints_become_a_small_model_of_their_run(tmp_path: Path) -> None:
    names = [_adapter(tmp_path / "run" / "checkpoints" / f"checkpoint-{step}", step, rank=4) for step in (1, 2)]
    for name in map(Path, names):
        save_file({"a": torch.full((4, 3), float(name.name[-1]))}, name / "adapter_model.safetensors")
        (name / "modsmith.json").unlink()
        (name / "optimizer.pt").write_bytes(b"0" * 100)
    (tmp_path / "run" / "run.json").write_text(json.dumps({"categories": ["x"], "wording": "terse", "steps": 2}))
    out = average_models(names, tmp_path / "mean", "bf16")
    assert not (out / "optimizer.pt").exists()
    assert load_file(out / "adapter_model.safetensors")["a"].tolist() == [[1.5] * 3] * 4
    assert load_file(out / "adapter_model.safetensors")["a"].dtype == torch.bfloat16
    about = json.loads((out / "modsmith.json").read_text())
    assert about == {"categories": ["x"], "wording": "terse", "mean_of": names, "score": None}


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    one, wide = _adapter(tmp_path / "a", 1.0), _adapter(tmp_path / "b", 1.0, rank=4)
    (tmp_path / "empty").mkdir()
    for names, part in (
        ([one], "at least two"),
        ([one, wide], "not of one shape"),
        ([one, str(tmp_path / "nowhere")], "no run or model folder"),
        ([one, str(tmp_path / "empty")], "holds no adapter_model.safetensors"),
    ):
        with pytest.raises(UserError, match=part):
            average_models(names, tmp_path / "mean")
        assert not (tmp_path / "mean").exists()
    with pytest.raises(UserError, match="exists already"):
        average_models([one, one], tmp_path / "empty")


def test_second_readers_are_not_averaged(tmp_path: Path) -> None:
    names = [_adapter(tmp_path / name, 1.0) for name in "ab"]
    (tmp_path / "b/second.json").write_text("{}")
    with pytest.raises(UserError, match="second readers are not averaged"):
        average_models(names, tmp_path / "mean")
