from __future__ import annotations

import io
import sqlite3
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from modsmith.errors import UserError
from modsmith.training.watch import Alarm, Tracker, check_tracker, open_tracker
from modsmith.training.watch.tracker import flatten

ALARM = Alarm("parse rate falls", 2, "half can be read", "a cause", "a cure")


def opened(kind: Any, folder: Path, resumed: bool = False) -> tuple[Tracker, io.StringIO]:
    out = io.StringIO()
    return open_tracker(kind, folder, {"seed": 1}, resumed, Console(file=out, width=200)), out


def test_numbers_only() -> None:
    flat = flatten({"a": 1, "b": None, "nan": float("nan"), "ok": True, "ratings/top": [[1, 0, 1], [0, 2, 0]]})
    assert flat["a"] == 1.0 and not {"b", "nan", "ok", "ratings/top"} & flat.keys()
    assert flat["ratings/gold_0"] == flat["ratings/gold_1"] == 0.5
    assert (flat["ratings/predicted_0"], flat["ratings/predicted_1"], flat["ratings/unparsed"]) == (0.25, 0.5, 0.25)


def test_trackio_keeps_rows_and_alarms_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracker, out = opened("trackio", tmp_path / "run-of-this-test")
    for step in (1, 2):
        tracker.log(step, {"reward/total": step / 10})
    tracker.alarm(ALARM)
    tracker.finish()
    assert "trackio show --project modsmith" in out.getvalue() and capsys.readouterr().out == ""
    from trackio.utils import TRACKIO_DIR

    with sqlite3.connect(Path(TRACKIO_DIR) / "modsmith.db") as base:
        rows = base.execute(
            "select step, metrics from metrics where run_name like '%run-of-this-test' order by step"
        ).fetchall()
        alerts = base.execute("select title from alerts where run_name like '%run-of-this-test'").fetchall()
    assert [step for step, _ in rows] == [1, 2] and b"reward/total" in bytes(rows[1][1])
    assert alerts == [("parse rate falls",)]


@pytest.mark.parametrize(("kind", "hint"), [("wandb", "modsmith\\[wandb\\]"), ("trackio", "pip install trackio")])
def test_a_missing_package_is_one_sentence(kind: Any, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=f"{hint}.*tracker=none"):
        check_tracker(kind)
    check_tracker("none")


class FakeWandb(ModuleType):
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.calls: list[Any] = []

    def init(self, **options: Any) -> Any:
        self.calls.append(options)
        return SimpleNamespace(
            log=lambda values, step: self.calls.append((step, values)),
            alert=lambda title, text: self.calls.append(title),
            finish=lambda: self.calls.append("finish"),
        )


def test_wandb_gets_a_steady_id_so_that_a_resumed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.chdir(tmp_path)
    for resumed in (False, True):
        tracker, _ = opened("wandb", tmp_path / "runs" / "grpo", resumed)
        tracker.log(3, {"reward/total": 0.5})
        tracker.alarm(ALARM)
        tracker.finish()
    first, *rest = fake.calls
    assert first["id"] == rest[3]["id"] == "runs-grpo" and rest[3]["resume"] == "allow" and first["resume"] is None
    assert rest[:3] == [(3, {"reward/total": 0.5}), "parse rate falls", "finish"]


def test_one_that_cannot_be_opened_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    monkeypatch.setattr(fake, "init", lambda **options: 1 / 0)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    with pytest.raises(UserError, match="wandb could not be opened.*division by zero"):
        opened("wandb", tmp_path)


def test_one_that_fails_later_is_left_out_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    tracker, out = opened("wandb", tmp_path)
    monkeypatch.setattr(fake, "calls", None)  # from here on every call raises
    tracker.log(1, {"a": 1.0})
    tracker.log(2, {"a": 1.0})
    tracker.finish()
    assert out.getvalue().count("failed and is left out") == 1
