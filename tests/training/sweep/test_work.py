"""A sweep from start to end with a training that is a formula; then one with a tiny model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from modsmith.errors import UserError
from modsmith.training.run import StoppedOnRequestError
from modsmith.training.settings import GrpoSettings, RunSettings, load_settings
from modsmith.training.sweep import Choice, Floats, Ints, Plan, Trial, run_sweep

PLAN = Plan(
    "grpo",
    GrpoSettings(learning_rate=1e-4, group_size=4, seed=3),
    {
        "learning_rate": Floats(bounds=(1e-5, 1e-3), log=True),
        "group_size": Ints(bounds=(2, 8), step=2),
        "reward_weights.severity": Floats(bounds=(0.0, 1.0)),
        "wording": Choice(values=("plain", "terse", "buyer")),
    },
)


class Formula:
    """In place of a training: the higher the rate the better, and "buyer" best. `before` may interfere."""

    def __init__(self, before: Callable[[int, Any], None] = lambda call, settings: None) -> None:
        self.before = before
        self.calls: list[tuple[str, bool]] = []

    def __call__(self, station: str, settings: RunSettings, out: Path, resume: bool) -> Path:
        assert isinstance(settings, GrpoSettings) and station == "grpo" and settings.progress == "bar"
        self.calls.append((out.name, resume))
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.yaml").write_text(yaml.safe_dump(settings.model_dump()))
        self.before(len(self.calls), settings)
        score = settings.learning_rate * 100 + settings.reward_weights["severity"] / 10 + (settings.wording == "buyer")
        (out / "best").mkdir()
        about = {"score": score, "f1": score / 2, "wording": settings.wording}
        (out / "best/modsmith.json").write_text(json.dumps(about))
        return out / "best"


def what(trials: list[Trial]) -> list[tuple[Any, ...]]:
    """Trials without their times."""
    return [(trial.number, trial.state, dict(trial.changes), trial.score) for trial in trials]


def test_the_best_trial_becomes_a_ready_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = run_sweep(PLAN, 8, tmp_path / "sweep", Formula())
    assert [trial.state for trial in trials] == ["finished"] * 8
    first = dict(trials[0].changes)  # the config as it stands
    assert first == {
        "learning_rate": 1e-4, "group_size": 4, "reward_weights.severity": 0.5, "wording": "plain",
    }  # fmt: skip
    winner = max(trials, key=lambda trial: trial.score or 0)
    best = load_settings(GrpoSettings, tmp_path / "sweep/best.yaml")
    severity = winner.changes["reward_weights.severity"]
    assert best.wording == winner.changes["wording"] and best.learning_rate == winner.changes["learning_rate"]
    assert best.reward_weights == {**GrpoSettings().reward_weights, "severity": severity}
    assert (best.progress, best.steps) == ("lines", 24)  # what the sweep did not change stays

    record = json.loads((tmp_path / "sweep/sweep.json").read_text())
    assert record["best"]["number"] == winner.number and record["best"]["wording"] == best.wording
    assert len(record["trials"]) == 8 and record["trials"][3]["run"] == "trials/003"
    assert record["space"]["group_size"] == {"int": [2, 8], "step": 2}
    assert (tmp_path / "sweep/sweep.png").read_bytes().startswith(b"\x89PNG")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("8 trials -> ") and len(lines) == 9
    assert "3/8" in lines[3] and lines[3].endswith(" left") and not lines[8].endswith(" left")


def test_a_trial_cut_off_goes_on_and_finished_ones_are_left_alone(tmp_path: Path) -> None:
    whole = run_sweep(PLAN, 6, tmp_path / "whole", Formula())

    def cut(call: int, settings: Any) -> None:
        if call == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(PLAN, 6, tmp_path / "cut", Formula(cut))
    assert [one["run"] for one in json.loads((tmp_path / "cut/sweep.json").read_text())["trials"]] == [
        "trials/000", "trials/001",
    ]  # fmt: skip
    second = Formula()
    gone_on = run_sweep(Plan.load(tmp_path / "cut"), 6, tmp_path / "cut", second, resume=True)
    assert second.calls == [("002", True), ("003", False), ("004", False), ("005", False)]
    assert what(gone_on) == what(whole)
    third = Formula()
    assert len(run_sweep(PLAN, 6, tmp_path / "cut", third, resume=True)) == 6 and third.calls == []
    assert len(run_sweep(PLAN, 7, tmp_path / "cut", third, resume=True)) == 7 and third.calls == [("006", False)]


def test_a_proposal_that_never_began_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the values of one proposal: the first of them stand, the others are drawn."""
    whole = run_sweep(PLAN, 3, tmp_path / "whole", Formula())
    draw, count = Choice.draw, iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(Choice, "draw", lambda *args: draw(*args) if next(count) < 2 else sys.exit(9))
        with pytest.raises(SystemExit):
            run_sweep(PLAN, 3, tmp_path / "cut", Formula())
    gone_on = run_sweep(PLAN, 3, tmp_path / "cut", Formula(), resume=True)
    assert [trial.number for trial in gone_on] == [0, 1, 2]
    assert what(gone_on)[:2] == what(whole)[:2]
    assert list(gone_on[2].changes.values())[:3] == list(whole[2].changes.values())[:3]


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    def stop(call: int, settings: Any) -> None:
        raise StoppedOnRequestError("stopped at step 3; continue with --resume --out somewhere/else")

    with pytest.raises(UserError, match=f"^stopped in trial 000; continue with --resume --out {tmp_path}/s$"):
        run_sweep(PLAN, 2, tmp_path / "s", Formula(stop))


def test_failed_trials_are_recorded_and_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(call: int, settings: Any) -> None:
        if call == 2:
            raise UserError("the start model is sure")

    trials = run_sweep(PLAN, 3, tmp_path / "s", Formula(fail))
    assert [trial.state for trial in trials] == ["finished", "failed", "finished", "finished"]
    record = json.loads((tmp_path / "s/sweep.json").read_text())["trials"][1]
    assert (record["error"], record["score"]) == ("the start model is sure", None)
    assert "trial 001  1/3  failed: the start model is sure" in capsys.readouterr().err


def test_three_failures_in_a_row_are_not_the_settings(tmp_path: Path) -> None:
    def fail(call: int, settings: Any) -> None:
        if call > 1:
            raise UserError("the disk is full")

    with pytest.raises(UserError, match="3 trials in a row failed, the last one so: the disk is full"):
        run_sweep(PLAN, 5, tmp_path / "s", Formula(fail))
    trials = run_sweep(PLAN, 5, tmp_path / "s", Formula(), resume=True)
    assert [trial.state for trial in trials].count("finished") == 5


def test_other_errors_are_bugs_and_pass(tmp_path: Path) -> None:
    def fail(call: int, settings: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_sweep(PLAN, 5, tmp_path / "s", Formula(fail))


def test_a_small_space_ends_when_it_is_exhausted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = replace(PLAN, space={"wording": PLAN.space["wording"]})
    trials = run_sweep(small, 9, tmp_path / "s", Formula())
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert {trial.changes["wording"] for trial in trials} == {"plain", "terse", "buyer"}
    assert "nothing new left to try" in capsys.readouterr().err


def test_a_config_outside_its_space_is_no_trial(tmp_path: Path) -> None:
    outside = replace(PLAN, settings=PLAN.settings.model_copy(update={"group_size": 3}))
    (trial,) = run_sweep(outside, 1, tmp_path / "s", Formula())
    assert trial.changes["group_size"] in (2, 4, 6, 8)


def test_one_folder_one_sweep(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no sweep to resume"):
        run_sweep(PLAN, 1, tmp_path / "s", Formula(), resume=True)
    run_sweep(PLAN, 1, tmp_path / "s", Formula())
    with pytest.raises(UserError, match="already holds a sweep"):
        run_sweep(PLAN, 1, tmp_path / "s", Formula())
    for other in (
        replace(PLAN, settings=PLAN.settings.model_copy(update={"steps": 3})),
        replace(PLAN, space={"wording": PLAN.space["wording"]}),
    ):
        with pytest.raises(UserError, match="other settings or another space"):
            run_sweep(other, 1, tmp_path / "s", Formula(), resume=True)
    watched = replace(PLAN, settings=PLAN.settings.model_copy(update={"alarms": "stop", "tracker": "none"}))
    assert len(run_sweep(watched, 1, tmp_path / "s", Formula(), resume=True)) == 1
    (tmp_path / "s/sweep.yaml").write_text("station: grpo\n")
    with pytest.raises(UserError, match="sweep.yaml is damaged"):
        Plan.load(tmp_path / "s")


def test_a_damaged_study_is_told_in_one_sentence(tmp_path: Path) -> None:
    run_sweep(PLAN, 1, tmp_path / "s", Formula())
    (tmp_path / "s/study.db").write_text("no database, for all its length " * 100)
    with pytest.raises(UserError, match="cannot use .*study.db: .*not a database; make room"):
        run_sweep(PLAN, 2, tmp_path / "s", Formula(), resume=True)


# --- with a model -----------------------------------------------------------------------------------------------------


@pytest.fixture
def arguments(tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path, tmp_path: Path) -> list[str]:
    """`train sweep sft` over rate and wording, short."""
    config = {
        "base": str(tiny_model_folder), "policy": str(plant_policy_file), "corpus": str(plant_corpus_file),
        "limit": 16, "plain_epochs": 0, "epochs": 2, "batch_size": 4, "lora_rank": 2, "learning_rate": 0.01,
        "precision": "fp32", "tracker": "none", "eval_every": 50, "eval_limit": 8, "calibration_limit": 8,
        "save_every": 2,
    }  # fmt: skip
    (tmp_path / "sft.yaml").write_text(yaml.safe_dump(config))
    space = {"learning_rate": {"float": [0.001, 0.1], "log": True}, "wording": {"choice": ["plain", "rules"]}}
    (tmp_path / "space.yaml").write_text(yaml.safe_dump({"sft": space}))
    out = ["--out", str(tmp_path / "sweep"), "--trials", "3"]
    return ["train", "sweep", "sft", "--config", f"{tmp_path}/sft.yaml", "--space", f"{tmp_path}/space.yaml", *out]


def test_three_trials_of_a_tiny_model(arguments: list[str], tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from modsmith.cli import app
    from modsmith.judge import Judge
    from modsmith.policy import load_policy
    from modsmith.prompt import WORDINGS
    from modsmith.runs import find_runs
    from modsmith.training.settings import SftSettings

    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "trial" in result.stdout and "wording" in result.stdout and "best.yaml" in result.stderr
    runs = find_runs(tmp_path / "sweep")
    assert {(run.folder.name, run.state) for run in runs} == {(f"{n:03d}", "finished") for n in range(3)}
    record = json.loads((tmp_path / "sweep/sweep.json").read_text())
    best = load_settings(SftSettings, tmp_path / "sweep/best.yaml")
    policy = load_policy(best.policy)
    for trial in record["trials"]:
        assert trial["score"] == max(run.best[1] for run in runs if run.folder.name in trial["run"] and run.best)
        judge = Judge.load(str(tmp_path / "sweep" / trial["run"]), policy)
        assert WORDINGS[trial["changes"]["wording"]] in judge.encoder.tokenizer.decode(judge.encoder.prefix_ids)
    assert best.wording == record["best"]["changes"]["wording"] == record["best"]["wording"]


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_trial(arguments: list[str], tmp_path: Path) -> None:
    """Killed in the second trial, after a checkpoint of it: the sweep ends as one that was left alone."""

    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "modsmith", *words]

    def trials(folder: str) -> list[Any]:
        record = json.loads((tmp_path / folder / "sweep.json").read_text())
        return [(one["changes"], one["score"], one["held_out"]) for one in record["trials"]]

    arguments += ["--set", "epochs=6"]
    process = subprocess.Popen(command(*arguments))
    checkpoints = tmp_path / "sweep/trials/001/checkpoints"
    deadline = time.monotonic() + 300
    while not list(checkpoints.glob("*/complete")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = (tmp_path / "sweep/trials/000/best/modsmith.json").stat().st_mtime_ns
    subprocess.run(
        command("train", "sweep", "sft", "--resume", "--trials", "3", "--out", str(tmp_path / "sweep")), check=True
    )
    assert (tmp_path / "sweep/trials/000/best/modsmith.json").stat().st_mtime_ns == first

    alone = [str(tmp_path / "alone") if word == str(tmp_path / "sweep") else word for word in arguments]
    subprocess.run(command(*alone), check=True)
    assert trials("sweep") == trials("alone")
