"""bf16 where the arithmetic is, fp32 where the information is.

A small model's residual stream holds a few huge values beside the small ones that tell one listing from another; in
bf16 (eight bits of mantissa) the small ones are rounded away, and logits near 20 move in steps of 0.125. So only the
linear layers, nearly all of the arithmetic, run in bf16; embeddings, norms, residual stream and head stay fp32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def use_bf16_linears(model: Any) -> int:
    """Turn the decoder's plain linear layers of an fp32 model to bf16 in place; returns how many there were.

    Each casts its input; its output is bf16 and turns fp32 again when it is added to the residual stream. Rotary
    angles are handed out in bf16, so that queries, keys and values stay in one precision.
    """
    changed = 0
    decoder = model.get_decoder()
    if hasattr(decoder, "rotary_emb"):
        decoder.rotary_emb.forward = _in_bf16(decoder.rotary_emb.forward)
    for layer in decoder.modules():
        if type(layer) is nn.Linear:
            layer.to(torch.bfloat16)
            layer.forward = _forward_of(layer)  # type: ignore[method-assign]
            changed += 1
    return changed


def _forward_of(layer: nn.Linear) -> Any:
    def forward(x: Tensor) -> Tensor:
        return F.linear(x.to(layer.weight.dtype), layer.weight, layer.bias)

    return forward


def _in_bf16(rotary: Any) -> Any:
    def forward(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        return tuple(angles.to(torch.bfloat16) for angles in rotary(*args, **kwargs))

    return forward
