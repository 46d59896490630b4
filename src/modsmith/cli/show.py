"""How a verdict and a calibration are shown to a person."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from modsmith.judge.calibration import Calibration
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import Verdict

_COLOURS = {"allow": "green", "review": "yellow", "disallow": "red"}
_LEVEL_NAMES = ("none", "adjacent", "borderline", "violation", "severe")


def print_verdict(listing: Listing, verdict: Verdict, policy: Policy) -> None:
    """One verdict, laid out for a person: the decision, then every category with its rating and score."""
    console = Console()
    console.print(
        Text(f"{verdict.decision.upper()}", style=f"bold {_COLOURS[verdict.decision]}"), Text(f"  {listing.title}")
    )
    if not verdict.parse_ok:
        console.print("The model's answer did not parse; a person has to look.", style="yellow")
        return
    assert verdict.ratings is not None
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("category")
    table.add_column("rating")
    table.add_column("P(violation)", justify="right")
    for name, level in sorted(verdict.ratings.items(), key=lambda pair: -(verdict.scores or {}).get(pair[0], pair[1])):
        score = f"{verdict.scores[name]:.3f}" if verdict.scores else "n/a"
        style = "red" if level >= 3 else "yellow" if level == 2 else "dim" if level == 0 else ""
        table.add_row(name, f"{level} {_LEVEL_NAMES[level]}", score, style=style)
    console.print(table)
    if verdict.reasoning:
        console.print(Text("because  ", style="dim"), Text(verdict.reasoning), sep="")
    console.print(Text(f"{verdict.model}, policy {verdict.policy_version}", style="dim"))


def print_calibration(calibration: Calibration) -> None:
    """Expected calibration error before and after, overall and by category, of listings held apart from the fit."""
    check = calibration.check
    if not check:
        print("not checked: all listings are of one group, so none could be held apart")
        return
    before, after = check["before"], check["after"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("ECE", overflow="fold")
    for column in ("violating", "before", "after"):
        table.add_column(column, justify="right")
    table.add_row("the decision", "", f"{before['ece']:.3f}", f"{after['ece']:.3f}", style="bold")
    for name, error in before["categories"].items():
        count = check["violating"][name]
        table.add_row(name, str(count), f"{error:.3f}", f"{after['categories'][name]:.3f}")
    console = Console()
    console.print(table)
    console.print(
        f"of {check['listings']} listings, each scored by a fit that has not seen its group ({check['folds']} parts)",
        style="dim",
    )
