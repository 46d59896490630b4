"""What one SFT step reads and pays for: rows of tokens with weights, and the loss over them.

A rating's digit says two things: which tier it is of (0-1 allow, 2 review, 3-4 disallow) and which rating of that tier.
The first is what the decision hangs on and what twins differ in; the second is finer and often a matter of taste. Since
-log p(digit) = -log P(tier) - log p(digit | tier), the second part can be given a smaller weight of its own.

Shapes: B rows of a batch, P prefix tokens, T tokens of a row, N tokens of all rows, S those with a weight, D the five
digits, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from modsmith.prompt import render_reasoning
from modsmith.ratings import BORDERLINE, LEVELS, VIOLATION
from modsmith.reading import read_plainly
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
        quote = read_plainly(example.listing.text).reads(example.evidence)
        reasoning = encoder.text_ids(render_reasoning(example.rationale, quote, example.ratings))
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


def collate(rows: list[WeightedRow], prefix_ids: list[int]) -> dict[str, Tensor]:
    """The rows of one step, one after the other (no padding), behind the prefix that all of them share."""
    return {
        "prefix_P": torch.tensor(prefix_ids),
        "lengths_B": torch.tensor([len(row.ids_T) for row in rows]),
        "ids_N": torch.tensor([token for row in rows for token in row.ids_T]),
        "weights_N": torch.tensor([weight for row in rows for weight in row.weights_T]),
        "levels_N": torch.tensor([level for row in rows for level in row.levels_T]),
    }


def tier_of(level: int) -> int:
    """0 for ratings that allow, 1 for those that ask for a person, 2 for those that break the rule."""
    return (level >= BORDERLINE) + (level >= VIOLATION)


def weighted_loss(
    logits_SV: Tensor,
    targets_S: Tensor,
    weights_S: Tensor,
    levels_S: Tensor,
    digit_ids: list[int],
    weight_level: float,
    total: Tensor | None = None,
) -> Tensor:
    """Weighted mean of the losses of S tokens: sum(w * loss) / total; the total is sum(w) unless it is given.

    The loss is the cross-entropy; at a rating its part within the tier counts `weight_level` (1: plain cross-entropy).
    """
    logp_SV = logits_SV.float().log_softmax(-1)
    losses_S = F.nll_loss(logp_SV, targets_S, reduction="none")
    if weight_level < 1:
        tiers_D = torch.tensor([tier_of(level) for level in LEVELS], device=levels_S.device)
        others_SD = tiers_D != tiers_D[levels_S.clamp(min=0)][:, None]
        tier_S = -logp_SV[:, digit_ids].masked_fill(others_SD, -torch.inf).logsumexp(-1)
        losses_S = torch.where(levels_S < 0, losses_S, tier_S + weight_level * (losses_S - tier_S))
    return (losses_S * weights_S).sum() / (weights_S.sum() if total is None else total)
