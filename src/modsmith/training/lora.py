"""LoRA layers that cost what their arithmetic costs.

PEFT's linear layer casts its input to the adapter's precision, multiplies the scaling over the full output and keeps an
extra copy of it. On a CPU those passes over memory cost as much as the adapter itself. `LoraLinear` computes the same
function, y = x W^T + s (x A^T) B^T, with the scaling on the rank-sized side and the sum done inside the matrix product;
adapters stay fp32 (master weights), arithmetic runs in the base layer's precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch import nn


class LoraLinear(torch.autograd.Function):
    """y = x W^T + s (x A^T) B^T. Shapes: x (..., I), W (O, I), A (r, I), B (O, r). W is frozen."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, lora_a: Tensor, lora_b: Tensor, scaling: float) -> Tensor:
        x_NI = x.reshape(-1, x.shape[-1])
        a, b = lora_a.to(x.dtype), lora_b.to(x.dtype)
        hidden_Nr = (x_NI @ a.t()) * scaling
        y_NO = x_NI @ weight.t()
        y_NO.addmm_(hidden_Nr, b.t())
        ctx.save_for_backward(x_NI, weight, a, b, hidden_Nr)
        ctx.scaling, ctx.shape, ctx.adapter_dtype = scaling, x.shape, lora_a.dtype
        return y_NO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x_NI, weight, a, b, hidden_Nr = ctx.saved_tensors
        grad_NO = grads[0].reshape(-1, grads[0].shape[-1])
        grad_hidden_Nr = (grad_NO @ b) * ctx.scaling
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_NO @ weight
            grad_x.addmm_(grad_hidden_Nr, a)
            grad_x = grad_x.view(ctx.shape)
        grad_a = (grad_hidden_Nr.t() @ x_NI).to(ctx.adapter_dtype)
        grad_b = (grad_NO.t() @ hidden_Nr).to(ctx.adapter_dtype)
        return grad_x, None, grad_a, grad_b, None


def speed_up_lora(model: nn.Module, adapter: str = "default") -> int:
    """Let every plain LoRA layer of a PEFT model compute by `LoraLinear`; returns how many were changed.

    Layers with dropout, bias, DoRA or a quantised base keep PEFT's own forward.
    """
    from peft.tuners.lora.layer import Linear

    changed = 0
    for layer in model.modules():
        if not isinstance(layer, Linear) or adapter not in layer.lora_A or layer.lora_variant:
            continue
        base = layer.get_base_layer()
        dropout = layer.lora_dropout[adapter]
        if type(base) is not torch.nn.Linear or base.bias is not None or not isinstance(dropout, torch.nn.Identity):
            continue
        layer.forward = _forward_of(layer, base, adapter)  # type: ignore[method-assign]
        changed += 1
    return changed


def exact_unmerge(model: nn.Module) -> int:
    """Let the LoRA layers of a PEFT model have their own weights back, bit for bit, when a merge is undone; returns how
    many do. PEFT subtracts what it has added, and in bf16 every merge would leave some rounding behind: the base drifts
    away from the one that the adapter is saved for. Costs a copy of these weights while they are merged."""
    from peft.tuners.lora.layer import Linear

    changed = 0
    for layer in model.modules():
        if isinstance(layer, Linear):
            _keep_weight(layer)
            changed += 1
    return changed


def _keep_weight(layer: Any) -> None:
    peft_merge, peft_unmerge = layer.merge, layer.unmerge
    kept: list[Tensor] = []

    def merge(*args: Any, **kwargs: Any) -> None:
        kept[:] = [layer.get_base_layer().weight.detach().clone()]
        peft_merge(*args, **kwargs)

    def unmerge() -> None:
        peft_unmerge()
        layer.get_base_layer().weight.data.copy_(kept.pop())

    layer.merge, layer.unmerge = merge, unmerge


def _forward_of(layer: Any, base: nn.Linear, adapter: str) -> Any:
    peft_forward = layer.forward

    def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if layer.disable_adapters or layer.merged or layer.active_adapters != [adapter]:
            return peft_forward(x, *args, **kwargs)
        a, b = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
        return LoraLinear.apply(x.to(base.weight.dtype), base.weight, a, b, layer.scaling[adapter])

    return forward
