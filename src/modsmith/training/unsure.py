"""Which listings GRPO can learn from: those where the start model is sometimes right and sometimes wrong.

A group whose completions all earn the same has zero advantage and teaches nothing. The probability of a right decision
is read from the digit distributions of one drafted pass, without sampling:

    P(disallow) = 1 - prod_c (1 - P(rating_c >= 3))
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from modsmith.corpus import Example
from modsmith.errors import UserError
from modsmith.policy import Policy
from modsmith.prompt import Mode
from modsmith.ratings import VIOLATION
from modsmith.training.base import LoadedModel
from modsmith.training.decode import forward_prefix, read_answers
from modsmith.training.encode import PromptEncoder


def right_probabilities(
    loaded: LoadedModel, policy: Policy, examples: Sequence[Example], mode: Mode = "direct", batch_size: int = 16
) -> np.ndarray:
    """P(right binary decision) of the direct answer for each example, (N,)."""
    encoder = PromptEncoder(loaded.tokenizer, policy, loaded.wording)
    causal = loaded.model.get_base_model() if hasattr(loaded.model, "get_base_model") else loaded.model
    prefix = forward_prefix(causal, encoder)
    rests = [encoder.rest_ids(example.listing, mode) for example in examples]
    right = np.zeros(len(examples))
    order = sorted(range(len(examples)), key=lambda index: len(rests[index]))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        digits_BCD = read_answers(causal, encoder, prefix, [rests[index] for index in batch]).digits_BCD
        violation_BC = digits_BCD.exp()[..., VIOLATION:].sum(-1).cpu().numpy()
        disallow_B = 1 - (1 - violation_BC).prod(1)
        wanted_B = np.array([examples[index].violates for index in batch])
        right[batch] = np.where(wanted_B, disallow_B, 1 - disallow_B)
    return right


def choose_unsure(
    examples: Sequence[Example], right: np.ndarray, low: float, high: float, count: int, seed: int, asked: str = ""
) -> list[Example]:
    """`count` examples with low < p < high, violating and allowed in turn, least sure first within a shuffled pool.

    Fewer than `count` unsure ones are repeated in the same order. Raises `UserError` when one class has none;
    `asked` says in it how the model was asked (" in think mode").
    """
    draw = random.Random(seed)
    pools: list[list[Example]] = []
    for violating in (True, False):
        pool = [
            example
            for example, p in zip(examples, right, strict=True)
            if low < p < high and example.violates == violating
        ]
        if not pool:
            kind = "violating" if violating else "allowed"
            raise UserError(
                f"the start model{asked} is sure of every {kind} listing (none with {low} < p(right) < {high}); "
                "widen unsure_low and unsure_high, or give it more listings"
            )
        draw.shuffle(pool)
        pools.append(pool)
    return [pools[index % 2][(index // 2) % len(pools[index % 2])] for index in range(count)]
