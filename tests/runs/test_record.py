from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from modsmith.errors import UserError
from modsmith.runs import find_runs, read_run


def test_a_finished_run(grpo_run: Path) -> None:
    run = read_run(grpo_run)
    assert (run.station, run.state, run.step, run.steps) == ("grpo", "finished", 60, 60)
    step, score = run.best or (0, 0.0)
    assert step == 60 and score == pytest.approx(0.75)


def test_running_until_it_is_silent_for_long(grpo_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(grpo_run, tmp_path / "run")
    shutil.rmtree(copy / "final")
    assert read_run(copy).state == "running"
    before = time.time() - 400
    os.utime(copy / "metrics.jsonl", (before, before))
    assert read_run(copy).state == "stopped"
    # A run whose rows come every two minutes is given longer.
    rows = [{"step": step, "time": f"2026-11-23T09:{2 * step:02d}:00+0000"} for step in range(10)]
    (copy / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.utime(copy / "metrics.jsonl", (before, before))
    assert read_run(copy).state == "running"


def test_steps_of_a_run_from_before_they_were_written_down(grpo_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(grpo_run, tmp_path / "run")
    (copy / "run.json").write_text('{"station": "sft"}')
    (copy / "config.yaml").write_text("epochs: 1.0\n")
    assert read_run(copy).steps is None
    (copy / "checkpoints/checkpoint-25").mkdir(parents=True)
    (copy / "checkpoints/checkpoint-25/trainer_state.json").write_text('{"max_steps": 193}')
    assert read_run(copy).steps == 193


def test_runs_are_found_below_and_the_newest_is_last(grpo_run: Path, tmp_path: Path) -> None:
    for name, minutes in (("new", 0), ("demo/sft", 50), ("demo/grpo", 10)):
        copy = shutil.copytree(grpo_run, tmp_path / name)
        when = time.time() - 60 * minutes
        os.utime(copy / "metrics.jsonl", (when, when))
    assert [str(run.folder.relative_to(tmp_path)) for run in find_runs(tmp_path)] == ["demo/sft", "demo/grpo", "new"]
    assert [run.folder for run in find_runs(tmp_path / "new")] == [tmp_path / "new"]


def test_a_run_without_any_row(grpo_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(grpo_run, tmp_path / "run")
    (copy / "metrics.jsonl").unlink()
    shutil.rmtree(copy / "final")
    run = read_run(copy)
    assert run.step == 0 and run.best is None and run.alarms == []


def test_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        read_run(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        find_runs(tmp_path / "nowhere")
    assert find_runs(tmp_path) == []
