"""`modsmith model prepare` and `modsmith calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command("prepare")
def prepare() -> None:
    """Convert the embedded base model once, and say where it is."""
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.training.base import embedded_base

    typer.echo(str(embedded_base()))


@app.command("list", hidden=True)
def list_models() -> None:
    """Names that --model takes beside folders and Hugging Face ids."""
    from modsmith.training.base import EMBEDDED, SHIPPED

    typer.echo(f"{SHIPPED}\n{EMBEDDED}")


def calibrate(
    model: Annotated[Path, typer.Argument(help="A run or model folder; calibration.json is written into it.")],
    corpus: Annotated[str, typer.Option(help="The corpus whose validation split is used.")] = "standard",
    policy: Annotated[str, typer.Option(help="A policy file; the built-in one by default.")] = "marketplace",
    limit: Annotated[int, typer.Option(min=20, help="Validation listings used.")] = 400,
) -> None:
    """Fit the model's probabilities on the validation split, so that scores mean what they say."""
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.forge import calibrate_model
    from modsmith.policy import load_policy

    found = calibrate_model(model, corpus, load_policy(policy), limit)
    typer.echo(f"temperature {found.temperature}, bias {found.bias} -> {model}", err=True)
