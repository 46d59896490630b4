"""A sweep for people: one line a trial, a table at the end, and a picture."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from modsmith.files import atomic_write
from modsmith.training.sweep.space import Choice, Dimension, Floats, Ints
from modsmith.training.sweep.study import Plan, Trial, best_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY, RULE = "#1f5f9f", "#b9560b", "#8b949c", "#dcdfe1"
COLUMNS = 3


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def show_value(value: Any) -> str:
    """A setting's value, short: `0.00012`, `plain`, `none`."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def trial_line(trial: Trial, trials: Sequence[Trial], wanted: int) -> Text:
    """What the trial was, what came of it, and how long the rest takes at the pace so far."""
    finished = [one for one in trials if one.state == "finished"]
    line = Text(f"trial {trial.name}  {len(finished)}/{wanted}  ", "bold" if trial == best_of(trials) else "")
    if trial.score is None:
        line.append(f"failed: {trial.error}  ", "yellow")
    else:
        line.append(f"score {trial.score:.3f}  ")
    line.append("  ".join(f"{_short(key)} {show_value(value)}" for key, value in trial.changes.items()))
    line.append(f"  {duration(trial.seconds)}")
    if finished and len(finished) < wanted:
        left = statistics.fmean(one.seconds for one in finished) * (wanted - len(finished))
        line.append(f"  about {duration(left)} left")
    return line


def print_trials(trials: Sequence[Trial], plan: Plan, console: Console) -> None:
    """Every trial, the best first, the failed ones last."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("trial", "score", "F1", "recall", *(_short(key).replace("_", " ") for key in plan.space), "time"):
        table.add_column(name, justify="right", overflow="fold")
    best = best_of(trials)
    for trial in sorted(trials, key=lambda one: (one.score is None, -(one.score or 0.0), one.number)):
        measured = (trial.score, trial.held_out.get("f1"), trial.held_out.get("recall"))
        table.add_row(
            trial.name,
            *("n/a" if value is None else f"{value:.3f}" for value in measured),
            *(show_value(value) for value in trial.changes.values()),
            duration(trial.seconds),
            style="bold" if trial == best else "dim" if trial.score is None else "",
        )
    console.print(table)
    for trial in trials:
        if trial.state != "finished":
            console.print(f"trial {trial.name} {trial.state}: {trial.error or 'cut off, goes on with --resume'}")
    scores = {trial.score for trial in trials if trial.score is not None}
    if len(scores) == 1 and len(trials) > 1:
        console.print(
            "Every trial scored the same: these settings made no difference, and the best is merely the first."
        )


def _short(key: str) -> str:
    """`reward_weights.severity` -> `severity`."""
    return key.rsplit(".", 1)[-1]


# --- the picture ------------------------------------------------------------------------------------------------------


def plot_trials(trials: Sequence[Trial], plan: Plan, path: Path) -> None:
    """One panel with the scores in order, then one for each setting: its values against the scores. PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    finished = [trial for trial in trials if trial.score is not None]
    best = best_of(trials)
    assert best is not None, "a plot needs a finished trial"
    rows = math.ceil(len(plan.space) / COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 3.0 * (rows + 1)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows + 1, COLUMNS)
    failed = sum(trial.state == "failed" for trial in trials)
    figure.suptitle(
        f"{len(finished)} trials of {plan.station}{f', {failed} more failed' if failed else ''}: "
        f"held-out score {best.score:.3f} in trial {best.name}",
        x=0.01, ha="left", fontsize=12, fontweight="bold",
    )  # fmt: skip
    _plot_order(figure.add_subplot(grid[0, :]), finished, best)
    shared = None
    for index, (key, dimension) in enumerate(plan.space.items()):
        axes = figure.add_subplot(grid[1 + index // COLUMNS, index % COLUMNS], sharey=shared)
        shared = shared or axes
        _plot_setting(axes, key, dimension, finished, best)
        if index % COLUMNS == 0:
            axes.set_ylabel("score")
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png")


def _plot_order(axes: Axes, finished: Sequence[Trial], best: Trial) -> None:
    from matplotlib.ticker import MaxNLocator

    numbers, scores = [one.number for one in finished], [one.score or 0.0 for one in finished]
    so_far = [max(scores[: end + 1]) for end in range(len(scores))]
    axes.step(numbers, so_far, where="post", color=GREY, linewidth=1.2, label="best so far")
    _dots(axes, numbers, scores, best.number)
    axes.set_title("Scores in order", loc="left", fontsize=10)
    axes.set_xlabel("trial")
    axes.set_ylabel("score")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9, loc="lower right")


def _plot_setting(axes: Axes, key: str, dimension: Dimension, finished: Sequence[Trial], best: Trial) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    values: list[Any] = [one.changes[key] for one in finished]
    scores = [one.score or 0.0 for one in finished]
    chosen = best.changes[key]
    if isinstance(dimension, Choice):
        places = [dimension.values.index(value) for value in values]
        means = {place: [s for p, s in zip(places, scores, strict=True) if p == place] for place in set(places)}
        for place, own in means.items():
            axes.hlines(statistics.fmean(own), place - 0.25, place + 0.25, color=GREY, linewidth=1.2)
        axes.set_xticks(range(len(dimension.values)), [show_value(value) for value in dimension.values])
        axes.set_xlim(-0.6, len(dimension.values) - 0.4)
        _dots(axes, places, scores, dimension.values.index(chosen))
    else:
        assert isinstance(dimension, (Floats, Ints))
        if dimension.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
        _dots(axes, values, scores, chosen)
        axes.set_xlim(*_widened(dimension.bounds, dimension.log))
    axes.set_title(f"{key} (line: mean)" if isinstance(dimension, Choice) else key, loc="left", fontsize=10)


def _widened(bounds: tuple[float, float], log: bool) -> tuple[float, float]:
    """The whole range that was searched, and a little more, so that dots at its ends are whole."""
    low, high = map(math.log, bounds) if log else bounds
    margin = 0.05 * (high - low)
    return (math.exp(low - margin), math.exp(high + margin)) if log else (low - margin, high + margin)


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], best_x: float) -> None:
    axes.scatter(xs, ys, s=30, color=BLUE, alpha=0.75, linewidths=0, zorder=3)
    axes.scatter([best_x], [max(ys)], s=70, facecolors="none", edgecolors=ORANGE, linewidths=1.8, zorder=4)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
