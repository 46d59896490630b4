from __future__ import annotations

from dataclasses import replace
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


def test_the_reasoning_quotes_what_the_model_reads(
    tiny_model_folder: Path, plant_policy: Policy, plant_corpus_file: Path
) -> None:
    encoder = PromptEncoder(load_model(str(tiny_model_folder), "fp32").tokenizer, plant_policy)
    plain = next(example for example in load_corpus(plant_corpus_file, plant_policy) if example.violates)
    hidden = replace(plain, evidence="p01s0n", listing=replace(plain.listing, description="All sold as p01s0n here."))
    open_ = replace(plain, evidence="poison", listing=replace(plain.listing, description="All sold as poison here."))
    rows = [weighted_row(Pass(example, "think"), encoder, SftSettings()) for example in (hidden, open_)]
    assert rows[0] == rows[1]


def _loss(logits: torch.Tensor, level: int, weight: float) -> torch.Tensor:
    """Of a rating, and of a token that is none with half the weight."""
    targets, levels = torch.tensor([DIGITS[level], 9]), torch.tensor([level, NO_RATING])
    return weighted_loss(logits, targets, torch.tensor([1.0, 0.5]), levels, DIGITS, weight)


@pytest.mark.parametrize("level", range(5))
def test_a_rating_pays_for_its_tier_and_less_for_its_place_in_it(level: int) -> None:
    logits = torch.randn(2, 12, generator=torch.Generator().manual_seed(level))
    logp = logits.log_softmax(-1)
    tier = torch.stack([logp[0, DIGITS[other]] for other in range(5) if tier_of(other) == tier_of(level)]).logsumexp(0)
    within = logp[0, DIGITS[level]] - tier
    for weight in (0.0, 0.3, 1.0):
        wanted = (-tier - weight * within - 0.5 * logp[1, 9]) / 1.5
        torch.testing.assert_close(_loss(logits, level, weight), wanted)
    if level == 2:
        torch.testing.assert_close(within, torch.tensor(0.0))


def test_weight_one_is_plain_cross_entropy() -> None:
    logits = torch.randn(2, 12)
    plain = F.cross_entropy(logits, torch.tensor([DIGITS[3], 9]), reduction="none")
    torch.testing.assert_close(_loss(logits, 3, 1.0), (plain[0] + 0.5 * plain[1]) / 1.5)
