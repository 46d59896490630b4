"""A run in words, from its numbers alone."""

from __future__ import annotations

from collections.abc import Sequence

from modsmith.evaluation.report_plots import number, percent
from modsmith.runs.record import RunRecord


def age(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `5 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def headline(run: RunRecord) -> str:
    """State, steps and the best held-out score in one sentence."""
    station = run.station.upper() or "Run"
    of = f" of {run.steps}" if run.steps else ""
    state = {
        "finished": f"{station} finished after {run.step} steps",
        "running": f"{station} is running, at step {run.step}{of}",
        "stopped": f"{station} stopped at step {run.step}{of}",
    }[run.state]
    if run.state == "finished" and run.about.get("ended_early"):
        state = f"{station} ended early after {run.step}{of} steps, for want of a better held-out score"
    if run.best is None:
        return f"{state}; {'no held-out score yet' if run.state == 'running' else 'no held-out score was measured'}."
    step, score = run.best
    last = _values(run, "held_out/score")[-1]
    tail = "" if last == score else f"; the last one is {number(last)}"
    return f"{state}; its best held-out score is {number(score)}, at step {step}{tail}."


def facts(run: RunRecord) -> list[tuple[str, str, str, str]]:
    """(lead, figure, note, sentence) of what matters most; what was not measured is left out."""
    found = []
    f1 = _values(run, "held_out/f1")
    if f1:
        text = "The last one, on validation listings."
        found.append(("Held-out F1", number(f1[-1]), f"from {number(f1[0])}" if len(f1) > 1 else "", text))
    reward, loss = _values(run, "reward/total"), _values(run, "train/loss")
    if reward:
        text = "Mean of the first and of the last tenth of the steps."
        found.append(("Reward", number(_end(reward)), f"from {number(_start(reward))}", text))
    elif loss:
        text = "Mean of the first and of the last tenth of the rows."
        found.append(("Loss", number(_end(loss)), f"from {number(_start(loss))}", text))
    dead = _values(run, "groups/dead")
    if dead:
        text = "Groups whose completions all earned the same: they cost a rollout and teach nothing."
        found.append(("Dead groups", percent(_end(dead)), f"from {percent(_start(dead))}", text))
    parsed = _values(run, "parse_rate")
    if parsed:
        found.append(("Readable", percent(_end(parsed)), f"from {percent(_start(parsed))}", "Completions that parse."))
    seconds, speed = _values(run, "time/step"), _values(run, "tokens_per_second")
    if seconds:
        text = f"{sum(speed) / len(speed):,.0f} tokens a second." if speed else ""
        found.append(("A step takes", f"{sum(seconds) / len(seconds):.1f} s", "on average", text))
    return found


def _values(run: RunRecord, key: str) -> list[float]:
    values = (row.get(key) for row in run.rows)
    return [value for value in values if value is not None and value == value]


def _start(values: Sequence[float]) -> float:
    part = values[: max(1, len(values) // 10)]
    return sum(part) / len(part)


def _end(values: Sequence[float]) -> float:
    part = values[-max(1, len(values) // 10) :]
    return sum(part) / len(part)
