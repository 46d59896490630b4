from __future__ import annotations

import io
import re

from rich.console import Console

from modsmith.training.watch import StepLines, alarms_of

GRPO = {"train/loss": 0.0, "reward/total": 0.4321, "parse_rate": 0.97, "groups/dead": 0.5, "time/step": 4.25}


def lines(terminal: bool) -> tuple[StepLines, io.StringIO]:
    out = io.StringIO()
    return StepLines("GRPO", Console(file=out, force_terminal=terminal, width=200, color_system=None)), out


def test_plain_lines_say_where_the_run_is_and_how_long_it_takes() -> None:
    bar, out = lines(False)
    bar.begin(0, 565)
    bar.step(5, {"train/loss": 0.43660597801208495, "optim/lr": 1e-4})
    bar.step(10, GRPO)
    bar.step(565, {"train_runtime": 940.4})
    first, second = out.getvalue().splitlines()
    assert re.fullmatch(r"step 5/565  train/loss 0\.437  about 0 min left", first)
    assert second.startswith("step 10/565  reward 0.432  parsed 97%  dead groups 50%  4.2 s")
    assert "train/loss" not in second  # zero by construction in GRPO


def test_a_terminal_has_a_bar_and_no_guess_in_the_line() -> None:
    bar, out = lines(True)
    bar.begin(3, 24)
    bar.done(10)
    bar.step(10, GRPO)
    bar.stop()
    bar.stop()
    assert "step 10/24  reward 0.432" in out.getvalue() and "min left" not in out.getvalue()
    assert "10/24 steps" in out.getvalue()


def test_a_bar_alone_leaves_no_lines_but_alarms() -> None:
    out = io.StringIO()
    bar = StepLines("GRPO", Console(file=out), bar_only=True)
    bar.begin(0, 24)
    bar.step(10, GRPO)
    bar.held_out(10, {"score": 0.5})
    assert out.getvalue() == ""
    bar.alarm(alarms_of([{"step": step, "length/at_cap": 0.5} for step in range(5)])[0])
    assert "completions hit the cap" in out.getvalue()


def test_the_time_left_is_known_though_a_step_takes_minutes() -> None:
    bar, _ = lines(True)
    now = iter(range(0, 100_000, 90))
    bar._bar.get_time = lambda: float(next(now))  # type: ignore[method-assign]
    bar.begin(0, 24)
    for step in (1, 2, 3):
        bar.done(step)
    bar.stop()
    assert bar._bar.tasks[0].time_remaining


def test_a_missing_score_is_not_printed() -> None:
    bar, out = lines(False)
    bar.held_out(50, {"score": 0.5, "auroc": None})
    assert out.getvalue() == "step 50: held-out score 0.500\n"


def test_an_alarm_is_one_line_with_its_cure() -> None:
    bar, out = lines(False)
    (alarm,) = alarms_of([{"step": step, "length/at_cap": 0.5} for step in range(5)])
    bar.alarm(alarm)
    (line,) = out.getvalue().splitlines()
    assert line.startswith("step 4: warning, completions hit the cap: 50 %") and "max_completion_tokens" in line
