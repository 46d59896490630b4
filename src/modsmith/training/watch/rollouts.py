"""What the completions of one step say about the policy, from the table that the trainer keeps of them.

The table has one entry a completion in every column; completions of one listing stand side by side in groups of G:
`completion`, `reward_NAME` for every reward part, `advantage`, and what `record_answers` adds to it: `example_id`,
`mode`, `listing`, `gold` and `predicted` (JSON, category -> rating; `None` where the completion does not parse) and
`tokens`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modsmith.policy import Policy
from modsmith.prompt import parse_answer
from modsmith.ratings import LEVELS, VIOLATION
from modsmith.training.rewards import Reward


def record_answers(rewards: Mapping[str, Reward], policy: Policy) -> dict[str, Reward]:
    """The same rewards; the first one also writes the answer columns into the trainer's table of completions."""
    first, *others = rewards
    inner = rewards[first]

    @functools.wraps(inner)
    def recording(completions: Sequence[Any], **columns: Any) -> list[float]:
        if "log_extra" in columns:
            for name, values in _answers(policy, completions, columns).items():
                columns["log_extra"](name, values)
        return inner(completions, **columns)

    return {first: recording, **{name: rewards[name] for name in others}}


def _answers(policy: Policy, completions: Sequence[Any], columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    texts = [_text(one) for one in completions]
    answers = [parse_answer(text, policy.category_ids, mode) for text, mode in zip(texts, columns["mode"], strict=True)]
    found = {name: list(columns[name]) for name in ("example_id", "mode", "listing", "gold") if name in columns}
    found["predicted"] = [json.dumps(dict(one.ratings)) if one.ratings is not None else None for one in answers]
    if ids := columns.get("completion_ids"):
        found["tokens"] = [len(one) for one in ids]
    return found


def rollout_metrics(
    table: Mapping[str, Sequence[Any]], group_size: int, weights: Mapping[str, float]
) -> dict[str, Any]:
    """The metrics of one step's completions.

    advantage/abs_mean, advantage/std   how much there is to learn
    groups/dead                         share of groups whose completions all earned the same
    reward_share/NAME                   cov(w r_NAME, R) / var(R) within groups; the parts add up to 1
    parse_rate                          share of completions that parse
    length/think_std                    standard deviation of the lengths (tokens) of reasoned completions
    gold/flagged, predicted/flagged     share of listings with a violation, of parsed completions that claim one
    ratings/top                         counts, gold top rating 0..4 (row) x predicted 0..4 and unparsed (column)

    A metric whose columns are missing, or that is not defined for these completions, is left out.
    """
    count = len(table["completion"])
    if not count or count % group_size:
        return {}
    parts = {
        name: np.array(table[f"reward_{name}"], dtype=float) * weight
        for name, weight in weights.items()
        if len(table.get(f"reward_{name}", ())) == count
    }
    found: dict[str, Any] = {}
    if len(table.get("advantage", ())) == count:
        advantages = np.array(table["advantage"], dtype=float)
        found["advantage/abs_mean"] = float(np.abs(advantages).mean())
        found["advantage/std"] = float(advantages.std())
    if parts:
        found |= _reward_metrics({name: np.nan_to_num(values) for name, values in parts.items()}, group_size)
    if len(table.get("predicted", ())) == count:
        found |= _answer_metrics(table)
    return found


def _reward_metrics(parts: Mapping[str, np.ndarray], group_size: int) -> dict[str, float]:
    by_group = {name: values.reshape(-1, group_size) for name, values in parts.items()}
    total = np.add.reduce(list(by_group.values()))
    found = {"groups/dead": float(np.isclose(total.std(1), 0).mean())}
    around = total - total.mean(1, keepdims=True)
    if (variance := float((around**2).sum())) > 1e-12:
        for name, values in by_group.items():
            own = values - values.mean(1, keepdims=True)
            found[f"reward_share/{name}"] = float((own * around).sum() / variance)
    return found


def _answer_metrics(table: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    predicted = [None if one is None else max(json.loads(one).values(), default=0) for one in table["predicted"]]
    found: dict[str, Any] = {"parse_rate": sum(one is not None for one in predicted) / len(predicted)}
    read = [one for one in predicted if one is not None]
    if read:
        found["predicted/flagged"] = sum(one >= VIOLATION for one in read) / len(read)
    if len(table.get("gold", ())) == len(predicted):
        gold = [max(json.loads(one).values(), default=0) for one in table["gold"]]
        found["gold/flagged"] = sum(one >= VIOLATION for one in gold) / len(gold)
        counts = [[0] * (len(LEVELS) + 1) for _ in LEVELS]
        for right, said in zip(gold, predicted, strict=True):
            counts[right][len(LEVELS) if said is None else said] += 1
        found["ratings/top"] = counts
    if len(table.get("tokens", ())) == len(table.get("mode", ())) == len(predicted):
        lengths = [size for size, mode in zip(table["tokens"], table["mode"], strict=True) if mode == "think"]
        if len(lengths) > 1:
            found["length/think_std"] = float(np.std(lengths))
    return found


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else completion[-1]["content"]
