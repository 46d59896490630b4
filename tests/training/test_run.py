"""The run folder and the callback: what is written, what stops a run, what may change when it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modsmith.errors import UserError
from modsmith.training.run import Run, read_metrics
from modsmith.training.settings import SftSettings
from modsmith.training.sft import train_sft


@pytest.fixture
def settings(tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path) -> SftSettings:
    return SftSettings(
        base=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file),
        plain_epochs=0.0, epochs=4, batch_size=4, learning_rate=0.01, lora_rank=4, save_every=50, eval_every=3,
        precision="fp32", tracker="none",
    )  # fmt: skip


def sliding() -> Iterator[dict[str, float]]:
    """Held-out recall that is there at first, then gone."""
    for recall in (0.5, 0.5, 0.0, 0.0, *[0.0] * 20):
        yield {"score": recall, "recall": recall}


def test_strict_stops_in_good_order_and_the_run_can_go_on(
    settings: SftSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = sliding()
    strict = settings.model_copy(update={"alarms": "stop"})
    with pytest.raises(UserError, match="stopped at step 9 by an alarm, predictions slide.*--resume"):
        train_sft(strict, tmp_path / "run", held_out=lambda model: next(scores))
    assert (tmp_path / "run/checkpoints/checkpoint-9/complete").exists() and not (tmp_path / "run/final").exists()
    assert "held-out recall went from 0.50 to 0.00" in capsys.readouterr().err
    # Going on all the same, with warnings only, is no change of what is trained.
    train_sft(settings, tmp_path / "run", resume=True, held_out=lambda model: next(scores))
    assert (tmp_path / "run/final").is_dir()
    assert "recall went from" not in capsys.readouterr().err  # told already


def test_warnings_and_silence_do_not_stop(
    settings: SftSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mode in ("warn", "none"):
        scores = sliding()
        changed = settings.model_copy(update={"alarms": mode, "epochs": 1.5})
        train_sft(changed, tmp_path / mode, held_out=lambda model: next(scores))  # noqa: B023 - called at once
        assert ("warning, predictions slide" in capsys.readouterr().err) is (mode == "warn")


def test_a_lost_gradient_makes_no_checkpoint(
    settings: SftSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modsmith.training import sft

    plain, calls = sft.weighted_loss, iter(range(100))
    monkeypatch.setattr(sft, "weighted_loss", lambda *args: plain(*args) * (float("nan") if next(calls) > 6 else 1.0))
    strict = settings.model_copy(update={"alarms": "stop", "save_every": 5})
    with pytest.raises(UserError, match="gradient is not a number"):
        train_sft(strict, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run/checkpoints").glob("checkpoint-*")] == ["checkpoint-5"]


def test_rows_say_how_fast_it_goes(settings: SftSettings, tmp_path: Path) -> None:
    train_sft(settings.model_copy(update={"epochs": 1.5}), tmp_path / "run", held_out=lambda model: {"score": 0.5})
    rows = [row for row in read_metrics(tmp_path / "run") if "train/loss" in row]
    for row in rows:
        assert row["time/step"] > 0 and row["tokens_per_second"] > 0 and row["machine/memory_gb"] > 0
    assert "time/held_out" in rows[0]
    assert json.loads((tmp_path / "run/run.json").read_text())["steps"] >= rows[-1]["step"]


def test_trackio_mirrors_the_rows_by_default(settings: SftSettings, tmp_path: Path) -> None:
    import sqlite3

    from trackio.utils import TRACKIO_DIR

    short = settings.model_copy(update={"epochs": 1.5, "tracker": SftSettings().tracker})
    train_sft(short, tmp_path / "mirrored", held_out=lambda model: {"score": 0.5})
    with sqlite3.connect(Path(TRACKIO_DIR) / "modsmith.db") as base:
        rows = base.execute("select metrics from metrics where run_name like '%/mirrored'").fetchall()
    text = b"".join(bytes(row[0]) for row in rows)
    assert b"train/loss" in text and b"held_out/score" in text and b"tokens_per_second" in text


@pytest.mark.parametrize(
    ("earlier", "goes_on"),
    [
        ({}, True),
        ({"tracker": "wandb", "alarms": "none"}, True),
        ({"learning_rate": 0.5}, False),
        ({"no_such_key": 1}, False),
    ],
)
def test_what_may_differ_when_a_run_goes_on(
    settings: SftSettings, tmp_path: Path, earlier: dict[str, Any], goes_on: bool
) -> None:
    kept = {key: value for key, value in settings.model_dump().items() if key not in ("tracker", "alarms")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**kept, **earlier}))  # as from before the two keys came
    if goes_on:
        assert Run(tmp_path, settings, True, {}).resumed
    else:
        with pytest.raises(UserError, match="other settings"):
            Run(tmp_path, settings, True, {})


def test_no_folder_is_made_for_a_run_that_cannot_be_tracked(
    settings: SftSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="tracker=none"):
        Run(tmp_path / "run", settings.model_copy(update={"tracker": "wandb"}), False, {})
    assert not (tmp_path / "run").exists()
