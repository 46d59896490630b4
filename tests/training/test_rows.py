from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from modsmith.corpus import load_corpus
from modsmith.policy import Policy
from modsmith.training.base import load_model
from modsmith.training.encode import PromptEncoder
from modsmith.training.plan import Pass
from modsmith.training.rows import NO_RATING, tier_of, weighted_loss, weighted_row
from modsmith.training.settings import SftSettings

DIGITS = [3, 4, 5, 6, 7]
"""Tokens of the digits 0 to 4, in a vocabulary of 12."""


def test_weights_fall_on_the_completion_only(
    tiny_model_folder: Path, plant_policy: Policy, plant_corpus_file: Path
) -> None:
    encoder = PromptEncoder(load_model(str(tiny_model_folder), "fp32").tokenizer, plant_policy)
    violating = next(example for example in load_corpus(plant_corpus_file, plant_policy) if example.violates)
    row = weighted_row(Pass(violating, "think"), encoder, SftSettings())
    prompt = len(encoder.rest_ids(violating.listing, "think"))
    assert set(row.weights_T[:prompt]) == {0.0} and min(row.weights_T[prompt:]) > 0
    assert row.weights_T.count(1.0) == 1 and row.weights_T.count(SftSettings().weight_zero) >= 2
    assert row.ids_T[-1] == encoder.end_id
    answer = len(encoder.answer_ids(violating.ratings))
    assert [level for level in row.levels_T[-answer - 1 :] if level != NO_RATING] == list(violating.ratings.values())
    assert set(row.levels_T[: -answer - 1]) == {NO_RATING}


def _batch(level: int) -> dict[str, torch.Tensor]:
    """Two tokens of a prompt, a rating, and a token that is no rating."""
    return {
        "ids_BT": torch.tensor([[1, 2, DIGITS[level], 9]]),
        "weights_BT": torch.tensor([[0.0, 0.0, 1.0, 0.5]]),
        "levels_BT": torch.tensor([[NO_RATING, NO_RATING, level, NO_RATING]]),
    }


@pytest.mark.parametrize("level", range(5))
def test_a_rating_pays_for_its_tier_and_less_for_its_place_in_it(level: int) -> None:
    hidden = torch.randn(1, 4, 12, generator=torch.Generator().manual_seed(level))
    logp = hidden[0].log_softmax(-1)
    tier = torch.stack([logp[1, DIGITS[other]] for other in range(5) if tier_of(other) == tier_of(level)]).logsumexp(0)
    within = logp[1, DIGITS[level]] - tier
    for weight in (0.0, 0.3, 1.0):
        wanted = (-tier - weight * within - 0.5 * logp[2, 9]) / 1.5
        found = weighted_loss(hidden, lambda states: states, _batch(level), DIGITS, weight)
        torch.testing.assert_close(found, wanted)
    if level == 2:
        torch.testing.assert_close(within, torch.tensor(0.0))


def test_weight_one_is_plain_cross_entropy() -> None:
    hidden, batch = torch.randn(1, 4, 12), _batch(3)
    plain = F.cross_entropy(hidden[0, 1:3], batch["ids_BT"][0, 2:4], reduction="none")
    torch.testing.assert_close(
        weighted_loss(hidden, lambda states: states, batch, DIGITS, 1.0), (plain[0] + 0.5 * plain[1]) / 1.5
    )
