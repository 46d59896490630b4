"""`modsmith model prepare`, `modsmith model average` and `modsmith calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

app = typer.Typer(no_args_is_help=True)


@app.command("prepare")
def prepare() -> None:
    """Convert the embedded base model once, and say where it is."""
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.training.base import embedded_base

    typer.echo(str(embedded_base()))


@app.command("average")
def average(
    models: Annotated[list[str], typer.Argument(help="Two or more runs, model folders or checkpoints of one start.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    precision: Annotated[
        str, typer.Option(help="Of the written weights: bf16, fp32, or auto, as those of the first.")
    ] = "auto",
) -> None:
    """Write the mean of several models' weights as one model: runs side by side become one."""
    from modsmith.errors import UserError
    from modsmith.training.average import average_models
    from modsmith.training.base import Precision

    if precision not in ("auto", "bf16", "fp32"):
        raise UserError(f"--precision {precision!r}: choose auto, bf16 or fp32")
    typer.echo(str(average_models(models, out, cast(Precision, precision))))


@app.command("list", hidden=True)
def list_models() -> None:
    """Names that --model takes beside folders and Hugging Face ids."""
    from modsmith.training.base import EMBEDDED, SHIPPED, SHIPPED_LM

    typer.echo(f"{SHIPPED}\n{SHIPPED_LM}\n{EMBEDDED}")


def calibrate(
    model: Annotated[Path, typer.Argument(help="A run or model folder; calibration.json is written into it.")],
    corpus: Annotated[str, typer.Option(help="The corpus whose validation split is used.")] = "standard",
    policy: Annotated[str, typer.Option(help="A policy file; the built-in one by default.")] = "marketplace",
    method: Annotated[
        str, typer.Option(help="temperature or isotonic, each for every category; or shared, one for all.")
    ] = "temperature",
    limit: Annotated[int, typer.Option(min=20, help="Validation listings used.")] = 400,
) -> None:
    """Fit the model's probabilities on the validation split, so that scores mean what they say."""
    from modsmith.errors import UserError
    from modsmith.policy import load_policy

    if method not in ("temperature", "isotonic", "shared"):  # judge.calibration.METHODS, which imports numpy
        raise UserError(f"--method {method!r}: choose temperature, isotonic or shared")
    rules = load_policy(policy)
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.cli.show import print_calibration
    from modsmith.forge import calibrate_model

    print_calibration(calibrate_model(model, corpus, rules, limit, method))  # type: ignore[arg-type]
    typer.echo(f"{method} calibration -> {model}", err=True)
