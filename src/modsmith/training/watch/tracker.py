"""Live curves: trackio (local files, no account), wandb or tensorboard. metrics.jsonl is written whatever is chosen.

A tracker is a mirror: when it cannot be opened, the run does not start (`UserError`); once the run goes, a tracker that
fails is switched off with one line and the run goes on.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from rich.console import Console

from modsmith.errors import UserError
from modsmith.training.watch.alarms import Alarm

TrackerName = Literal["trackio", "wandb", "tensorboard", "none"]
PROJECT = "modsmith"
"""All runs are in one project, so that they can be laid over each other."""


class Tracker(Protocol):
    """Where metrics are mirrored to."""

    def log(self, step: int, values: Mapping[str, Any]) -> None: ...

    def alarm(self, alarm: Alarm) -> None: ...

    def finish(self) -> None: ...


def check_tracker(kind: TrackerName) -> None:
    """Raise `UserError` when the package of this tracker is not installed; called before a run folder is made."""
    if kind != "none" and importlib.util.find_spec(kind) is None:
        hint = "pip install trackio" if kind == "trackio" else f"pip install 'modsmith[{kind}]'"
        raise UserError(f"tracker {kind} needs a package that is missing: {hint}, or go without: --set tracker=none")


def open_tracker(
    kind: TrackerName, folder: Path, settings: Mapping[str, Any], resumed: bool, console: Console
) -> Tracker:
    """The tracker for the run in `folder`. Raises `UserError` when it cannot be opened."""
    if kind == "none":
        return _Nothing()
    opened: Tracker
    try:
        # Each of them greets on standard output, which belongs to the command's results.
        with contextlib.redirect_stdout(io.StringIO()):
            if kind == "trackio":
                opened = _Trackio(_run_name(folder), settings, resumed)
            elif kind == "wandb":
                opened = _Wandb(_run_name(folder), folder, settings, resumed)
            else:
                opened = _TensorBoard(folder)
    except Exception as error:  # no account, no right to write: each of them has its own types
        told = " ".join(str(error).split())[:300]
        raise UserError(
            f"tracker {kind} could not be opened ({told}); mend that, or go without: --resume --set tracker=none"
        ) from error
    console.print(f"live curves: {_LOOK[kind].format(folder=folder)}", style="dim", highlight=False, soft_wrap=True)
    return _Shielded(opened, kind, console)


_LOOK = {
    "trackio": f"trackio show --project {PROJECT}",
    "wandb": f"wandb, project {PROJECT}",
    "tensorboard": "tensorboard --logdir {folder}/tensorboard",
}


def _run_name(folder: Path) -> str:
    """The folder as a person would write it: below the working directory where it lies there."""
    whole = folder.resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


def flatten(values: Mapping[str, Any]) -> dict[str, float]:
    """Numbers only. The table ratings/top becomes shares: ratings/gold_3, ratings/predicted_3, ratings/unparsed."""
    flat = {
        key: float(value)
        for key, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }
    if table := values.get("ratings/top"):
        total = sum(map(sum, table)) or 1
        flat |= {f"ratings/gold_{level}": sum(row) / total for level, row in enumerate(table)}
        said = [sum(column) / total for column in zip(*table, strict=True)]
        flat |= {f"ratings/predicted_{level}": share for level, share in enumerate(said[:-1])}
        flat["ratings/unparsed"] = said[-1]
    return flat


class _Nothing:
    def log(self, step: int, values: Mapping[str, Any]) -> None:
        pass

    def alarm(self, alarm: Alarm) -> None:
        pass

    def finish(self) -> None:
        pass


class _Shielded:
    """Passes everything on until the first failure; a full disk or a lost connection must not end hours of training."""

    def __init__(self, inner: Tracker, kind: str, console: Console) -> None:
        self._inner: Tracker = inner
        self._kind, self._console = kind, console

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        self._try("log", step, flatten(values))

    def alarm(self, alarm: Alarm) -> None:
        self._try("alarm", alarm)

    def finish(self) -> None:
        self._try("finish")

    def _try(self, method: str, *args: Any) -> None:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                getattr(self._inner, method)(*args)
        except Exception as error:
            self._inner = _Nothing()
            told = " ".join(str(error).split())[:200]
            self._console.print(
                f"{self._kind} failed and is left out from here on ({told}); metrics.jsonl has everything",
                style="yellow", markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip


class _Trackio:
    def __init__(self, name: str, settings: Mapping[str, Any], resumed: bool) -> None:
        import trackio

        self._trackio = trackio
        # Its own machine gauges stay off: ours are in the rows, with the run they belong to.
        trackio.init(
            project=PROJECT, name=name, config=dict(settings), resume="allow" if resumed else "never", embed=False,
            auto_log_cpu=False, auto_log_gpu=False,
        )  # fmt: skip

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        self._trackio.log(dict(values), step=step)

    def alarm(self, alarm: Alarm) -> None:
        self._trackio.alert(title=alarm.name, text=alarm.sentence)

    def finish(self) -> None:
        self._trackio.finish()


class _Wandb:
    def __init__(self, name: str, folder: Path, settings: Mapping[str, Any], resumed: bool) -> None:
        import wandb

        self._run = wandb.init(
            project=PROJECT, name=name, id=name.strip(os.sep).replace(os.sep, "-"), dir=str(folder),
            config=dict(settings), resume="allow" if resumed else None,
        )  # fmt: skip

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        self._run.log(dict(values), step=step)

    def alarm(self, alarm: Alarm) -> None:
        self._run.alert(title=alarm.name, text=alarm.sentence)

    def finish(self) -> None:
        self._run.finish()


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            self._writer.add_scalar(key, value, step)

    def alarm(self, alarm: Alarm) -> None:
        self._writer.add_text("alarms", alarm.sentence, alarm.step)

    def finish(self) -> None:
        self._writer.close()
