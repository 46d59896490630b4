from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modsmith.cli import app
from modsmith.errors import UserError

RUNNER = CliRunner()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "sft"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 1\n")
    (folder / "run.json").write_text('{"station": "sft", "steps": 20}')
    rows = [{"step": step, "train/loss": 1 / step} for step in (5, 10, 15)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_runs_alone_and_with_a_folder_list(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent.parent)
    for words in (["runs"], ["runs", "runs"], ["runs", str(run.parent)], ["runs", "list", "runs"]):
        result = RUNNER.invoke(app, words)
        assert result.exit_code == 0 and "15/20" in result.stdout and "running" in result.stdout


def test_show_writes_the_page_where_it_is_asked_to(run: Path, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["runs", "show", str(run)])
    assert result.exit_code == 0 and "SFT is running, at step 15 of 20" in result.stdout and "Loss" in result.stdout
    assert (run / "run.html").is_file()
    result = RUNNER.invoke(app, ["runs", "show", str(run), "--no-curves", "--html", str(tmp_path / "a.html")])
    assert result.exit_code == 0 and result.stdout == "" and (tmp_path / "a.html").is_file()


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    assert isinstance(RUNNER.invoke(app, ["runs", "show", str(tmp_path)]).exception, UserError)
    assert isinstance(RUNNER.invoke(app, ["runs", str(tmp_path / "none")]).exception, UserError)
    empty = RUNNER.invoke(app, ["runs", str(tmp_path)])
    assert empty.exit_code == 0 and "no runs in" in empty.stderr


def test_help_names_both(run: Path) -> None:
    text = RUNNER.invoke(app, ["runs", "--help"]).stdout
    assert "list" in text and "show" in text


@pytest.mark.parametrize(
    ("words", "alarms"), [([], "warn"), (["--strict"], "stop"), (["--set", "alarms=none"], "none")]
)
def test_strict_is_a_setting(words: list[str], alarms: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def train_station(station: str, settings: Any, out: Path, resume: bool) -> Path:
        asked.append(settings.alarms)
        return out

    monkeypatch.setattr("modsmith.forge.train_station", train_station)
    for station in ("sft", "grpo"):
        assert RUNNER.invoke(app, ["train", station, "--out", str(tmp_path), *words]).exit_code == 0
    assert asked == [alarms, alarms]
