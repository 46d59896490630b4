from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.policy import Policy
from modsmith.prompt import render_completion
from modsmith.ratings import Ratings
from modsmith.training.rewards import build_rewards
from modsmith.training.watch import record_answers, rollout_metrics

WEIGHTS = {"decision": 1.0, "severity": 0.5, "length": 0.0}


def table(decision: list[float], severity: list[float], **more: list[Any]) -> dict[str, list[Any]]:
    return {
        "completion": ["x"] * len(decision),
        "reward_decision": decision,
        "reward_severity": severity,
        "reward_length": [-1.0] * len(decision),
        **more,
    }


def test_dead_groups_and_shares() -> None:
    """The second of two groups earns the same throughout; in the first, severity moves half as far as decision."""
    found = rollout_metrics(table([1, 1, -1, 1, 1, 1], [0, 0, -1, -0.5, -0.5, -0.5]), 3, WEIGHTS)
    assert found["groups/dead"] == 0.5
    assert found["reward_share/decision"] == pytest.approx(0.8)
    assert found["reward_share/severity"] == pytest.approx(0.2)
    assert found["reward_share/length"] == 0.0


def test_all_dead_groups_have_no_shares() -> None:
    found = rollout_metrics(table([1, 1], [0, 0]), 2, WEIGHTS)
    assert found["groups/dead"] == 1.0 and not any(key.startswith("reward_share/") for key in found)


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-1, 0)), min_size=4, max_size=24))
def test_shares_add_up_to_one(pairs: list[tuple[float, float]]) -> None:
    pairs = pairs[: len(pairs) // 4 * 4]
    found = rollout_metrics(table([a for a, _ in pairs], [b for _, b in pairs]), 4, WEIGHTS)
    shares = [value for key, value in found.items() if key.startswith("reward_share/")]
    assert not shares or sum(shares) == pytest.approx(1.0)


def test_advantages() -> None:
    found = rollout_metrics(table([1, 1, 0, 0], [0] * 4, advantage=[0.5, 0.5, -0.5, -0.5]), 4, WEIGHTS)
    assert (found["advantage/abs_mean"], found["advantage/std"]) == (0.5, 0.5)


def test_answers_against_gold() -> None:
    def ratings(level: int) -> str:
        return json.dumps({"a": 0, "b": level})

    found = rollout_metrics(
        table([0] * 4, [0] * 4, gold=[ratings(3), ratings(3), ratings(0), ratings(0)],
              predicted=[ratings(4), ratings(3), None, ratings(1)], tokens=[90, 110, 40, 40],
              mode=["think", "think", "direct", "direct"]), 2, WEIGHTS,
    )  # fmt: skip
    assert found["parse_rate"] == 0.75
    assert found["gold/flagged"] == 0.5 and found["predicted/flagged"] == pytest.approx(2 / 3)
    assert found["ratings/top"][3] == [0, 0, 0, 1, 1, 0] and found["ratings/top"][0] == [0, 1, 0, 0, 0, 1]
    assert np.sum(found["ratings/top"]) == 4
    assert found["length/think_std"] == 10.0  # the direct answers, all of one length, do not count


def test_nothing_is_said_about_what_is_not_there() -> None:
    assert rollout_metrics({"completion": []}, 4, WEIGHTS) == {}
    assert rollout_metrics(table([1] * 5, [0] * 5), 4, WEIGHTS) == {}  # no whole groups
    unread = rollout_metrics(table([-1, -1], [0, 0], predicted=[None, None]), 2, WEIGHTS)
    assert unread["parse_rate"] == 0.0 and "predicted/flagged" not in unread


def test_recording_changes_no_reward(plant_policy: Policy) -> None:
    gold = Ratings.full(plant_policy.category_ids, {"wild_taken": 3})
    completions = [[{"role": "assistant", "content": render_completion(gold, "think", "Dug up.", "dug up")}], "no"]
    columns: dict[str, Any] = {
        "gold": [json.dumps(gold)] * 2, "listing": ["A fern, dug up."] * 2, "mode": ["think"] * 2,
        "example_id": ["p1a"] * 2, "completion_ids": [[1] * 50, [1] * 2],
    }  # fmt: skip
    plain = build_rewards(plant_policy, 100)
    recorded = record_answers(plain, plant_policy)
    table: dict[str, list[Any]] = {}
    log: Callable[[str, list[Any]], None] = table.__setitem__
    assert list(recorded) == list(plain)
    for name, reward in recorded.items():
        assert reward.__name__ == plain[name].__name__
        assert reward(completions, log_extra=log, **columns) == plain[name](completions, **columns)
    assert [one and json.loads(one) for one in table["predicted"]] == [dict(gold), None]
    assert table["tokens"] == [50, 2] and table["example_id"] == ["p1a", "p1a"]
    assert set(table) == {"example_id", "mode", "listing", "gold", "predicted", "tokens"}
