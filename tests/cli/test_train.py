from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from modsmith.cli import app
from modsmith.errors import UserError
from modsmith.training.second.settings import SecondSettings

RUNNER = CliRunner()
CONFIG = Path(__file__).parents[2] / "configs/second.yaml"
Asked = list[tuple[SecondSettings, Path, bool]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What `train_second_reader` was asked for."""
    calls: Asked = []

    def train(settings: SecondSettings, out: Path, resume: bool) -> Path:
        calls.append((settings, out, resume))
        return out / "best"

    monkeypatch.setattr("modsmith.forge.train_second_reader", train)
    return calls


def test_config_and_changes_make_the_settings_of_a_second_reader(asked: Asked, tmp_path: Path) -> None:
    words = ["--config", str(CONFIG), "--set", "start=runs/earlier", "--set", "also=[]", "--strict"]
    result = RUNNER.invoke(app, ["train", "second", *words, "--out", str(tmp_path)])
    assert result.exit_code == 0 and f"best model: {tmp_path / 'best'}" in result.output
    ((settings, out, resume),) = asked
    assert (settings.start, settings.also, settings.alarms) == ("runs/earlier", [], "stop")
    assert (settings.beside, out, resume) == ("shipped-lm", tmp_path, False)


def test_resume_alone_takes_the_settings_of_the_run(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("passes: 0.5\n")
    assert RUNNER.invoke(app, ["train", "second", "--resume", "--out", str(tmp_path)]).exit_code == 0
    ((settings, _, resume),) = asked
    assert resume and settings.passes == 0.5


def test_an_unknown_setting_is_named(asked: Asked, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["train", "second", "--set", "pass=3", "--out", str(tmp_path)])
    assert isinstance(result.exception, UserError) and "key pass" in str(result.exception)
    assert not asked
