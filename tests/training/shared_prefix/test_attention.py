"""Against ordinary attention under a mask that spells out who sees whom."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modsmith.training.shared_prefix import attention
from modsmith.training.shared_prefix.attention import TreeAttention, attend, attend_by_products
from modsmith.training.shared_prefix.tree import PromptTree, pack

CPU = torch.device("cpu")
TREES = {
    "three prompts": ([[5, 6, 7, 8], [5, 6, 9], [5, 6, 7, 7, 7]], [[[1] * 4, [1]], [[1] * 2], [[1] * 3, [1] * 6]]),
    "nothing in common": ([[5, 6], [7, 8, 9]], [[[1] * 3, [2] * 3], [[1] * 5]]),
    "one prompt": ([[5, 6, 7]], [[[1] * 4, [1] * 2]]),
    "one completion": ([[5, 6, 7]], [[[1] * 4]]),
    "a prompt without completions": ([[5, 6, 7], [5, 7]], [[[1] * 4], []]),
}


def visible(prompts: list[list[int]], completions: list[list[list[int]]], tree: PromptTree) -> Tensor:
    """(N, N) by walking each sequence."""
    seen = torch.eye(tree.size, dtype=torch.bool)
    place = tree.branches[0].start
    rests = tree.rests or [slice(0, 0)]
    for rest, group in zip(rests, completions, strict=True):
        stem = [*range(tree.shared), *range(rest.start, rest.stop)]
        branches = [stem]
        for completion in group:
            branches.append([*stem, *range(place, place + len(completion) - 1)])
            place += len(completion) - 1
        for path in branches:
            for index, at in enumerate(path):
                seen[at, path[: index + 1]] = True
    assert place == tree.size and len(prompts) == len(rests)
    return seen


def plain(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    repeat = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(repeat, 0), v.repeat_interleave(repeat, 0)
    scores = (q @ k.mT * 0.4).masked_fill(~seen, -torch.inf)
    return scores.softmax(-1) @ v


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("by_products", [False, True])
def test_values_and_gradients(name: str, by_products: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts, completions = TREES[name]
    tree = pack(prompts, completions, CPU)
    torch.manual_seed(0)
    q, k, v = (torch.randn(heads, tree.size, 8, dtype=torch.float64).mul_(2) for heads in (6, 2, 2))
    weight = torch.randn(6, tree.size, 8)
    exact = [one.clone().requires_grad_() for one in (q, k, v)]
    expected = plain(*exact, visible(prompts, completions, tree))
    (expected * weight).sum().backward()
    if by_products:
        monkeypatch.setattr(attention, "attend", attend_by_products)
        monkeypatch.setattr(attention, "MAX_SCORES", 8)  # backward in many pieces
    ours = [one.float().requires_grad_() for one in (q, k, v)]
    found = TreeAttention.apply(*ours, tree, 0.4)
    (found * weight).sum().backward()
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(ours, exact, strict=True):
        assert mine.grad is not None and theirs.grad is not None
        torch.testing.assert_close(mine.grad.double(), theirs.grad, atol=2e-5, rtol=1e-4)


def test_bf16_is_as_close_as_bf16_gets() -> None:
    prompts, completions = TREES["three prompts"]
    tree = pack(prompts, completions, CPU)
    torch.manual_seed(0)
    q, k, v = (torch.randn(heads, tree.size, 8).bfloat16().requires_grad_() for heads in (6, 2, 2))
    exact = [one.detach().double().requires_grad_() for one in (q, k, v)]
    found = TreeAttention.apply(q, k, v, tree, 0.4)
    expected = plain(*exact, visible(prompts, completions, tree))
    assert found.dtype == torch.bfloat16
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(found.double(), expected, atol=2e-2, rtol=2e-2)
    for mine, theirs in zip((q, k, v), exact, strict=True):
        assert mine.grad is not None and mine.grad.dtype == torch.bfloat16 and theirs.grad is not None
        assert (mine.grad.double() - theirs.grad).norm() < 0.02 * theirs.grad.norm()


@pytest.mark.parametrize("causal", [False, True])
def test_both_ways_to_attend_agree(causal: bool) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 8) for _ in range(3))
    bias = torch.zeros(2, 1, 1, 5)
    bias[0, ..., 0 if not causal else 4] = -torch.inf
    for one in (None, bias) if not causal else (None,):
        for mine, theirs in zip(
            attend(q, k, v, 0.3, causal, one), attend_by_products(q, k, v, 0.3, causal, one), strict=True
        ):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
