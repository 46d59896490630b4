"""Exact attention along the branches of a tree, without a copy of shared keys and values for every completion.

A query sees several runs of keys: the shared tokens, the rest of its prompt, its own branch. Attention to each run
gives an output and the log-sum-exp of its scores; the outputs are averaged with the weights exp(lse_run - lse), as in
flash decoding and ring attention (2310.01889). Towards shared keys the queries of all completions stand in one matrix.

Backward starts from the merged output and log-sum-exp, with which every run's gradient is that of ordinary attention:

    p = exp(s - lse)    dv = p^T do    ds = p * (do v^T - sum(do * out))    dq = ds k    dk = ds^T q

Scores are fp32, whatever the inputs are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from modsmith.training.shared_prefix.tree import PromptTree

NAME = "modsmith_tree"
"""What the attention is called in a model's config; without a tree it is plain SDPA."""
MAX_SCORES = 2**26
"""Scores held at a time in backward (fp32: 256 MB); longer queries are cut into pieces."""

_flash_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


def attend(
    q: Tensor, k: Tensor, v: Tensor, scale: float, causal: bool, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention of q (B, K, m, D) to k, v (B, K, n, D): output (B, K, m, D) and log-sum-exp (B, K, m), both fp32.

    `bias` broadcasts to (B, K, m, n) and is added to the scores.
    """
    if q.device.type != "cpu":
        return attend_by_products(q, k, v, scale, causal, bias)
    out, lse = _flash_cpu(q, k, v, 0.0, causal, attn_mask=bias, scale=scale)
    return out.float(), lse


def attend_by_products(
    q: Tensor, k: Tensor, v: Tensor, scale: float, causal: bool, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`attend` in plain matrix products, for devices whose fused kernels keep the log-sum-exp to themselves."""
    scores = _scores(q.flatten(0, 1), k.flatten(0, 1), scale).unflatten(0, q.shape[:2])
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = scores + _causal_bias(scores.shape[-1], scores.device)
    lse = scores.logsumexp(-1)
    return ((scores - lse[..., None]).exp().to(v.dtype) @ v).float(), lse


def _scores(q_Bmd: Tensor, k_Bnd: Tensor, scale: float) -> Tensor:
    """q k^T in fp32, also from bf16 inputs."""
    if q_Bmd.dtype == torch.float32:
        return torch.bmm(q_Bmd, k_Bnd.mT).mul_(scale)
    if q_Bmd.device.type == "cuda":
        return torch.bmm(q_Bmd, k_Bnd.mT, out_dtype=torch.float32).mul_(scale)
    return torch.bmm(q_Bmd.float(), k_Bnd.float().mT).mul_(scale)


def _causal_bias(size: int, device: torch.device) -> Tensor:
    return torch.full((size, size), -torch.inf, device=device).triu(1)


class TreeAttention(torch.autograd.Function):
    """q (H, N, D), k and v (K, N, D) -> (H, N, D) along the branches of a `PromptTree`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, tree: PromptTree, scale: float) -> Tensor:
        repeat = q.shape[0] // k.shape[0]
        out = torch.empty(q.shape, dtype=torch.float32, device=q.device)
        lse = torch.empty(q.shape[:2], dtype=torch.float32, device=q.device)

        wide_k, wide_v = _widen(k, repeat), _widen(v, repeat)
        for run in _stems(tree):  # every token's own run first ...
            own, own_lse = attend(q[None, :, run], wide_k[None, :, run], wide_v[None, :, run], scale, causal=True)
            out[:, run], lse[:, run] = own[0], own_lse[0]
        if len(tree.flat_M):
            branch_q, branch_k, branch_v = (_by_branch(one, tree) for one in (q, wide_k, wide_v))
            own, own_lse = attend(branch_q, branch_k, branch_v, scale, causal=True)
            first = tree.branches[0].start
            out[:, first:] = own.transpose(0, 1).flatten(1, 2)[:, tree.flat_M]
            lse[:, first:] = own_lse.transpose(0, 1).flatten(1, 2)[:, tree.flat_M]

        for queries, keys in _ancestors(tree):  # ... then what it sees of its ancestors
            seen, seen_lse = attend(
                _fold(q[:, queries], repeat)[None], k[None, :, keys], v[None, :, keys], scale, causal=False
            )
            merge(out[:, queries], lse[:, queries], _unfold(seen[0], repeat), _unfold(seen_lse[0], repeat))

        out = out.to(v.dtype)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.tree, ctx.scale = tree, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        tree, scale, repeat = ctx.tree, ctx.scale, q.shape[0] // k.shape[0]
        grad = grads[0].contiguous()
        delta = (grad.float() * out).sum(-1)
        dq, dk, dv = (torch.zeros(one.shape, dtype=torch.float32, device=q.device) for one in (q, k, v))

        def add(queries: slice, keys: slice, causal: bool) -> None:
            """One run of keys and the queries that see it."""
            some_q, some_grad, some_lse, some_delta = (_fold(one[:, queries], repeat) for one in (q, grad, lse, delta))
            mask = _causal_bias(queries.stop - queries.start, q.device).repeat(repeat, 1) if causal else None
            some_dq, some_dk, some_dv = _run_backward(
                some_q, some_grad, some_lse, some_delta, k[:, keys], v[:, keys], scale, mask
            )
            dq[:, queries] += _unfold(some_dq, repeat)
            dk[:, keys] += some_dk
            dv[:, keys] += some_dv

        for run in _stems(tree):
            add(run, run, causal=True)
        for queries, keys in _ancestors(tree):
            add(queries, keys, causal=False)
        if len(tree.flat_M):
            count, longest = tree.padded_BT.shape
            first = tree.branches[0].start

            def folded(one: Tensor) -> Tensor:
                """(H, N, ..) -> (B K, repeat T, ..)"""
                return _by_branch(one, tree).unflatten(1, (-1, repeat)).flatten(2, 3).flatten(0, 1)

            # Padding repeats a real token: with lse = inf its probabilities, and with them its gradients, are 0.
            far = torch.full((q.shape[0], count * longest), torch.inf, device=q.device)
            far[:, tree.flat_M] = lse[:, first:]
            far = far.unflatten(1, (count, longest)).transpose(0, 1).unflatten(1, (-1, repeat)).flatten(2, 3)
            mask = _causal_bias(longest, q.device).repeat(repeat, 1)
            own_k, own_v = (_by_branch(one, tree).flatten(0, 1) for one in (k, v))
            some_dq, some_dk, some_dv = _run_backward(
                folded(q), folded(grad), far.flatten(0, 1), folded(delta), own_k, own_v, scale, mask
            )
            some_dq = some_dq.view(count, -1, repeat, longest, q.shape[-1]).flatten(1, 2)
            for total, part in (
                (dq, some_dq),
                (dk, some_dk.unflatten(0, (count, -1))),
                (dv, some_dv.unflatten(0, (count, -1))),
            ):
                total[:, first:] += part.transpose(0, 1).flatten(1, 2)[:, tree.flat_M]
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None


def _stems(tree: PromptTree) -> list[slice]:
    """Unbranched runs, causal in themselves."""
    return [run for run in (slice(0, tree.shared), *tree.rests) if run.stop > run.start]


def _ancestors(tree: PromptTree) -> list[tuple[slice, slice]]:
    """(queries, the ancestors' run that all of them see whole)."""
    below = [(slice(tree.shared, tree.size), slice(0, tree.shared))] + list(
        zip(tree.branches, tree.rests, strict=True) if tree.rests else []
    )
    return [(queries, keys) for queries, keys in below if queries.stop > queries.start and keys.stop > keys.start]


def _run_backward(
    q: Tensor, grad: Tensor, lse: Tensor, delta: Tensor, k: Tensor, v: Tensor, scale: float, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients towards q (X, m, D) and k, v (X, n, D) of one run; X stands for heads or for rows times heads."""
    piece = max(1, MAX_SCORES // (q.shape[0] * k.shape[1]))
    dq = torch.empty(q.shape, dtype=torch.float32, device=q.device)
    dk, dv = (torch.zeros(one.shape, dtype=torch.float32, device=q.device) for one in (k, v))
    for start in range(0, q.shape[1], piece):
        m = slice(start, start + piece)
        p = _scores(q[:, m], k, scale).sub_(lse[:, m, None])
        if mask is not None:
            p += mask[m]
        p.exp_()
        ds = torch.bmm(grad[:, m], v.mT).float().sub_(delta[:, m, None]).mul_(p).mul_(scale).to(q.dtype)
        dv += torch.bmm(p.to(v.dtype).mT, grad[:, m])
        dq[:, m] = torch.bmm(ds, k)
        dk += torch.bmm(ds.mT, q[:, m])
    return dq, dk, dv


def merge(out: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    """Fold attention to another run of keys into `out` (.., D) and `lse` (..), in place."""
    total = torch.logaddexp(lse, other_lse)
    out.mul_((lse - total).exp_()[..., None]).addcmul_(other, (other_lse - total).exp_()[..., None])
    lse.copy_(total)


def _widen(one_KmD: Tensor, repeat: int) -> Tensor:
    return one_KmD.repeat_interleave(repeat, 0) if repeat > 1 else one_KmD


def _fold(one: Tensor, repeat: int) -> Tensor:
    """(H, m, ..) -> (K, repeat m, ..): the query heads of a key head as further queries."""
    return one.unflatten(0, (-1, repeat)).flatten(1, 2)


def _unfold(one: Tensor, repeat: int) -> Tensor:
    return one.unflatten(1, (repeat, -1)).flatten(0, 1)


def _by_branch(one: Tensor, tree: PromptTree) -> Tensor:
    """(H, N, ..) -> (B, H, T, ..)"""
    return one[:, tree.padded_BT.flatten()].unflatten(1, tree.padded_BT.shape).transpose(0, 1)


def tree_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    tree: Any = None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Transformers' attention interface: (1, H, N, D) -> (1, N, H, D). `tree` comes through the model's keywords."""
    if tree is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if torch.is_autocast_enabled(query.device.type):
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    with torch.autocast(query.device.type, enabled=False):
        if not isinstance(tree, PromptTree):
            return tree.attend(module.layer_idx, query[0], key[0], value[0], scale).transpose(0, 1)[None], None
        if tree.store is not None:
            tree.store[module.layer_idx] = (key, value)
        out_HND = TreeAttention.apply(query[0], key[0], value[0], tree, scale)
    return out_HND.transpose(0, 1)[None], None


AttentionInterface.register(NAME, tree_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
