"""Log-probabilities of chosen tokens, with the gradient taken on the way.

    log p(y | h) = l_y - logsumexp(l),  l = (W h + b) / temperature
    d log p(y | h) / dh = W^T (onehot_y - softmax(l)) / temperature

One number comes out per token, so its gradient towards h is one vector: it is formed while the logits are there, and
backward only scales it. The logits of a few tokens at a time exist, never those of the batch; with a head that is
trained itself, they are formed once more in backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


class TokenLogProbs(torch.autograd.Function):
    """hidden (S, E), weight (V, E), bias (V,) or None, targets (S,) -> log-probabilities and entropies (S,), fp32.

    `rough` is a copy of the weight in bf16 for the gradient's matrix product, where the layers below run in bf16
    anyway; None keeps everything in the weight's precision. The entropies carry no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        temperature: float,
        rough: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        logps, entropies, slopes = [], [], []
        for some in _pieces(len(targets), weight):
            logits = _logits(hidden[some], weight, bias, temperature)
            target = targets[some, None]
            peak = logits.amax(-1, keepdim=True)
            chosen = logits.gather(1, target) - peak
            p = logits.sub_(peak)
            # sum p log p, before p itself is there: sum exp(l) l / sum exp(l) - log sum exp(l)
            powers = p.exp()
            total = powers.sum(-1, keepdim=True)
            mean = torch.linalg.vecdot(powers, p).unsqueeze(1) / total
            logps.append((chosen - total.log())[:, 0])
            entropies.append((total.log() - mean)[:, 0])
            if wanted:
                slope = powers.div_(-temperature * total)
                slope.scatter_add_(1, target, torch.full_like(chosen, 1 / temperature))
                slopes.append(_times(slope, weight if rough is None else rough))
        logp_S, entropy_S = torch.cat(logps), torch.cat(entropies)
        slope_SE = torch.cat(slopes) if slopes else None
        ctx.save_for_backward(slope_SE, *((hidden, weight, bias, targets) if ctx.needs_input_grad[1] else ()))
        ctx.temperature, ctx.dtype = temperature, hidden.dtype
        ctx.mark_non_differentiable(entropy_S)
        return logp_S, entropy_S

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        slope_SE, *rest = ctx.saved_tensors
        grad_S1 = grads[0][:, None]
        grad_hidden = None if slope_SE is None else (slope_SE * grad_S1).to(ctx.dtype)
        if not rest:
            return grad_hidden, None, None, None, None, None
        hidden, weight, bias, targets = rest
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        grad_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
        for some in _pieces(len(targets), weight):
            slope = _logits(hidden[some], weight, bias, ctx.temperature).softmax(-1).neg_()
            slope.scatter_add_(1, targets[some, None], slope.new_ones(len(slope), 1))
            slope *= grad_S1[some] / ctx.temperature
            grad_weight.addmm_(slope.t(), hidden[some].float())
            if grad_bias is not None:
                grad_bias += slope.sum(0)
        grad_bias = None if grad_bias is None else grad_bias.to(bias.dtype)
        return grad_hidden, grad_weight.to(weight.dtype), grad_bias, None, None, None


def _pieces(count: int, weight: Tensor) -> Iterator[slice]:
    """Few enough tokens that their logits stay near the cores, many enough for a good matrix product."""
    size = max(32, (2**22 if weight.device.type == "cpu" else 2**27) // weight.shape[0])
    return (slice(start, start + size) for start in range(0, count, size))


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, temperature: float) -> Tensor:
    logits = torch.nn.functional.linear(hidden.to(weight.dtype), weight, bias).float()
    return logits if temperature == 1 else logits.div_(temperature)


def _times(slope: Tensor, weight: Tensor) -> Tensor:
    return (slope.to(weight.dtype) @ weight).float()
