"""Sampling the completions of several prompts.

One packed pass over the prompts (what they have in common once) leaves keys and values; then all completions go on
together, one token each a step. A completion attends to its prompt's keys, which exist once, and to its own. Ended
completions leave the batch.

The batch is a grid of P prompts with up to G completions each, flattened: tokens (P G), with idle places where a prompt
has fewer completions left than the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modsmith.training.shared_prefix.attention import attend, merge
from modsmith.training.shared_prefix.tree import PromptTree, pack

IDLE = -1
Pick = Callable[[Tensor, Tensor], Tensor]
"""(ids so far (B, L), logits (B, V)) -> next tokens (B,)"""
SHRINK = 0.85
"""The batch is packed anew when the places still needed fall below this share; copying keys costs some steps' time."""


@dataclass(slots=True)
class Decoding:
    """The completions being written, as a tree for `model.forward`: one new token for each place of the grid."""

    prompt_keys: list[tuple[Tensor, Tensor]]
    """Per layer, keys and values (P, K, L, D) of the prompts, padded on the left."""
    bias_P11L: Tensor | None
    """-inf at the padding; None when all prompts are equally long."""
    own_keys: list[tuple[Tensor, Tensor]]
    """Per layer, keys and values (P G, K, T, D) of the completions, filled up to `written`."""
    ids_N: Tensor
    positions_N: Tensor
    written: int = 0
    shape: tuple[int, int] = (0, 0)

    def attend(self, layer: int, q_HND: Tensor, k_KND: Tensor, v_KND: Tensor, scale: float) -> Tensor:
        """(H, N, D) -> (H, N, D), and the new keys and values join the completions' own."""
        heads, count, width = q_HND.shape
        kv_heads = k_KND.shape[0]
        repeat = heads // kv_heads
        keys, values = self.own_keys[layer]
        keys[:, :, self.written], values[:, :, self.written] = k_KND.transpose(0, 1), v_KND.transpose(0, 1)
        end = self.written + 1
        own_q = q_HND.transpose(0, 1).reshape(count, kv_heads, repeat, width)
        out, lse = attend(own_q, keys[:, :, :end], values[:, :, :end], scale, causal=False)

        prompts, group = self.shape
        # (H, P G, D) -> (P, K, repeat G, D)
        q = q_HND.view(kv_heads, repeat, prompts, group, width).permute(2, 0, 1, 3, 4).flatten(2, 3)
        seen, seen_lse = attend(q, *self.prompt_keys[layer], scale, causal=False, bias=self.bias_P11L)

        def by_token(one: Tensor) -> Tensor:
            """(P, K, repeat G, ..) -> (P G, K, repeat, ..)"""
            return one.unflatten(2, (repeat, group)).movedim(3, 1).flatten(0, 1)

        merge(out, lse, by_token(seen), by_token(seen_lse))
        return out.flatten(1, 2).transpose(0, 1).to(v_KND.dtype)

    def keep(self, places: Tensor, prompts: Tensor, group: int) -> None:
        """Go on with these places of the grid, laid out as a new grid of these prompts."""
        used = self.written
        for layer, (keys, values) in enumerate(self.own_keys):
            room = keys.shape[2]
            fresh = tuple(one.new_empty(len(places), one.shape[1], room, one.shape[3]) for one in (keys, values))
            for new, old in zip(fresh, (keys, values), strict=True):
                new[:, :, :used] = old[places, :, :used]
            self.own_keys[layer] = fresh  # type: ignore[assignment]
        if len(prompts) < self.shape[0]:
            self.prompt_keys = [(keys[prompts], values[prompts]) for keys, values in self.prompt_keys]
            self.bias_P11L = None if self.bias_P11L is None else self.bias_P11L[prompts]
        self.ids_N, self.positions_N = self.ids_N[places], self.positions_N[places]
        self.shape = (len(prompts), group)


@torch.no_grad()
def sample(
    model: Any,
    prompts: Sequence[Sequence[int]],
    ends: Sequence[int],
    max_tokens: int,
    pick: Pick,
    pad_id: int = 0,
) -> list[list[int]]:
    """A completion for each of `prompts` (equal ones share their pass), up to and including an end token of `ends`.

    `pick` chooses the next tokens from what is there so far (padded on the left) and the logits of each place.
    """
    device = next(model.parameters()).device
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows_of.setdefault(tuple(prompt), []).append(row)
    distinct, grid = list(rows_of), list(rows_of.values())  # grid: for each prompt, the rows still being written

    tree = pack(distinct, [[] for _ in distinct], device, keep_keys=True)
    logits_PV = model(tree=tree)
    state = _start(tree, [len(prompt) for prompt in distinct], max(map(len, grid)), max_tokens)
    del tree
    logits_NV = logits_PV.repeat_interleave(state.shape[1], 0)
    row_N = _flatten(grid)
    so_far_NL = _pad_left([prompts[max(row, 0)] for row in row_N], pad_id, device)
    written: list[list[int]] = [[] for _ in prompts]
    end_set = set(ends)
    while True:
        tokens_N = pick(so_far_NL, logits_NV)
        for place, (row, token) in enumerate(zip(row_N, tokens_N.tolist(), strict=True)):
            if row >= 0:
                written[row].append(token)
                if token in end_set:
                    row_N[place] = IDLE
        if state.written == max_tokens - 1 or max(row_N) == IDLE:
            return written
        state.ids_N = tokens_N
        so_far_NL = torch.cat([so_far_NL, tokens_N[:, None]], dim=1)
        if kept := _worth_shrinking(row_N, state.shape):
            width = max(map(len, kept.values()))
            # Places that stay idle go on with a copy that nobody reads.
            places = [place for some in kept.values() for place in some + some[:1] * (width - len(some))]
            row_N = _flatten([[row_N[place] for place in some] for some in kept.values()])
            chosen = torch.tensor(places, device=device)
            state.keep(chosen, torch.tensor(list(kept), device=device), width)
            so_far_NL = so_far_NL[chosen]
        logits_NV = model(tree=state)
        state.written += 1
        state.positions_N = state.positions_N + 1


def _start(tree: PromptTree, lengths: list[int], group: int, room: int) -> Decoding:
    """Sort the packed keys by prompt and make room for the completions'."""
    assert tree.store is not None
    longest, prompts = max(lengths), len(lengths)
    device = tree.ids_N.device
    # Where in the packed row each prompt's tokens are, padded on the left (with place 0, which the bias hides).
    places = torch.zeros(prompts, longest, dtype=torch.long, device=device)
    for index, length in enumerate(lengths):
        shared = torch.arange(tree.shared, device=device)
        rest = tree.rests[index] if tree.rests else slice(0, 0)
        places[index, longest - length :] = torch.cat([shared, torch.arange(rest.start, rest.stop, device=device)])
    bias = None
    prompt_keys, own_keys = [], []
    for keys, values in (tree.store[layer] for layer in sorted(tree.store)):
        prompt_keys.append(tuple(one[0][:, places].transpose(0, 1).contiguous() for one in (keys, values)))
        own_keys.append(
            tuple(one.new_empty(prompts * group, one.shape[1], room, one.shape[3]) for one in (keys, values))
        )
        if bias is None and min(lengths) < longest:
            column = torch.arange(longest, device=device)
            hidden = column < longest - torch.tensor(lengths, device=device)[:, None]
            bias = torch.zeros(hidden.shape, device=device, dtype=keys.dtype).masked_fill(hidden, -torch.inf)
            bias = bias[:, None, None]
    first = torch.tensor(lengths, device=device).repeat_interleave(group)
    return Decoding(prompt_keys, bias, own_keys, first, first, 0, (prompts, group))  # type: ignore[arg-type]


def _worth_shrinking(row_N: list[int], shape: tuple[int, int]) -> dict[int, list[int]]:
    """Prompt -> its busy places, when a grid of those alone would be a good deal smaller; else nothing."""
    prompts, group = shape
    busy = {
        prompt: [place for place in range(prompt * group, (prompt + 1) * group) if row_N[place] != IDLE]
        for prompt in range(prompts)
    }
    busy = {prompt: places for prompt, places in busy.items() if places}
    return busy if len(busy) * max(map(len, busy.values())) <= SHRINK * len(row_N) else {}


def _flatten(grid: list[list[int]]) -> list[int]:
    width = max(map(len, grid))
    return [row for rows in grid for row in rows + [IDLE] * (width - len(rows))]


def _pad_left(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[pad_id] * (longest - len(row)) + list(row) for row in rows], device=device)


def draw(logits_BV: Tensor) -> Tensor:
    """One token a row with the probabilities softmax(logits), by the inverse of their running sum."""
    sums_BV = logits_BV.softmax(-1).cumsum(-1)
    at = torch.rand(len(logits_BV), 1, device=logits_BV.device) * sums_BV[:, -1:]
    return torch.searchsorted(sums_BV, at, right=True)[:, 0].clamp(max=logits_BV.shape[1] - 1)
