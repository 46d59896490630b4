"""The real `modsmith corpus` command: build, load, audit, import."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import datasets
import pytest
from typer.testing import CliRunner

from modsmith.cli.corpus import app
from modsmith.listing import Listing
from modsmith.ratings import Verdict

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


def test_a_small_build_passes_the_audit(built: Path, tmp_path: Path) -> None:
    """The gate: no change to listings, offers, shells or their mixing may let a limit be passed."""
    result = modsmith("corpus", "audit", str(built), "--out", str(tmp_path))
    found = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert result.returncode == 0, [check for check in found["checks"] if not check["ok"]] or result.stderr
    assert found["ok"] and sum(check["limit"] is not None for check in found["checks"]) >= 13
    page = (tmp_path / "audit.html").read_text("utf-8")
    assert "What can be learnt from this corpus" in page and "Every check that has a limit passed" in page


def test_listings_of_mine_join_the_build(tmp_path: Path) -> None:
    mine = [{"id": "m1", "title": "Copper kettle drawings", "ratings": {}, "rationale": "Drawings.", "group": "g"}]
    mine.append(mine[0] | {"id": "m2", "group": "h"})
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, mine)), "utf-8")
    command = ("corpus", "build", "--size", "200", "--add", str(tmp_path / "mine.jsonl"), "--out")
    result = modsmith(*command, str(tmp_path / "one" / "data"))
    assert result.returncode == 0 and "mine.jsonl: 1 listings added, 1 dropped as near duplicates" in result.stderr
    counts = json.loads((tmp_path / "one" / "data" / "corpus.json").read_text("utf-8"))
    assert counts["by_source"]["mine.jsonl"] == 1
    card = (tmp_path / "one" / "data" / "README.md").read_text("utf-8")
    assert "| mine.jsonl | 1 | read from this file |" in card and "--add mine.jsonl" in card
    assert str(tmp_path) not in card
    assert modsmith(*command, str(tmp_path / "two" / "data")).returncode == 0
    assert _digests(tmp_path / "one" / "data") == _digests(tmp_path / "two" / "data")


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


class _ChannelJudge:
    """Sends to a person what speaks of channels."""

    def rate(self, listings: Sequence[Listing], progress: Callable[[int], None]) -> list[Verdict]:
        progress(len(listings))
        return [
            Verdict(one.id, "review" if "channels" in one.text else "allow", ratings=None, scores=None)
            for one in listings
        ]


def test_import_sets_suspicious_listings_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modsmith.forge.Judge.load", lambda model, policy: _ChannelJudge())
    rows = ("Ink brushes,Forty brushes", "Ink brushes,Forty brushes", "Stick login,Four thousand channels")
    (tmp_path / "shop.csv").write_text("name,body\n" + "\n".join(rows) + "\n", "utf-8")
    out, apart = tmp_path / "mine.jsonl", tmp_path / "mine.suspicious.jsonl"
    command = ["import", str(tmp_path / "shop.csv"), "--map", "title=name,description=body", "--out", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "2 listings read; dropped: 1 repeated" in result.output
    lines = [path.read_text("utf-8").splitlines() for path in (out, apart)]
    (kept,), (suspicious,) = ([json.loads(line) for line in found] for found in lines)
    assert (kept["title"], suspicious["title"]) == ("Ink brushes", "Stick login")
    assert kept["source"] == "weakly allowed, screened: shop.csv"
    assert suspicious["source"] == "weakly allowed: shop.csv"


def test_import_without_a_judge_says_that_nobody_looked(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("title,description\nInk brushes,Forty brushes\n", "utf-8")
    out = tmp_path / "mine.jsonl"
    result = CliRunner().invoke(app, ["import", str(tmp_path / "shop.csv"), "--screen", "none", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert json.loads(out.read_text("utf-8"))["source"] == "weakly allowed: shop.csv"
