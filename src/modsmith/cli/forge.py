"""`modsmith demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the runs and the report; an interrupted demo goes on.")
    ] = Path("runs/demo"),
    config: Annotated[Path, typer.Option(help="Settings of the two small trainings.")] = Path("configs/demo.yaml"),
) -> None:
    """The whole way on a laptop: corpus, SFT, GRPO, evaluation, report."""
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.forge import run_demo

    run_demo(out, config)
