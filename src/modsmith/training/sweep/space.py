"""What a sweep may change, and how far: a YAML file with a section for each station.

    grpo:
      learning_rate: {float: [2.0e-5, 4.0e-4], log: true}
      group_size: {int: [4, 12], step: 2}
      reward_weights.severity: {float: [0, 1]}
      wording: {choice: [plain, terse, rules]}

Both ends of a range belong to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from modsmith.errors import UserError
from modsmith.files import read_text
from modsmith.training.settings import RunSettings, change_settings, read_number

if TYPE_CHECKING:
    import optuna

FIXED = ("policy", "corpus", "eval_limit")
"""Settings that say what is measured: trials that differ in them could not be compared."""
DIGITS = 4
"""A drawn float is rounded to so many significant digits: people have to read it."""


class Dimension(BaseModel, ABC):
    """The values that one setting may take."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @abstractmethod
    def draw(self, trial: optuna.Trial, key: str) -> Any:
        """The trial's value. Asked again, a trial gives the same one."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Can this value be drawn?"""

    @abstractmethod
    def corners(self) -> tuple[Any, ...]:
        """Values that have to be valid settings for all others to be."""

    def to_record(self) -> dict[str, Any]:
        """As it stands in the file."""
        return self.model_dump(by_alias=True, exclude_defaults=True, mode="json")


class Floats(Dimension):
    """`{float: [low, high]}`; with `log: true` a factor counts the same everywhere in the range."""

    bounds: tuple[float, float] = Field(alias="float")
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Floats:
        _check_range(self.bounds, self.log)
        return self

    def draw(self, trial: optuna.Trial, key: str) -> float:
        low, high = self.bounds
        drawn = trial.suggest_float(key, low, high, log=self.log)
        return min(max(float(f"{drawn:.{DIGITS}g}"), low), high)

    def holds(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.bounds[0] <= value <= self.bounds[1]

    def corners(self) -> tuple[float, float]:
        return self.bounds


class Ints(Dimension):
    """`{int: [low, high]}`, every `step`; with `log: true` as for floats, and no step."""

    bounds: tuple[int, int] = Field(alias="int")
    step: Annotated[int, Field(gt=0)] = 1
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Ints:
        _check_range(self.bounds, self.log)
        if self.log and self.step > 1:
            raise ValueError("log and step do not go together")
        if (self.bounds[1] - self.bounds[0]) % self.step:
            raise ValueError(f"steps of {self.step} from {self.bounds[0]} do not reach {self.bounds[1]}")
        return self

    def draw(self, trial: optuna.Trial, key: str) -> int:
        return trial.suggest_int(key, *self.bounds, step=self.step, log=self.log)

    def holds(self, value: Any) -> bool:
        number = isinstance(value, int) and not isinstance(value, bool)
        return number and self.bounds[0] <= value <= self.bounds[1] and (value - self.bounds[0]) % self.step == 0

    def corners(self) -> tuple[int, int]:
        return self.bounds


class Choice(Dimension):
    """`{choice: [one, another]}`: names, numbers, true and false, null; nothing is assumed of their order."""

    values: tuple[Annotated[bool | int | float | str | None, BeforeValidator(read_number)], ...] = Field(
        alias="choice", min_length=2
    )

    @model_validator(mode="after")
    def _differ(self) -> Choice:
        if len(set(self.values)) < len(self.values):
            raise ValueError("a value is given twice")
        return self

    def draw(self, trial: optuna.Trial, key: str) -> Any:
        return trial.suggest_categorical(key, self.values)

    def holds(self, value: Any) -> bool:
        return value in self.values

    def corners(self) -> tuple[Any, ...]:
        return self.values


KINDS: dict[str, type[Dimension]] = {"float": Floats, "int": Ints, "choice": Choice}


def _check_range(bounds: tuple[float, float], log: bool) -> None:
    if not bounds[0] < bounds[1]:
        raise ValueError(f"the first end has to be below the second, not {bounds[0]} and {bounds[1]}")
    if log and bounds[0] <= 0:
        raise ValueError("a log range starts above 0")


def load_space(path: Path, station: str, settings: RunSettings) -> dict[str, Dimension]:
    """Read the section of a station. Raises `UserError` with file and key when the file is broken, or names what is no
    setting, or a value that the setting does not take."""
    try:
        data = yaml.safe_load(read_text(path, "space"))
    except yaml.YAMLError as error:
        raise UserError(f"space {path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(data, dict) or not isinstance(data.get(station), dict) or not data[station]:
        raise UserError(f"space {path}: no section {station} with settings to change; configs/sweep.yaml has one")
    where = f"space {path}"
    space = {str(key): read_dimension(raw, f"{where}, key {station}.{key}") for key, raw in data[station].items()}
    for key, dimension in space.items():
        if key in FIXED:
            raise UserError(f"{where}, key {station}.{key}: it says what is measured, so it is the same in all trials")
        for value in dimension.corners():
            change_settings(settings, {key: value}, f"{where}, section {station}")
    return space


def read_dimension(raw: Any, where: str) -> Dimension:
    """One entry of the file. Raises `UserError`, which begins with `where`."""
    kinds = [name for name in KINDS if isinstance(raw, Mapping) and name in raw]
    if len(kinds) != 1:
        raise UserError(f"{where}: give one of {{float: [low, high]}}, {{int: [low, high]}} and {{choice: [a, b]}}")
    try:
        return KINDS[kinds[0]].model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        inside = "".join(f".{part}" for part in first["loc"] if part in raw or isinstance(part, int))
        raise UserError(f"{where}{inside}: {first['msg'].removeprefix('Value error, ')}") from error
