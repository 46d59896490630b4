from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from modsmith.training.settings import GrpoSettings
from modsmith.training.sweep import Choice, Floats, Ints, Plan, Trial, print_trials
from modsmith.training.sweep.draw import duration, plot_trials, show_value, trial_line

PLAN = Plan(
    "grpo",
    GrpoSettings(),
    {
        "learning_rate": Floats(bounds=(1e-5, 1e-3), log=True),
        "group_size": Ints(bounds=(2, 8)),
        "reward_weights.length": Floats(bounds=(0.0, 1.0)),
        "wording": Choice(values=("plain", "terse")),
    },
)


def trial(number: int, score: float | None, error: str = "") -> Trial:
    changes = {"learning_rate": 1.2e-4, "group_size": 4, "reward_weights.length": 0.25, "wording": "terse"}
    state = "failed" if score is None else "finished"
    return Trial(number, state, changes, score, {"f1": score} if score else {}, 600.0, error)  # type: ignore[arg-type]


TRIALS = [trial(0, 0.5), trial(1, None, "the model is sure"), trial(2, 0.75)]


def printed(trials: list[Trial]) -> list[str]:
    out = io.StringIO()
    print_trials(trials, PLAN, Console(file=out, width=160))
    return out.getvalue().splitlines()


def test_a_line_says_what_came_of_it_and_how_long_the_rest_takes() -> None:
    assert trial_line(TRIALS[2], TRIALS, 5).plain == (
        "trial 002  2/5  score 0.750  learning_rate 0.00012  group_size 4  length 0.25  wording terse  10 min"
        "  about 30 min left"
    )
    assert trial_line(TRIALS[1], TRIALS[1:2], 5).plain == (
        "trial 001  0/5  failed: the model is sure  learning_rate 0.00012  group_size 4  length 0.25  wording terse"
        "  10 min"
    )
    assert not trial_line(TRIALS[2], TRIALS, 2).plain.endswith("left")


def test_the_table_has_all_trials_the_best_first() -> None:
    head, *rows = printed(TRIALS)
    assert "learning rate" in head and "length" in head
    assert [row.split()[0] for row in rows[:3]] == ["002", "000", "001"]
    assert rows[0].split()[1:3] == ["0.750", "0.750"] and rows[0].split()[3] == "n/a"  # recall is not known
    assert rows[3] == "trial 001 failed: the model is sure"


def test_a_tie_of_all_is_no_finding() -> None:
    assert "made no difference" in printed([trial(0, 0.5), trial(1, 0.5)])[-1]
    assert "made no difference" not in "".join(printed(TRIALS) + printed([trial(0, 0.5)]))


@pytest.mark.parametrize("trials", [TRIALS, TRIALS[:1], [trial(0, -0.25), trial(1, -0.25)]])
def test_the_picture_is_drawn_from_the_first_trial_on(trials: list[Trial], tmp_path: Path) -> None:
    plot_trials(trials, PLAN, tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_values_and_times_are_short() -> None:
    assert [show_value(one) for one in (1.234e-5, 4, None, True, "plain")] == ["1.23e-05", "4", "none", "yes", "plain"]
    assert [duration(one) for one in (40.4, 600, 9000)] == ["40 s", "10 min", "2.5 h"]
