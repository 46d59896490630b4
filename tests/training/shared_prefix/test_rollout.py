from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from modsmith.training.shared_prefix.model import teach_trees
from modsmith.training.shared_prefix.rollout import draw, sample

PROMPTS = [[5, 6, 7, 8, 9, 10], [5, 6, 7, 11, 12], [5, 6, 7, 8, 13, 14, 15], [21, 22]]


def greedy(ids: Tensor, logits: Tensor) -> Tensor:
    logits[:, 2] = -torch.inf  # the models' own end token, so that `generate` goes on too
    return logits.argmax(-1)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("prompts", [PROMPTS, PROMPTS[:1], PROMPTS[:3]])
def test_greedy_equals_generate(build: Callable[..., Any], kind: str, prompts: list[list[int]]) -> None:
    """Also where completions end at different steps and the batch shrinks."""
    model = build(kind).eval()
    free = [
        model.generate(torch.tensor([one]), max_new_tokens=12, min_new_tokens=12, do_sample=False, suppress_tokens=[2])[
            0, len(one) :
        ].tolist()
        for one in prompts
    ]
    ends = [free[0][3], free[-1][6]]  # makes the first and the last end early
    expected = [row[: min((row.index(end) for end in ends if end in row), default=len(row)) + 1] for row in free]
    teach_trees(model)
    rows = [0, 1, 0, 2, 3, 1] if len(prompts) == 4 else [*range(len(prompts)), 0, 0]
    found = sample(model, [prompts[row] for row in rows], ends, 12, greedy)
    assert found == [expected[row] for row in rows]
    assert len(found[0]) < 12


def test_places_are_given_up_and_the_end_is_noticed(build: Callable[..., Any]) -> None:
    """Row i ends after i + 1 tokens: the batch gets smaller, and nothing is computed after the last end."""
    model = build("llama").eval()
    teach_trees(model)
    sizes: list[int] = []

    def pick(ids: Tensor, logits: Tensor) -> Tensor:
        """The first token says after how many the row ends; an idle place may get anything."""
        sizes.append(len(logits))
        assert ids.shape == (len(logits), len(PROMPTS[0]) + len(sizes) - 1)
        goals = [index + 1 for index in range(6)] if len(sizes) == 1 else (ids[:, len(PROMPTS[0])] - 30).tolist()
        return torch.tensor([96 if len(sizes) == goal else 30 + goal for goal in goals])

    found = sample(model, [PROMPTS[0]] * 6, [96], 50, pick)
    assert found == [[31 + index] * index + [96] for index in range(6)]
    assert len(sizes) == 6 and sizes[0] == 6 and sizes[-1] <= 2 and sizes == sorted(sizes, reverse=True)


def test_the_cap_holds(build: Callable[..., Any]) -> None:
    model = build("llama").eval()
    teach_trees(model)
    assert [len(one) for one in sample(model, PROMPTS, [], 3, greedy)] == [3] * 4
    assert [len(one) for one in sample(model, PROMPTS, [], 1, greedy)] == [1] * 4


def test_draw_follows_the_probabilities() -> None:
    torch.manual_seed(0)
    p = torch.tensor([0.5, 0.0, 0.3, 0.2, 0.0])
    drawn = draw(p.log().expand(40_000, 5))
    shares = torch.bincount(drawn, minlength=5) / 40_000
    assert shares[1] == shares[4] == 0
    torch.testing.assert_close(shares, p, atol=0.01, rtol=0)  # 4 standard deviations


def test_pick_sees_what_generate_would_score(build: Callable[..., Any]) -> None:
    """Logits of every step equal those of a forward over the whole sequence."""
    model = build("qwen3").eval()
    whole = build("qwen3").eval()
    teach_trees(model)
    torch.manual_seed(0)
    steps: list[Tensor] = []

    def pick(ids: Tensor, logits: Tensor) -> Tensor:
        steps.append(logits)
        return draw(logits)

    found = sample(model, PROMPTS, [], 6, pick)
    for row, (prompt, completion) in enumerate(zip(PROMPTS, found, strict=True)):
        with torch.no_grad():
            expected = whole(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        torch.testing.assert_close(torch.stack([one[row] for one in steps]), expected, atol=1e-5, rtol=1e-4)
