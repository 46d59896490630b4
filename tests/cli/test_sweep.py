from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modsmith.cli import app
from modsmith.errors import UserError
from modsmith.training.sweep import Plan

RUNNER = CliRunner()
CONFIGS = Path(__file__).parents[2] / "configs"
SPACE = ["--space", str(CONFIGS / "sweep.yaml")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Plan, int, bool]]:
    """What `run_sweep` was asked for."""
    calls: list[tuple[Plan, int, bool]] = []

    def run_sweep(plan: Plan, trials: int, out: Path, train: Any, resume: bool) -> list[Any]:
        calls.append((plan, trials, resume))
        if not resume:
            plan.save(out)
        return []

    monkeypatch.setattr("modsmith.training.sweep.run_sweep", run_sweep)
    return calls


def test_config_changes_and_space_make_the_plan(asked: list[tuple[Plan, int, bool]], tmp_path: Path) -> None:
    words = ["--config", str(CONFIGS / "grpo.yaml"), "--set", "steps=3", "--trials", "5", "--out", str(tmp_path)]
    assert RUNNER.invoke(app, ["train", "sweep", "grpo", *SPACE, *words]).exit_code == 0
    ((plan, trials, resume),) = asked
    assert (plan.station, plan.settings.alarms, trials, resume) == ("grpo", "warn", 5, False)
    assert plan.settings.model_dump()["steps"] == 3 and "reward_weights.severity" in plan.space


def test_resume_alone_knows_its_settings_and_space(asked: list[tuple[Plan, int, bool]], tmp_path: Path) -> None:
    RUNNER.invoke(app, ["train", "sweep", "sft", *SPACE, "--set", "epochs=0.1", "--out", str(tmp_path)])
    result = RUNNER.invoke(app, ["train", "sweep", "sft", "--resume", "--strict", "--out", str(tmp_path)])
    assert result.exit_code == 0
    (started, *_), (gone_on, _, resume) = asked
    assert resume and gone_on.space == started.space and gone_on.settings.alarms == "stop"
    assert gone_on.settings.model_dump()["epochs"] == 0.1
    result = RUNNER.invoke(app, ["train", "sweep", "grpo", "--resume", "--out", str(tmp_path)])
    assert isinstance(result.exception, UserError) and "is a sweep of sft, not of grpo" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dpo", *SPACE], "choose sft or grpo"),
        (["sft", "--space", "none.yaml"], "cannot read space none.yaml"),
        (["sft", *SPACE, "--set", "epoch=1"], "key epoch"),
        (["sft", "--resume"], "holds no sweep to resume"),
    ],
)
def test_mistakes_are_told(words: list[str], sentence: str, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["train", "sweep", *words, "--out", str(tmp_path / "s")])
    assert isinstance(result.exception, UserError) and sentence in str(result.exception)
    assert not (tmp_path / "s").exists()
