"""Which curves of a run are shown, in which order, and how they are called: for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modsmith.evaluation.report_plots import curve_points, spaced

MOST_LINES = 6
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that belong together, over the steps."""

    title: str
    note: str
    lines: list[tuple[str, Points]]
    """(name, points); names of held-out scores keep their prefix, which gives them a scale from 0 to 1."""
    main: bool = False
    """Also shown in the terminal."""


_PANELS: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    (
        "Held-out scores",
        "Listings that are not trained on. The score decides which model becomes best/.",
        ("held_out/score", "held_out/f1", "held_out/recall", "held_out/precision", "held_out/twin_accuracy",
         "held_out/auroc"),
        True,
    ),
    ("Loss", "", ("train/loss",), True),
    ("Reward and its parts", "Parts before weights; total is the weighted sum.", ("reward/total", "reward/*"), True),
    (
        "Dead groups, and what there is to learn",
        "Dead: every completion of the group earned the same, so nothing is learnt from it.",
        ("groups/dead", "advantage/abs_mean", "advantage/std"),
        True,
    ),
    ("Which part decides", "Shares of what tells completions of a group apart.", ("reward_share/*",), False),
    (
        "Answers",
        "Share that can be read, that flags its listing, and that should.",
        ("parse_rate", "predicted/flagged", "gold/flagged"),
        True,
    ),
    ("Length, tokens", "", ("length/mean", "length/min", "length/max", "length/think_std"), True),
    (
        "Cut off, clipped",
        "Completions at the cap; tokens whose update was clipped.",
        ("length/at_cap", "policy/clip_ratio"),
        False,
    ),
    ("Entropy, nats a token", "At nothing, the policy explores no more.", ("policy/entropy", "policy/kl"), True),
    ("Gradient norm", "", ("optim/grad_norm",), False),
    ("Learning rate × 1,000", "", ("optim/lr",), False),
    ("Seconds a step", "By phase; step is the whole.", ("time/*",), False),
    ("Tokens per second", "", ("tokens_per_second",), False),
    ("Use of processor and GPU", "Shares of all cores and of the time.", ("machine/cpu", "machine/gpu"), False),
    ("Memory, GB", "", ("machine/memory_gb", "machine/gpu_memory_gb"), False),
)  # fmt: skip
_LEFT_OUT = {"time/held_out"}
_SCALED = {"optim/lr": 1000.0}


def panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """The panels that these metrics have something for, at most `MOST_LINES` lines each. The loss of a run that has
    rewards is left out: in GRPO it starts at zero by construction and says nothing."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    rewarded = "reward/total" in keys
    found = []
    for title, note, wanted, main in _PANELS:
        if title == "Loss" and rewarded:
            continue
        chosen = [key for want in wanted for key in keys if _is_wanted(key, want)]
        lines = [(_name(key), line) for key in dict.fromkeys(chosen) if (line := _scaled(rows, key))]
        if lines:
            found.append(Panel(title, note, lines[:MOST_LINES], main))
    return found


def _is_wanted(key: str, want: str) -> bool:
    if not want.endswith("*"):
        return key == want
    below = key.removeprefix(want[:-1])
    return below != key and "/" not in below and key not in _LEFT_OUT


def _name(key: str) -> str:
    return key if key.startswith("held_out/") else spaced(key.rsplit("/", 1)[-1])


def _scaled(rows: Sequence[Mapping[str, Any]], key: str) -> Points:
    return [(step, value * _SCALED.get(key, 1.0)) for step, value in curve_points(rows, key)]
