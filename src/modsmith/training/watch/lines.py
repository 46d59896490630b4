"""One line a step that a person can read, under a bar with the time left; lines alone where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from modsmith.training.patience import EarlyEnd
from modsmith.training.watch.alarms import Alarm

_SHOWN = {
    "train/loss": ("train/loss", "{:.3f}"),
    "reward/total": ("reward", "{:.3f}"),
    "parse_rate": ("parsed", "{:.0%}"),
    "groups/dead": ("dead groups", "{:.0%}"),
    "length/mean": ("tokens", "{:.0f}"),
    "policy/entropy": ("entropy", "{:.3f}"),
    "time/step": ("", "{:.1f} s"),
}
"""Metrics of the line, in order: how they are called and printed."""


class StepLines:
    """The bar and the lines. `stop` ends the bar; calling it twice is harmless. With `bar_only` there are no lines but
    those of alarms, and the bar goes when it ends."""

    def __init__(self, title: str, console: Console, bar_only: bool = False) -> None:
        self.console, self.bar_only = console, bar_only
        self._bar = Progress(
            TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=console, transient=bar_only,
            speed_estimate_period=1800,  # a step may take minutes; rich's half a minute would never see two of them
        )  # fmt: skip
        self._task = self._bar.add_task("train", total=None)
        self._first = self._total = 0
        self._began = time.monotonic()

    def begin(self, step: int, total: int) -> None:
        """The run starts, or goes on, after `step` of `total` steps."""
        self._first, self._total, self._began = step, total, time.monotonic()
        self._bar.update(self._task, total=total, completed=step)
        if self.console.is_terminal:
            self._bar.start()

    def done(self, step: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=step)

    def step(self, step: int, values: Mapping[str, Any]) -> None:
        """Print the line of one logged step; rows without a metric to show (the trainer's summary) print nothing."""
        shown = [
            f"{name} {form.format(values[key])}".strip()
            for key, (name, form) in _SHOWN.items()
            if values.get(key) is not None and not (key == "train/loss" and "reward/total" in values)
        ]
        if self.bar_only or not ({"train/loss", "reward/total"} & values.keys()) or not self._total:
            return
        line = f"step {step}/{self._total}  " + "  ".join(shown)
        if not self.console.is_terminal:  # on a terminal the bar says how long it takes
            spent = (time.monotonic() - self._began) / max(step - self._first, 1)
            line += f"  about {spent * (self._total - step) / 60:.0f} min left"
        self.console.print(Text(line), soft_wrap=True)

    def held_out(self, step: int, values: Mapping[str, Any]) -> None:
        """Print the scores on held-out listings."""
        if self.bar_only:
            return
        scores = "  ".join(f"{name} {value:.3f}" for name, value in values.items() if value is not None)
        self.console.print(Text(f"step {step}: held-out {scores}"), soft_wrap=True)

    def alarm(self, alarm: Alarm) -> None:
        """Print what rang, why, and what to do about it."""
        self.console.print(Text(f"step {alarm.step}: warning, {alarm.sentence}", style="yellow"), soft_wrap=True)

    def ended_early(self, end: EarlyEnd) -> None:
        """Print that the run is over before its last step, and why."""
        count = "the held-out score" if end["worse"] == 1 else f"{end['worse']} held-out scores in a row"
        self.console.print(
            Text(f"step {end['step']}: ends early, {count} no better than {end['best_score']:.3f} of step "
                 f"{end['best_step']} (patience)"), soft_wrap=True
        )  # fmt: skip

    def stop(self) -> None:
        """End the bar."""
        if self.console.is_terminal:
            self._bar.stop()
