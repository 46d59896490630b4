"""What one SFT step reads and pays for: rows of tokens with weights, and the loss over them.

A rating's digit says two things: which tier it is of (0-1 allow, 2 review, 3-4 disallow) and which rating of that tier.
The first is what the decision hangs on and what twins differ in; the second is finer and often a matter of taste. Since
-log p(digit) = -log P(tier) - log p(digit | tier), the second part can be given a smaller weight of its own.

Shapes: B rows of a batch, P prefix tokens, T tokens of the longest row, S selected (row, token) pairs, D the five
digits, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modsmith.prompt import render_reasoning
from modsmith.ratings import BORDERLINE, LEVELS, VIOLATION
from modsmith.training.encode import PromptEncoder
from modsmith.training.plan import Pass
from modsmith.training.settings import SftSettings

NO_RATING = -1


@dataclass(frozen=True, slots=True)
class WeightedRow:
    """Token ids after the prefix, how much the loss cares for each (0 for the prompt), and the rating each stands for
    (`NO_RATING` where it is no rating)."""

    ids_T: list[int]
    weights_T: list[float]
    levels_T: list[int]


def weighted_row(item: Pass, encoder: PromptEncoder, settings: SftSettings) -> WeightedRow:
    """Prompt rest + completion + end of turn. Digits carry the loss; their frame and the reasoning a little."""
    example, mode = item.example, item.mode
    ids = encoder.rest_ids(example.listing, mode)
    weights = [0.0] * len(ids)
    if mode == "think":
        reasoning = encoder.text_ids(render_reasoning(example.rationale, example.evidence, example.ratings))
        ids = ids + reasoning
        weights = weights + [settings.weight_reasoning] * len(reasoning)
    answer_A = encoder.answer_ids(example.ratings)
    weights_A = [settings.weight_frame] * len(answer_A)
    levels_A = [NO_RATING] * len(answer_A)
    for position, (name, level) in zip(encoder.digit_positions_C, example.ratings.items(), strict=True):
        # The allowed side of a twin says 0 where its other side says 3: that digit is what the pair is there to teach.
        weights_A[position] = settings.weight_zero if level == 0 and name != example.category else 1.0
        levels_A[position] = level
    return WeightedRow(
        [*ids, *answer_A, encoder.end_id],
        [*weights, *weights_A, settings.weight_frame],
        [*[NO_RATING] * len(ids), *levels_A, NO_RATING],
    )


def collate(rows: list[WeightedRow], prefix_ids: list[int], pad_id: int) -> dict[str, Tensor]:
    """Pad the rows of one step on the right."""
    longest = max(len(row.ids_T) for row in rows)
    ids_BT = torch.full((len(rows), longest), pad_id)
    mask_BT = torch.zeros((len(rows), longest), dtype=torch.long)
    weights_BT = torch.zeros((len(rows), longest))
    levels_BT = torch.full((len(rows), longest), NO_RATING)
    for index, row in enumerate(rows):
        ids_BT[index, : len(row.ids_T)] = torch.tensor(row.ids_T)
        mask_BT[index, : len(row.ids_T)] = 1
        weights_BT[index, : len(row.ids_T)] = torch.tensor(row.weights_T)
        levels_BT[index, : len(row.ids_T)] = torch.tensor(row.levels_T)
    return {
        "prefix_P": torch.tensor(prefix_ids),
        "ids_BT": ids_BT,
        "mask_BT": mask_BT,
        "weights_BT": weights_BT,
        "levels_BT": levels_BT,
    }


def tier_of(level: int) -> int:
    """0 for ratings that allow, 1 for those that ask for a person, 2 for those that break the rule."""
    return (level >= BORDERLINE) + (level >= VIOLATION)


def weighted_loss(
    hidden_BTH: Tensor, head: Any, batch: dict[str, Tensor], digit_ids: list[int], weight_level: float
) -> Tensor:
    """Weighted mean of the next token's loss: sum(w * loss) / sum(w), over tokens with w > 0.

    The loss is the cross-entropy; at a rating its part within the tier counts `weight_level` (1: plain cross-entropy).
    """
    chosen = batch["weights_BT"][:, 1:] > 0
    logp_SV = head(hidden_BTH[:, :-1][chosen]).float().log_softmax(-1)
    losses_S = F.nll_loss(logp_SV, batch["ids_BT"][:, 1:][chosen], reduction="none")
    if weight_level < 1:
        levels_S = batch["levels_BT"][:, 1:][chosen]
        tiers_D = torch.tensor([tier_of(level) for level in LEVELS], device=levels_S.device)
        others_SD = tiers_D != tiers_D[levels_S.clamp(min=0)][:, None]
        tier_S = -logp_SV[:, digit_ids].masked_fill(others_SD, -torch.inf).logsumexp(-1)
        losses_S = torch.where(levels_S < 0, losses_S, tier_S + weight_level * (losses_S - tier_S))
    weights_S = batch["weights_BT"][:, 1:][chosen]
    return (losses_S * weights_S).sum() / weights_S.sum()
