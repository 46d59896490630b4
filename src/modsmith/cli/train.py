"""`modsmith train sft|grpo|second|sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from modsmith.cli.sweep import sweep

app = typer.Typer(no_args_is_help=True)

Config = Annotated[Path | None, typer.Option("--config", help="YAML file; configs/ has the ones of the shipped model.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; repeatable.")
]
Out = Annotated[Path, typer.Option("--out", help="Run folder.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop in good order, with a checkpoint, when an alarm rings (docs/runs.md).")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out from its last checkpoint.")]


@app.command("sft")
def sft(out: Out, config: Config = None, set_: Changes = None, resume: Resume = False, strict: Strict = False) -> None:
    """Supervised fine-tuning on the corpus."""
    from modsmith.training.settings import SftSettings, load_settings

    _train("sft", load_settings(SftSettings, _config(config, out, resume), _changes(set_, strict)), out, resume)


@app.command("grpo")
def grpo(out: Out, config: Config = None, set_: Changes = None, resume: Resume = False, strict: Strict = False) -> None:
    """GRPO with reasoning, from an SFT run (`base:`)."""
    from modsmith.training.settings import GrpoSettings, load_settings

    _train("grpo", load_settings(GrpoSettings, _config(config, out, resume), _changes(set_, strict)), out, resume)


@app.command("second")
def second(
    out: Out, config: Config = None, set_: Changes = None, resume: Resume = False, strict: Strict = False
) -> None:
    """An encoder that reads beside a language model (`beside:`) and has a say in its ratings."""
    from modsmith.training.second.settings import SecondSettings
    from modsmith.training.settings import load_settings

    settings = load_settings(SecondSettings, _config(config, out, resume), _changes(set_, strict))
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.forge import train_second_reader

    typer.echo(f"best model: {train_second_reader(settings, out, resume)}", err=True)


app.command("sweep")(sweep)


def _config(config: Path | None, out: Path, resume: bool) -> Path | None:
    """`--resume` alone takes the settings that the run was started with."""
    own = out / "config.yaml"
    return own if config is None and resume and own.exists() else config


def _changes(set_: list[str] | None, strict: bool) -> list[str]:
    return [*(set_ or []), "alarms=stop"] if strict else set_ or []


def _train(station: str, settings: Any, out: Path, resume: bool) -> None:
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.forge import train_station

    best = train_station(station, settings, out, resume)
    from modsmith.training import processes

    if processes.is_main():
        typer.echo(f"best model: {best}", err=True)
