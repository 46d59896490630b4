"""The `modsmith` command. Each group lives in a file of its own and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from modsmith import __version__
from modsmith.cli import corpus, evaluate, forge, judge, model, runs, train
from modsmith.errors import UserError

app = typer.Typer(
    name="modsmith",
    help="Forge a content moderator from a policy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("judge")(judge.judge)
app.command("eval")(evaluate.evaluate)
app.command("gate")(evaluate.gate)
app.command("demo")(forge.demo)
app.command("calibrate")(model.calibrate)
app.add_typer(train.app, name="train", help="Train a moderator: sft, then grpo; sweep tries settings.")
app.add_typer(runs.app, name="runs", help="List training runs, and look into one: runs [FOLDER], runs show RUN.")
app.add_typer(corpus.app, name="corpus", help="Look at the labelled listings.")
app.add_typer(model.app, name="model", help="Base models.")


@app.callback(invoke_without_command=True)
def _version(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Entry point: a `UserError` is one sentence on standard error and exit code 2; Ctrl-C is 130."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        app()
    except UserError as error:
        typer.echo(f"modsmith: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("modsmith: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
