"""How a verdict is shown to a person."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
