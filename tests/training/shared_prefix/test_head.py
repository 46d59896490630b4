from __future__ import annotations

import pytest
import torch

from modsmith.training.shared_prefix import head
from modsmith.training.shared_prefix.head import TokenLogProbs


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("train_head", [False, True])
def test_equals_log_softmax(
    temperature: float, with_bias: bool, train_head: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "_pieces", lambda count, weight: (slice(at, at + 3) for at in range(0, count, 3)))
    torch.manual_seed(0)
    tensors = [torch.randn(8, 5), torch.randn(11, 5), torch.randn(11) if with_bias else None]
    targets = torch.randint(0, 11, (8,))
    weight_S = torch.randn(8)

    def leaves(dtype: torch.dtype) -> list[torch.Tensor | None]:
        return [
            None if one is None else one.clone().to(dtype).requires_grad_(index == 0 or train_head)
            for index, one in enumerate(tensors)
        ]

    mine, exact = leaves(torch.float32), leaves(torch.float64)
    logps, entropies = TokenLogProbs.apply(*mine, targets, temperature, None)
    (logps * weight_S).sum().backward()
    all_logps = (torch.nn.functional.linear(*exact) / temperature).log_softmax(-1)
    (all_logps.gather(1, targets[:, None])[:, 0] * weight_S).sum().backward()
    torch.testing.assert_close(logps.double(), all_logps.gather(1, targets[:, None])[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(entropies.double(), -(all_logps.exp() * all_logps).sum(-1), atol=1e-5, rtol=1e-5)
    for one, other in zip(mine, exact, strict=True):
        if one is not None and one.requires_grad:
            assert one.grad is not None and other is not None and other.grad is not None
            torch.testing.assert_close(one.grad.double(), other.grad, atol=1e-5, rtol=1e-4)


def test_a_rough_copy_of_the_weight_serves_the_gradient_only() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(8, 5, requires_grad=True), torch.randn(11, 5)
    targets = torch.randint(0, 11, (8,))
    exact, _ = TokenLogProbs.apply(hidden, weight, None, targets, 1.0, None)
    (expected,) = torch.autograd.grad(exact.sum(), hidden)
    logps, _ = TokenLogProbs.apply(hidden, weight, None, targets, 1.0, weight.bfloat16())
    (found,) = torch.autograd.grad(logps.sum(), hidden)
    assert torch.equal(logps, exact) and not torch.equal(found, expected)
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_without_gradients_nothing_is_kept() -> None:
    logps, _ = TokenLogProbs.apply(torch.randn(2, 5), torch.randn(11, 5), None, torch.tensor([1, 2]), 1.0, None)
    assert not logps.requires_grad
