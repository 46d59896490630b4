"""What a sweep knows of its trials: Optuna's study in SWEEP/study.db, which is as good as its last finished trial.

Optuna proposes by a tree-structured Parzen estimator (Bergstra et al. 2011): the first few trials are drawn evenly from
the space, the later ones more often where good ones were. Each proposal is drawn with a seed of its own, so that an
interrupted sweep goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from modsmith.errors import UserError
from modsmith.files import atomic_write
from modsmith.training.settings import STATIONS, RunSettings
from modsmith.training.sweep.space import Dimension, read_dimension

EVEN_DRAWS = 5
"""Trials drawn evenly before what was learnt from them counts."""
REPEATS = 50
"""So many proposals in a row of what was tried already mean that the space is exhausted."""
PLAN_FILE, STUDY_FILE = "sweep.yaml", "study.db"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep was asked for."""

    station: str
    settings: RunSettings
    """What trials have in common; its wording is named."""
    space: Mapping[str, Dimension]

    def save(self, folder: Path) -> None:
        """Write SWEEP/sweep.yaml."""
        space = {key: dimension.to_record() for key, dimension in self.space.items()}
        record = {"station": self.station, "settings": self.settings.model_dump(), "space": space}
        with atomic_write(folder / PLAN_FILE) as file:
            yaml.safe_dump(record, file, sort_keys=False)

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """The plan of a sweep that was started. Raises `UserError` when there is none."""
        path = folder / PLAN_FILE
        if not path.exists():
            raise UserError(f"{folder} holds no sweep to resume; start it without --resume")
        try:
            record = yaml.safe_load(path.read_text("utf-8"))
            settings = STATIONS[record["station"]].model_validate(record["settings"])
            space = {key: read_dimension(raw, f"{path}, key {key}") for key, raw in record["space"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise UserError(f"{path} is damaged ({' '.join(str(error).split())}); start a new sweep") from error
        return cls(record["station"], settings, space)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep."""

    number: int
    state: Literal["finished", "failed", "open"]
    """Open: it is running, or was cut off and will go on."""
    changes: Mapping[str, Any]
    """Setting -> value, in the order of the space."""
    score: float | None = None
    """What trials are compared by: the best held-out score of the run."""
    held_out: Mapping[str, Any] = field(default_factory=dict)
    """The model's modsmith.json: all held-out scores, the step they are of, the wording."""
    seconds: float = 0.0
    """On the wall, without what a kill cut off."""
    error: str = ""

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.number:03d}"


class Study:
    """Optuna's study of one sweep. A trial that was begun and not ended comes first when the next one is asked for."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.plan = plan
        self._study = optuna.create_study(
            storage=f"sqlite:///{(folder / STUDY_FILE).resolve()}",
            study_name=plan.station,
            direction="maximize",
            load_if_exists=True,
        )
        if not self._study.trials and (start := self._configured()):
            self._study.enqueue_trial(start)

    def _configured(self) -> dict[str, Any] | None:
        """The settings as they stand, where the space holds them: what every other trial has to beat."""
        values = {key: _value_at(self.plan.settings.model_dump(), key) for key in self.plan.space}
        return values if all(self.plan.space[key].holds(value) for key, value in values.items()) else None

    def next(self) -> tuple[optuna.Trial, Trial] | None:
        """The trial to run now, or `None` when there is nothing new to try."""
        for _ in range(REPEATS):
            cut_off = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if cut_off:
                trial = optuna.Trial(self._study, cut_off[0]._trial_id)
            else:
                number = len(self._study.get_trials(deepcopy=False))
                self._study.sampler = optuna.samplers.TPESampler(
                    seed=self.plan.settings.seed + number, n_startup_trials=EVEN_DRAWS
                )
                trial = self._study.ask()
            changes = {key: dimension.draw(trial, key) for key, dimension in self.plan.space.items()}
            if all(changes != known.changes for known in self.trials() if known.state == "finished"):
                if "number" not in trial.user_attrs:
                    trial.set_user_attr("changes", changes)
                    trial.set_user_attr("number", len(self.trials()))
                return trial, _to_trial(self._frozen(trial))
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    def spend(self, trial: optuna.Trial, seconds: float) -> None:
        """Add to the time the trial took."""
        trial.set_user_attr("seconds", trial.user_attrs.get("seconds", 0.0) + seconds)

    def finish(self, trial: optuna.Trial, held_out: Mapping[str, Any]) -> Trial:
        """The trial's run is complete; `held_out` is its best model's modsmith.json."""
        trial.set_user_attr("held_out", dict(held_out))
        self._study.tell(trial, held_out["score"])
        return _to_trial(self._frozen(trial))

    def fail(self, trial: optuna.Trial, error: str) -> Trial:
        """The trial's run ended with an error; it says nothing about where good settings lie."""
        trial.set_user_attr("error", error)
        self._study.tell(trial, state=TrialState.FAIL)
        return _to_trial(self._frozen(trial))

    def trials(self) -> list[Trial]:
        """Every trial that has a folder, in order."""
        return [_to_trial(one) for one in self._study.get_trials(deepcopy=False) if "number" in one.user_attrs]

    def _frozen(self, trial: optuna.Trial) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[trial.number]


@contextmanager
def study_errors(folder: Path) -> Iterator[None]:
    """Turn what the database says of a full disk or a damaged file into one sentence."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(
            f"cannot use {folder / STUDY_FILE}: {reason}; make room and go on with --resume, or start a new sweep"
        ) from error


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The finished trial with the highest score; of equals the first."""
    finished = [trial for trial in trials if trial.score is not None]
    return max(finished, key=lambda trial: (trial.score, -trial.number), default=None)


def _to_trial(frozen: FrozenTrial) -> Trial:
    known = frozen.user_attrs
    state: Literal["finished", "failed", "open"] = (
        "finished" if frozen.state == TrialState.COMPLETE else "failed" if frozen.state.is_finished() else "open"
    )
    return Trial(
        known["number"], state, known["changes"], frozen.value if state == "finished" else None,
        known.get("held_out", {}), known.get("seconds", 0.0), known.get("error", ""),
    )  # fmt: skip


def _value_at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data
