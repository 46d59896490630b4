"""The mean of several models' weights, as one model.

Runs that went on from the same model with other orders of the listings end in the same basin; the mean of their weights
is as good as the best of them or better, at the cost of one (model soups, Wortsman et al. 2203.05482; local SGD, Stich
1805.09767). Two runs side by side, one thread each, also read more listings on two cores than one run with two threads.

    modsmith train sft --set seed=1 --out runs/a &  modsmith train sft --set seed=2 --out runs/b &  wait
    modsmith model average runs/a runs/b --out runs/ab
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modsmith.errors import UserError
from modsmith.files import atomic_folder, write_json
from modsmith.training.base import ABOUT, RUN_ABOUT, SECOND_ABOUT, Precision, about_model, model_folder, pick_dtype

WEIGHTS = ("adapter_model.safetensors", "model.safetensors")
NOT_SHARED = (
    "calibration.json", "README.md", "complete", "optimizer.pt", "rng_state*.pth", "scheduler.pt", "scaler.pt",
    "trainer_state.json", "training_args.bin",
)  # fmt: skip
"""What was true of one model alone, and what a checkpoint keeps to go on from."""


def average_models(names: Sequence[str], out: Path, precision: Precision = "auto") -> Path:
    """Write the mean of the weights of the named runs, model folders or checkpoints to `out`; returns it.

    "auto" writes each weight in the precision of the first model; bf16 halves what an fp32 adapter takes. Settings and
    tokenizer are those of the first. Adapters are averaged factor by factor: exact for runs from one
    adapter only in so far as they stayed near each other. Raises `UserError` when the models do not fit.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if len(names) < 2:
        raise UserError("an average takes at least two models")
    if out.exists():
        raise UserError(f"{out} exists already; choose another --out")
    folders = [_folder(name) for name in names]
    if any((folder / SECOND_ABOUT).is_file() for folder in folders):
        raise UserError("second readers are not averaged: each has a head of its own; name language models")
    file = _weights_file(folders[0])
    states = [load_file(_checked(folder / file)) for folder in folders]
    shapes = [{key: value.shape for key, value in state.items()} for state in states]
    for folder, shape in zip(folders, shapes, strict=True):
        if shape != shapes[0]:
            raise UserError(f"{folder} and {folders[0]} are not of one shape; average models trained from the same one")
        if file == WEIGHTS[0] and _adapter(folder) != _adapter(folders[0]):
            raise UserError(f"{folder} and {folders[0]} are adapters of another base, rank or alpha")
    dtype = None if precision == "auto" else pick_dtype(precision)
    mean = {
        key: torch.stack([state[key].float() for state in states]).mean(0).to(dtype or value.dtype).contiguous()
        for key, value in states[0].items()
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(out) as building:
            shutil.copytree(folders[0], building, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_SHARED))
            save_file(mean, building / file, metadata={"format": "pt"})
            write_json(building / ABOUT, {**_about(folders[0]), "mean_of": list(names), "score": None})
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    return out


def _folder(name: str) -> Path:
    folder = model_folder(name)
    if folder is None:
        raise UserError(f"{name} is no run or model folder")
    return folder


def _about(folder: Path) -> dict[str, Any]:
    """What the model says of itself; of a checkpoint (RUN/checkpoints/checkpoint-N), what its run says."""
    run = folder.parent.parent / RUN_ABOUT
    if (folder / ABOUT).is_file() or folder.parent.name != "checkpoints" or not run.is_file():
        return about_model(folder)
    found = json.loads(run.read_text("utf-8"))
    return {key: found[key] for key in ("wording", "categories") if key in found}


def _weights_file(folder: Path) -> str:
    for file in WEIGHTS:
        if (folder / file).is_file():
            return file
    raise UserError(f"{folder} holds no weights in one file ({' or '.join(WEIGHTS)})")


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path.parent} holds no {path.name}; average adapters with adapters, models with models")
    return path


def _adapter(folder: Path) -> tuple[object, ...]:
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    return tuple(config.get(key) for key in ("base_model_name_or_path", "r", "lora_alpha", "use_rslora", "use_dora"))
