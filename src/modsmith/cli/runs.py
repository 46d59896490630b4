"""`modsmith runs [FOLDER]` and `modsmith runs show RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class _FolderOrCommand(TyperGroup):
    """`modsmith runs` and `modsmith runs FOLDER` list; a folder that is called like a command is written ./show."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or not (args[0] in self.commands or args[0] == "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_FolderOrCommand, no_args_is_help=False)


@app.command("list")
def list_(folder: Annotated[Path, typer.Argument(help="Folder that holds run folders.")] = Path("runs")) -> None:
    """List the runs in FOLDER: station, state, steps, best held-out score, alarms, age."""
    from rich.console import Console

    from modsmith.runs import find_runs, print_runs

    runs = find_runs(folder)
    if runs:
        print_runs(runs, Console(), folder)
    else:
        typer.echo(f"no runs in {folder}; modsmith train makes them", err=True)


@app.command("show")
def show(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    html: Annotated[Path | None, typer.Option("--html", help="The page; RUN/run.html by default.")] = None,
    curves: Annotated[bool, typer.Option(help="Draw the curves in the terminal.")] = True,
) -> None:
    """Draw a run's curves in the terminal and write its page: curves, alarms, completions to read."""
    from rich.console import Console

    from modsmith.runs import print_run, read_run, write_page

    record = read_run(run)
    if curves:
        print_run(record, Console())
    typer.echo(f"page: {write_page(record, html or run / 'run.html')}", err=True)
