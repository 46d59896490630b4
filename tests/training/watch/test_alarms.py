"""Every alarm rings on the trouble it is for, and is silent on a healthy run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from modsmith.training.watch import RULES, AlarmBell, alarms_of

Rows = list[dict[str, Any]]


def healthy(steps: int = 60) -> Rows:
    """What a good run logs, a little noisy, with a held-out score every ten steps."""
    rows: Rows = []
    for step in range(1, steps + 1):
        done, wave = step / steps, math.sin(step * 2.3)
        rows.append(
            {
                "step": step,
                "train/loss": 0.01 * wave,
                "optim/grad_norm": 0.4 + 0.1 * wave,
                "reward/total": 0.2 + 0.5 * done + 0.1 * wave,
                "parse_rate": 0.95 + 0.04 * wave,
                "groups/dead": 0.3 + 0.15 * wave,
                "length/at_cap": 0.03 + 0.03 * wave,
                "length/think_std": 18 + 4 * wave,
                "policy/entropy": 0.35 - 0.12 * done + 0.03 * wave,
                "reward_share/decision": 0.75 + 0.1 * wave,
                "reward_share/severity": 0.2 - 0.1 * wave,
                "reward_share/grounding": 0.05,
                "predicted/flagged": 0.45 + 0.15 * wave,
                "gold/flagged": 0.5,
            }
        )
        if step % 10 == 0:
            rows.append(
                {
                    "step": step,
                    "held_out/f1": 0.6 + 0.2 * done + 0.02 * wave,
                    "held_out/recall": 0.6,
                    "held_out/fpr": 0.2,
                }
            )
    return rows


def bend(key: str, value: Callable[[int], Any]) -> Rows:
    """A healthy run in which one metric goes its own way after step 30; `value` gets the steps since then."""
    return [row | {key: value(row["step"] - 30)} if key in row and row["step"] > 30 else row for row in healthy()]


TROUBLE: dict[str, list[Rows]] = {
    "gradient is not a number": [
        bend("optim/grad_norm", lambda _: math.nan),
        bend("train/loss", lambda _: math.inf),
    ],
    "parse rate falls": [
        bend("parse_rate", lambda since: 0.95 - 0.02 * since),
        [{"step": step, "parse_rate": 0.3} for step in range(6)],
    ],
    "most groups are dead": [bend("groups/dead", lambda _: 0.8)],
    "completions hit the cap": [bend("length/at_cap", lambda _: 0.4)],
    "all lengths are equal": [bend("length/think_std", lambda _: 0.0)],
    "entropy leaves its band": [
        bend("policy/entropy", lambda since: 0.2 * 0.8**since),
        bend("policy/entropy", lambda since: 0.3 * 1.15**since),
    ],
    "one reward part dominates": [
        [
            row | {"reward_share/length": 0.8, "reward_share/decision": 0.1} if row["step"] > 30 else row
            for row in healthy()
        ],
        bend("reward_share/decision", lambda _: 0.995),
    ],
    "predictions slide to one class": [
        bend("predicted/flagged", lambda _: 0.01),
        bend("predicted/flagged", lambda _: 0.99),
        bend("held_out/recall", lambda _: 0.0),
        bend("held_out/fpr", lambda _: 0.97),
    ],
    "reward up, held-out F1 down": [bend("held_out/f1", lambda since: 0.7 - 0.01 * since)],
}


def test_every_alarm_has_its_trouble_here() -> None:
    assert list(TROUBLE) == [rule.name for rule in RULES]


def test_a_healthy_run_is_silent() -> None:
    assert alarms_of(healthy()) == []


@pytest.mark.parametrize(("name", "rows"), [(name, rows) for name, found in TROUBLE.items() for rows in found])
def test_trouble_rings_its_own_alarm_and_no_other(name: str, rows: Rows) -> None:
    rung = alarms_of(rows)
    assert {alarm.name for alarm in rung} == {name}
    assert rung[0].cause in rung[0].sentence and rung[0].cure in rung[0].sentence
    assert any(char.isdigit() for char in rung[0].finding) or "nan" in rung[0].finding or "inf" in rung[0].finding


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("groups/dead", 0.5),  # half is not most
        ("length/at_cap", 0.2),
        ("parse_rate", 0.9),
        ("predicted/flagged", 0.1),
        ("reward_share/decision", 0.97),
    ],
)
def test_just_inside_the_band_is_silent(key: str, value: float) -> None:
    assert alarms_of(bend(key, lambda _: value)) == []


def test_one_odd_step_is_silent() -> None:
    odd = {"parse_rate": 0.6, "groups/dead": 1.0, "length/at_cap": 0.6, "length/think_std": 0.0, "policy/entropy": 0.01}
    assert alarms_of([row | (odd if row["step"] == 40 and "parse_rate" in row else {}) for row in healthy()]) == []


def test_what_is_right_for_these_listings_is_no_slide() -> None:
    """With hardly a violating listing among them, hardly a flag is what is wanted."""
    rows = [row | {"predicted/flagged": 0.01, "gold/flagged": 0.02} for row in healthy() if "parse_rate" in row]
    assert alarms_of(rows) == []


def test_equal_lengths_at_the_cap_ring_for_the_cap_alone() -> None:
    cut = {"length/at_cap": 1.0, "length/think_std": 0.0}
    rung = alarms_of([row | (cut if row["step"] > 30 and "parse_rate" in row else {}) for row in healthy()])
    assert [alarm.name for alarm in rung] == ["completions hit the cap"]


def test_held_out_may_fall_while_the_reward_falls_too() -> None:
    rows = [
        row
        | ({"held_out/f1": 0.7 - 0.01 * (row["step"] - 30)} if "held_out/f1" in row and row["step"] > 30 else {})
        | ({"reward/total": 0.3 - 0.01 * (row["step"] - 30)} if "reward/total" in row and row["step"] > 30 else {})
        for row in healthy()
    ]
    assert alarms_of(rows) == []


def test_an_alarm_rings_once_and_again_after_a_long_silence() -> None:
    bad = bend("length/at_cap", lambda since: 0.4 if since <= 6 or since == 9 else 0.0)
    assert [alarm.step for alarm in alarms_of(bad)] == [33]
    again = [*bad, *({"step": step, "length/at_cap": 0.4} for step in range(61, 70))]
    assert [alarm.step for alarm in alarms_of(again)] == [33, 63]


def test_a_resumed_run_does_not_hear_of_it_again() -> None:
    bad = bend("groups/dead", lambda _: 0.9)
    cut = len(bad) - 5
    bell = AlarmBell(bad[:cut])
    assert [alarm for row in bad[cut:] for alarm in bell.ring(row)] == []


def test_only_a_lost_gradient_spoils_the_weights() -> None:
    assert [rule.name for rule in RULES if rule.spoils_weights] == ["gradient is not a number"]
