"""Dynamic sampling (DAPO, 2503.14476): groups that teach nothing make room for groups of other listings.

A group whose completions all earn the same has no advantage. Instead of stepping on what is left, further listings are
sampled, and those whose completions differ take the places of such groups, as long as rounds are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LEFT_PADDED = ("prompt_ids", "prompt_mask")


def dead_groups(scored: dict[str, Any], group_size: int) -> list[int]:
    """Indices of the groups whose advantages are all 0. Groups stand one after the other."""
    dead = (scored["advantages"].view(-1, group_size) == 0).all(1)
    return dead.nonzero()[:, 0].tolist()


def pick_from_pool(pool: Sequence[Any], step: int, round_: int, count: int, per_step: int) -> list[Any]:
    """The next `count` items; which ones follows from the step alone, so that a resumed run takes the same."""
    start = step * per_step + round_ * count
    return [pool[(start + index) % len(pool)] for index in range(count)]


def replace_groups(
    scored: dict[str, Any], fresh: dict[str, Any], group_size: int, pad_id: int
) -> tuple[dict[str, Any], int]:
    """Put the live groups of `fresh` where `scored` has dead ones. Returns the batch and how many were replaced."""
    places = dead_groups(scored, group_size)
    dead_too = set(dead_groups(fresh, group_size))
    sources = [index for index in range(len(fresh["advantages"]) // group_size) if index not in dead_too]
    pairs = list(zip(places, sources, strict=False))
    if not pairs:
        return scored, 0
    row_to, row_from = (
        torch.tensor([index * group_size + one for index in indices for one in range(group_size)])
        for indices in zip(*pairs, strict=True)
    )
    merged = dict(scored)
    for name, old in scored.items():
        if not isinstance(old, Tensor) or old.dim() == 0:
            continue
        fill = pad_id if name in ("prompt_ids", "completion_ids") else 0
        old, new = _same_width(old, fresh[name], name in LEFT_PADDED, fill)
        merged[name] = old.index_copy(0, row_to.to(old.device), new[row_from.to(old.device)].to(old.dtype))
    merged["num_items_in_batch"] = merged["completion_mask"].sum()
    return merged, len(pairs)


def _same_width(old: Tensor, new: Tensor, left: bool, fill: int) -> tuple[Tensor, Tensor]:
    if old.dim() < 2 or old.shape[1] == new.shape[1]:
        return old, new
    width = max(old.shape[1], new.shape[1])

    def pad(one: Tensor) -> Tensor:
        missing = width - one.shape[1]
        return F.pad(one, (missing, 0) if left else (0, missing), value=fill)

    return pad(old), pad(new)
