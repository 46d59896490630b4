"""A run folder, read: what was asked for, how far it came, how well."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from modsmith.errors import UserError
from modsmith.training.watch import Alarm, alarms_of, read_metrics

State = Literal["finished", "running", "stopped"]
MOST_DEPTH = 4
"""Folders below the one that is asked for, in which runs are looked for."""
QUIET_SECONDS, QUIET_INTERVALS = 300.0, 6.0
"""A run without `final/` counts as running until it has been silent this long, or for so many usual intervals."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run."""

    folder: Path
    station: str
    """sft or grpo."""
    state: State
    step: int
    steps: int | None
    """Steps in all; `None` for a run of before they were written down, as long as it has no checkpoint."""
    rows: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    about: Mapping[str, Any]
    """run.json."""
    age_seconds: float
    """Since the last row of metrics."""

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, score) of the best held-out score."""
        scores = [(row["step"], row["held_out/score"]) for row in self.rows if row.get("held_out/score") is not None]
        return max(scores, key=lambda pair: pair[1], default=None)

    @property
    def alarms(self) -> list[Alarm]:
        """What rings in its metrics, whether or not it was shown then."""
        return alarms_of(self.rows)


def read_run(folder: Path) -> RunRecord:
    """Read one run. Raises `UserError` when the folder holds none."""
    folder = Path(folder)
    try:
        settings = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
        about = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{folder} holds no run (config.yaml and run.json); modsmith runs lists them") from error
    rows = read_metrics(folder)
    path = folder / "metrics.jsonl"
    silent = time.time() - (path if path.exists() else folder / "run.json").stat().st_mtime
    finished = (folder / "final").is_dir()
    state: State = "finished" if finished else "running" if silent < _patience(rows) else "stopped"
    return RunRecord(
        folder=folder,
        station=str(about.get("station", "")),
        state=state,
        step=max((int(row["step"]) for row in rows), default=0),
        steps=about.get("steps") or settings.get("steps") or _planned(folder),
        rows=rows,
        settings=settings,
        about=about,
        age_seconds=silent,
    )


def find_runs(folder: Path) -> list[RunRecord]:
    """Every run in `folder` and below it, the newest last. Raises `UserError` when there is no such folder."""
    if not Path(folder).is_dir():
        raise UserError(f"no folder {folder}; give the one that holds the runs, for example: modsmith runs runs/")
    return sorted(map(read_run, _run_folders(Path(folder), MOST_DEPTH)), key=lambda run: -run.age_seconds)


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "config.yaml").is_file() and (folder / "run.json").is_file():
        yield folder
    elif depth:
        with os.scandir(folder) as entries:
            below = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        for name in below:
            yield from _run_folders(folder / name, depth - 1)


def _patience(rows: Sequence[Mapping[str, Any]]) -> float:
    times = [datetime.fromisoformat(row["time"]).timestamp() for row in rows if "time" in row]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False) if later > earlier]
    return max(QUIET_SECONDS, QUIET_INTERVALS * statistics.median(gaps)) if gaps else QUIET_SECONDS


def _planned(folder: Path) -> int | None:
    """The number of steps that the last checkpoint was made for."""
    states = sorted(folder.glob("checkpoints/checkpoint-*/trainer_state.json"), key=lambda path: path.stat().st_mtime)
    return json.loads(states[-1].read_text("utf-8")).get("max_steps") if states else None
