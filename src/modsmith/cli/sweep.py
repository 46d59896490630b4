"""`modsmith train sweep sft|grpo`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer


def sweep(
    station: Annotated[str, typer.Argument(metavar="sft|grpo", help="Which training is tried.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the sweep; its trials are run folders in it.")],
    config: Annotated[Path | None, typer.Option("--config", help="YAML file: what the trials have in common.")] = None,
    space: Annotated[Path, typer.Option("--space", help="YAML file: which settings are changed, and how far.")] = Path(
        "configs/sweep.yaml"
    ),
    trials: Annotated[int, typer.Option("--trials", min=1, help="Finished runs, those before --resume included.")] = 12,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of all; repeatable.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep in --out; it knows its own settings and space.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A trial in which an alarm rings is stopped and counts as failed.")
    ] = False,
) -> None:
    """Try learning rate, group size, reward weights, wording: the best settings on the validation split."""
    from modsmith.errors import UserError
    from modsmith.training.settings import STATIONS, load_settings

    if station not in STATIONS:
        raise UserError(f"train sweep {station!r}: choose {' or '.join(STATIONS)}")
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from rich.console import Console

    from modsmith.forge import train_station
    from modsmith.training.sweep import Plan, load_space, print_trials, run_sweep

    if resume and config is None and not set_:
        plan = Plan.load(out)
        if plan.station != station:
            raise UserError(f"{out} is a sweep of {plan.station}, not of {station}")
    else:
        settings = load_settings(STATIONS[station], config, set_)
        plan = Plan(station, settings, load_space(space, station, settings))
    if strict:
        plan = replace(plan, settings=plan.settings.model_copy(update={"alarms": "stop"}))
    print_trials(run_sweep(plan, trials, out, train_station, resume), plan, Console())
    typer.echo(f"best settings: {out / 'best.yaml'}\nplot: {out / 'sweep.png'}", err=True)
