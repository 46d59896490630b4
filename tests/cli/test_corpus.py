"""The real `modsmith corpus` command: build, load, audit, import."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

SIZE = 600


def modsmith(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "modsmith", *arguments], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    result = modsmith("corpus", "build", "--size", str(SIZE), "--seed", "3", "--out", str(folder))
    assert result.returncode == 0, result.stderr
    return folder


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_command_writes_the_same_bytes(built: Path, tmp_path: Path) -> None:
    assert modsmith("corpus", "build", "--size", str(SIZE), "--seed", "3", "--out", str(tmp_path)).returncode == 0
    first, again = _digests(built), _digests(tmp_path)
    # The card is named after its folder.
    assert first.pop("README.md") and again.pop("README.md")
    assert first == again and {"train.parquet", "test.jsonl", "corpus.json"} <= set(first)


def test_a_built_corpus_loads_as_a_dataset(built: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(built), cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "validation", "test"}
    assert sum(map(len, loaded.values())) == pytest.approx(SIZE, rel=0.02)
    assert set(loaded["test"]["slice"]) >= {"unseen offer", "unseen shell", "unseen transform"}
    assert json.loads((built / "corpus.json").read_text("utf-8"))["hash"] in (built / "README.md").read_text("utf-8")


def test_the_audit_reports_and_its_exit_code_is_its_verdict(built: Path, tmp_path: Path) -> None:
    result = modsmith("corpus", "audit", str(built), "--out", str(tmp_path))
    found = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert result.returncode == (0 if found["ok"] else 1), result.stderr
    by_name = {check["name"]: check for check in found["checks"]}
    # What small numbers cannot blur holds in every build.
    exact = [check for check in found["checks"] if check["limit"] == 0]
    assert len(exact) >= 5 and all(check["ok"] for check in exact), exact
    assert by_name["label from formatting only (AUC)"]["value"] < 0.66
    assert "What can be learnt from this corpus" in (tmp_path / "audit.html").read_text("utf-8")


def test_a_corpus_with_a_planted_fault_fails_the_audit(built: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (built / "train.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        if max(row["ratings"].values()) >= 3:
            row["description"] = "# Buy now\n\n" + row["description"]
    (tmp_path / "planted.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    result = modsmith("corpus", "audit", str(tmp_path / "planted.jsonl"), "--out", str(tmp_path))
    assert result.returncode == 1
    failed = [
        check["name"] for check in json.loads((tmp_path / "audit.json").read_text("utf-8"))["checks"] if not check["ok"]
    ]
    assert "label from formatting only (AUC)" in failed


def test_import_sets_suspicious_listings_apart(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("name,body\nInk brushes,Forty brushes\nInk brushes,Forty brushes\n", "utf-8")
    out = tmp_path / "mine.jsonl"
    result = modsmith(
        "corpus", "import", str(tmp_path / "shop.csv"), "--map", "title=name,description=body", "--out", str(out)
    )
    assert result.returncode == 0, result.stderr
    assert "1 listings read; dropped: 1 repeated" in result.stdout
    kept = out.read_text("utf-8").splitlines()
    apart = out.with_suffix(".suspicious.jsonl")
    assert len(kept) + (len(apart.read_text("utf-8").splitlines()) if apart.exists() else 0) == 1
