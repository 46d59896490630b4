"""Runs on a terminal: the list, and one run with its curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from modsmith.evaluation.report_plots import spaced
from modsmith.runs.curves import Panel, panels
from modsmith.runs.record import RunRecord
from modsmith.runs.words import age, headline

_STATE_STYLES = {"finished": "green", "running": "bold cyan", "stopped": "yellow"}
_COLOURS = tuple((f"color({code})", code) for code in (12, 208, 35, 134, 178, 245))
"""Six colours that are told apart on light and dark terminals, as rich and as plotext call them."""
PLOT_WIDTH, PLOT_HEIGHT = 76, 13


def print_runs(runs: Sequence[RunRecord], console: Console, root: Path) -> None:
    """One line a run."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("run", overflow="fold", min_width=16)
    for name in ("station", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("steps", "best score", "at step", "alarms", "age"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        step, score = run.best or (None, None)
        rung = len({alarm.name for alarm in run.alarms})
        table.add_row(
            Text(str(run.folder.relative_to(root)) if run.folder != root else str(root)),
            run.station,
            Text(run.state, _STATE_STYLES[run.state]),
            f"{run.step}/{run.steps or '?'}",
            Text("n/a", "dim") if score is None else f"{score:.3f}",
            "" if step is None else str(step),
            Text(str(rung), "yellow") if rung else "",
            age(run.age_seconds),
        )
    console.print(table)


def print_run(run: RunRecord, console: Console) -> None:
    """What happened in words, the alarms, and the main curves."""
    console.print(Text(headline(run), "bold"))
    for alarm in run.alarms:
        console.print(Text(f"step {alarm.step}: {alarm.sentence}", "yellow"))
    plots = [_plot(panel) for panel in panels(run.rows) if panel.main and len(panel.lines[0][1]) > 1]
    columns = max(1, min(2, console.width // (PLOT_WIDTH + 2)))
    grid = Table.grid(padding=(1, 2, 0, 0))
    for start in range(0, len(plots), columns):
        grid.add_row(*plots[start : start + columns])
    console.print(grid)


def _plot(panel: Panel) -> Text:
    """The curves in Braille dots; the legend above them has the last value of each."""
    import plotext  # draws on one figure of its own

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(PLOT_WIDTH, PLOT_HEIGHT)
    legend = Text()
    for (name, points), (colour, code) in zip(panel.lines, _COLOURS, strict=False):
        plotext.plot([x for x, _ in points], [y for _, y in points], marker="braille", color=code)
        legend.append("━ ", colour).append(f"{spaced(name.removeprefix('held_out/'))} {points[-1][1]:.3g}  ")
    return Text("\n").join([Text(panel.title, "bold"), legend, Text.from_ansi(plotext.build())])
