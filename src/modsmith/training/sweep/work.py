"""A sweep from its first trial to its best config, safe against Ctrl-C and kill -9.

SWEEP/sweep.yaml     what was asked for: station, settings, space
SWEEP/study.db       Optuna's study
SWEEP/trials/000/    a run folder like any other; one that was cut off goes on from its last checkpoint
SWEEP/sweep.json     every trial, the losing and the failed ones too
SWEEP/sweep.png      scores in order, and against each setting
SWEEP/best.yaml      the best trial's settings, complete

The last three are written anew after every trial.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
import yaml
from rich.console import Console

from modsmith.errors import UserError
from modsmith.files import atomic_write, write_json
from modsmith.training.adapt import wording_of
from modsmith.training.base import ABOUT
from modsmith.training.run import StoppedOnRequestError, watching_of
from modsmith.training.settings import RunSettings, change_settings
from modsmith.training.sweep.draw import duration, plot_trials, trial_line
from modsmith.training.sweep.study import PLAN_FILE, Plan, Study, Trial, best_of, study_errors

Train = Callable[[str, RunSettings, Path, bool], Path]
"""(station, settings, run folder, resume) -> folder of the best model, with the held-out score in modsmith.json."""
FAILURES = 3
"""So many failed trials in a row stop the sweep: then it is not the settings."""


def run_sweep(plan: Plan, trials: int, out: Path, train: Train, resume: bool = False) -> list[Trial]:
    """Try settings until `trials` runs have finished; returns all trials.

    A trial that ends with a `UserError` or without memory is recorded as failed and replaced by another. Raises
    `UserError` when `out` holds a sweep already or, with `resume`, none or another one; when the sweep is stopped; and
    after three failures in a row. Ends early, with a note, when there is nothing new to try.
    """
    out = Path(out)
    plan = replace(plan, settings=plan.settings.model_copy(update={"wording": wording_of(plan.settings)}))
    _open_folder(plan, out, resume)
    with study_errors(out):
        return _work(plan, trials, out, train)


def _work(plan: Plan, trials: int, out: Path, train: Train) -> list[Trial]:
    console = Console(stderr=True)
    study = Study(out, plan)
    _say_where_it_stands(study.trials(), trials, out, console)
    failures = 0
    while _finished(study.trials()) < trials:
        proposal = study.next()
        if proposal is None:
            console.print("nothing new left to try: every combination of the space is done")
            break
        handle, trial = proposal
        began = time.monotonic()
        try:
            held_out = _train_trial(plan, trial, out, train)
        except StoppedOnRequestError as error:
            study.spend(handle, time.monotonic() - began)
            raise UserError(f"stopped in trial {trial.name}; continue with --resume --out {out}") from error
        except (UserError, torch.OutOfMemoryError) as error:
            study.spend(handle, time.monotonic() - began)
            trial = study.fail(handle, _first_line(error))
            failures += 1
        else:
            study.spend(handle, time.monotonic() - began)
            trial = study.finish(handle, held_out)
            failures = 0
        known = study.trials()
        console.print(trial_line(trial, known, trials), soft_wrap=True)
        _write(plan, known, out)
        if failures == FAILURES:
            raise UserError(f"{FAILURES} trials in a row failed, the last one so: {trial.error}; --resume goes on")
    _write(plan, study.trials(), out)
    return study.trials()


def _open_folder(plan: Plan, out: Path, resume: bool) -> None:
    if not resume:
        if (out / PLAN_FILE).exists():
            raise UserError(f"{out} already holds a sweep; continue it with --resume, or choose another --out")
        plan.save(out)
        return
    earlier = Plan.load(out)
    if replace(earlier, settings=earlier.settings.model_copy(update=watching_of(plan.settings))) != plan:
        raise UserError(f"{out} was started with other settings or another space; resume with its own {PLAN_FILE}")


def _train_trial(plan: Plan, trial: Trial, out: Path, train: Train) -> dict[str, object]:
    """Run the trial, or go on with it; returns its best model's modsmith.json."""
    folder = out / "trials" / trial.name
    settings = _settings_of(plan, trial).model_copy(update={"progress": "bar"})
    best = train(plan.station, settings, folder, (folder / "config.yaml").exists())
    held_out: dict[str, object] = json.loads((best / ABOUT).read_text("utf-8"))
    return held_out


def _settings_of(plan: Plan, trial: Trial) -> RunSettings:
    return change_settings(plan.settings, trial.changes, f"trial {trial.name}")


def _finished(trials: Sequence[Trial]) -> int:
    return sum(trial.state == "finished" for trial in trials)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _say_where_it_stands(trials: Sequence[Trial], wanted: int, out: Path, console: Console) -> None:
    spent = duration(sum(trial.seconds for trial in trials))
    before = f", {_finished(trials)} of them finished already, {spent} so far" if trials else ""
    console.print(f"{wanted} trials{before} -> {out}", soft_wrap=True, highlight=False)


def _write(plan: Plan, trials: Sequence[Trial], out: Path) -> None:
    """sweep.json, sweep.png and, once a trial has finished, best.yaml."""
    best = best_of(trials)
    record = {
        "station": plan.station,
        "measured": "best held-out score of the run, 1 minus the policy's cost on the validation split",
        "space": {key: dimension.to_record() for key, dimension in plan.space.items()},
        "best": None if best is None else {**_record(best), "wording": _settings_of(plan, best).wording},
        "trials": [_record(trial) for trial in trials],
    }
    write_json(out / "sweep.json", record)
    if best is None:
        return
    plot_trials(trials, plan, out / "sweep.png")
    with atomic_write(out / "best.yaml") as file:
        file.write(
            f"# Trial {best.name} of a sweep of {_finished(trials)}: held-out score {best.score:.4f}, the best of them."
            f"\n# modsmith train {plan.station} --config best.yaml --out RUN\n"
        )
        yaml.safe_dump(_settings_of(plan, best).model_dump(), file, sort_keys=False)


def _record(trial: Trial) -> dict[str, object]:
    record = asdict(trial) | {"run": f"trials/{trial.name}", "seconds": round(trial.seconds, 1)}
    return {key: value for key, value in record.items() if value not in ("", {})}
