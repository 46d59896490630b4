"""Packing prompts and their completions into one row of tokens.

    [ shared | rest_1 .. rest_P | completions of prompt 1 | .. | completions of prompt P ]

`shared` is the longest common beginning of all prompts (here: the policy); with one prompt it is that prompt. Of a
completion all tokens but the last are in the row: nothing is predicted from the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PromptTree:
    """One packed row; positions count from the root, so a token has the position it has in its own sequence."""

    ids_N: Tensor
    positions_N: Tensor
    shared: int
    """Tokens common to all prompts; they come first."""
    rests: list[slice]
    """Where the rest of each prompt is; may be empty for a single prompt."""
    branches: list[slice]
    """Where the completions of each prompt are."""
    padded_BT: Tensor
    """For each completion of at least two tokens its places in the row, padded on the right with its first place."""
    flat_M: Tensor
    """For each place from the first branch on, its index in `padded_BT.flatten()`."""
    predictor_S: Tensor
    """For each scored token the place it is predicted from: the one before it."""
    targets_S: Tensor
    """The scored tokens: all tokens of all completions, in the order of the completions given."""
    store: dict[int, tuple[Tensor, Tensor]] | None = None
    """When given, attention leaves each layer's keys and values (1, K, N, D) here (for decoding)."""

    @property
    def size(self) -> int:
        return len(self.ids_N)

    @property
    def last_P(self) -> Tensor:
        """The place of each prompt's last token."""
        ends = [rest.stop for rest in self.rests] if self.rests else [self.shared]
        return torch.tensor(ends, device=self.ids_N.device) - 1


def common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Length of the longest common beginning."""
    low, high = min(map(list, rows)), max(map(list, rows))  # what the first and last in sorting order share, all share
    for index, (left, right) in enumerate(zip(low, high, strict=False)):
        if left != right:
            return index
    return min(len(low), len(high))


def pack(
    prompts: Sequence[Sequence[int]],
    completions_P_G: Sequence[Sequence[Sequence[int]]],
    device: torch.device,
    keep_keys: bool = False,
) -> PromptTree:
    """Pack distinct, non-empty prompts, each with its completions (non-empty; there may be none)."""
    assert len(prompts) == len(completions_P_G) and all(prompts), "every prompt has tokens and a list of completions"
    single = len(prompts) == 1
    # Each of several prompts keeps a token of its own: its last one, which predicts.
    shared = len(prompts[0]) if single else min(common_prefix(prompts), min(map(len, prompts)) - 1)
    ids, positions = list(prompts[0][:shared]), list(range(shared))
    ends: list[int] = []
    for prompt in prompts:
        ids += prompt[shared:]
        positions += range(shared, len(prompt))
        ends.append(len(ids))
    rests = [] if single else [slice(start, stop) for start, stop in pairwise([shared, *ends])]

    first = len(ids)
    branches: list[slice] = []
    lengths: list[int] = []
    predictor: list[int] = []
    targets: list[int] = []
    for prompt, end, group in zip(prompts, ends, completions_P_G, strict=True):
        start = len(ids)
        for completion in group:
            assert completion, "a completion has at least one token"
            predictor += [end - 1, *range(len(ids), len(ids) + len(completion) - 1)]
            targets += completion
            ids += completion[:-1]
            positions += range(len(prompt), len(prompt) + len(completion) - 1)
            lengths.append(len(completion) - 1)
        branches.append(slice(start, len(ids)))
    padded_BT, flat_M = _pad([length for length in lengths if length], first)
    long = torch.tensor([ids, positions])
    scored = torch.tensor([predictor, targets], dtype=torch.long)
    return PromptTree(
        ids_N=long[0].to(device),
        positions_N=long[1].to(device),
        shared=shared,
        rests=rests,
        branches=branches,
        padded_BT=padded_BT.to(device),
        flat_M=flat_M.to(device),
        predictor_S=scored[0].to(device),
        targets_S=scored[1].to(device),
        store={} if keep_keys else None,
    )


def _pad(lengths: list[int], first: int) -> tuple[Tensor, Tensor]:
    if not lengths:
        return torch.zeros(0, 0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    length_B = torch.tensor(lengths)
    start_B = torch.tensor([first, *(first + end for end in accumulate(lengths[:-1]))])
    column_T = torch.arange(int(length_B.max()))
    real_BT = column_T < length_B[:, None]
    padded_BT = torch.where(real_BT, start_B[:, None] + column_T, start_B[:, None])
    return padded_BT, real_BT.flatten().nonzero()[:, 0]
