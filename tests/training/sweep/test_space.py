"""The space file: what it can say, and what it is told when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from modsmith.errors import UserError
from modsmith.training.settings import STATIONS, GrpoSettings
from modsmith.training.sweep import Choice, Floats, Ints, load_space

CONFIGS = Path(__file__).parents[3] / "configs"


def write(folder: Path, text: str) -> Path:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("station", ["sft", "grpo"])
def test_the_shipped_space_fits_the_shipped_configs(station: str) -> None:
    from modsmith.training.settings import load_settings

    settings = load_settings(STATIONS[station], CONFIGS / f"{station}.yaml")
    space = load_space(CONFIGS / "sweep.yaml", station, settings)
    assert {"learning_rate", "wording"} <= set(space)


def test_ranges_and_choices_are_read_with_their_types(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        grpo:
          learning_rate: {float: [1e-5, 3e-4], log: true}
          group_size: {int: [4, 12], step: 4}
          temperature: {choice: [1, 7e-1]}
          reward_weights.brier: {float: [0, 1]}
        """,
    )
    space = load_space(path, "grpo", GrpoSettings())
    rate, size, temperature, brier = space.values()
    assert rate == Floats(bounds=(1e-5, 3e-4), log=True) and rate.to_record() == {"float": [1e-5, 3e-4], "log": True}
    assert size == Ints(bounds=(4, 12), step=4) and temperature == Choice(values=(1, 0.7))
    assert brier == Floats(bounds=(0.0, 1.0))
    assert [size.holds(value) for value in (4, 8, 6, 16, 4.0)] == [True, True, False, False, False]
    assert [rate.holds(value) for value in (1e-5, 2e-4, 1e-3, True)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("learning_rate: {float: [1e-3, 1e-5]}", "key grpo.learning_rate: the first end has to be below the second"),
        ("learning_rate: {float: [0, 1], log: true}", "key grpo.learning_rate: a log range starts above 0"),
        ("learning_rate: {float: [one, 2]}", r"key grpo.learning_rate.float.0: Input should be a valid number"),
        ("learning_rate: {float: [1, 2], base: 10}", "key grpo.learning_rate.base: Extra inputs"),
        ("learning_rate: 1e-4", "key grpo.learning_rate: give one of {float"),
        ("learning_rate: {float: [1, 2], int: [1, 2]}", "key grpo.learning_rate: give one of"),
        ("learning_rate: {float: [-1, 1]}", "section grpo, key learning_rate: Input should be greater than 0"),
        ("group_size: {int: [4, 11], step: 4}", "key grpo.group_size: steps of 4 from 4 do not reach 11"),
        ("group_size: {int: [2, 64], step: 2, log: true}", "key grpo.group_size: log and step"),
        ("group_size: {int: [1, 4]}", "section grpo, key group_size: Input should be greater than or equal to 2"),
        ("wording: {choice: [plain]}", "key grpo.wording.choice"),
        ("wording: {choice: [plain, plain]}", "key grpo.wording: a value is given twice"),
        ("wording: {choice: [plain, loud]}", "section grpo, key wording: Input should be 'plain', 'terse'"),
        ("group_sice: {int: [2, 4]}", "section grpo, key group_sice: .*the keys are base"),
        ("reward_weights.brief: {float: [0, 1]}", "section grpo: no reward part 'brief'"),
        ("steps.x: {int: [1, 2]}", "section grpo, key steps.x: steps holds one value"),
        ("corpus: {choice: [standard, written]}", "key grpo.corpus: it says what is measured"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(entry: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^space .*space\.yaml, .*{sentence}"):
        load_space(write(tmp_path, f"grpo:\n  {entry}\n"), "grpo", GrpoSettings())


@pytest.mark.parametrize("text", ["", "- a", "sft: {epochs: {float: [1, 2]}}", "grpo:", "grpo: {}"])
def test_a_section_of_the_station_is_needed(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no section grpo"):
        load_space(write(tmp_path, text), "grpo", GrpoSettings())


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"space .*space\.yaml: not valid YAML"):
        load_space(write(tmp_path, "grpo: ["), "grpo", GrpoSettings())
    with pytest.raises(UserError, match="cannot read space"):
        load_space(tmp_path / "none.yaml", "grpo", GrpoSettings())
