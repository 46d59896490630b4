"""How long a training will take on this machine, measured before it begins.

Machines of two cores differ fivefold: arithmetic in bf16 needs a processor that has it. A run that has to end in given
minutes therefore tries a few of its own steps first and takes as many listings as then fit.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from time import perf_counter

from modsmith.corpus import Example
from modsmith.policy import Policy
from modsmith.training.adapt import prepare_for_training
from modsmith.training.encode import PromptEncoder
from modsmith.training.rows import collate, weighted_row
from modsmith.training.settings import SftSettings
from modsmith.training.sft import batch_loss, plan_run, training_listings
from modsmith.training.shared_prefix.model import teach_trees, why_unsupported

TRIED = 4
"""Steps that are tried; the first warms up and does not count."""


def sft_minutes(settings: SftSettings, policy: Policy, examples: Sequence[Example]) -> float:
    """Minutes that the steps of an SFT run on this corpus will take: a few batches spread over its plan, forward and
    backward, times their number. Nothing is trained, and held-out scores and checkpoints are left out."""
    loaded, _ = prepare_for_training(settings)
    encoder = PromptEncoder(loaded.tokenizer, policy, loaded.wording)
    shared = why_unsupported(loaded.model) is None
    if shared:
        teach_trees(loaded.model)
    plan = plan_run(training_listings(examples, settings), settings)
    seconds = []
    for number in range(TRIED):
        rows = [weighted_row(one, encoder, settings) for one in plan[number * len(plan) // TRIED]]
        batch = collate(rows, encoder.prefix_ids)
        began = perf_counter()
        batch_loss(loaded.model, batch, encoder.digit_ids, settings.weight_level, shared).backward()
        loaded.model.zero_grad()
        seconds.append(perf_counter() - began)
    return statistics.median(seconds[1:]) * len(plan) / 60
