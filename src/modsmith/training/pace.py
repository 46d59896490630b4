"""How long a training will take on this machine, measured before it begins.

Machines of two cores differ fivefold: arithmetic in bf16 needs a processor that has it. A run that has to end in given
minutes therefore tries a few of its own steps first and takes as many listings as then fit.
"""

from __future__ import annotations

import statistics
from time import perf_counter

from modsmith.corpus import load_corpus
from modsmith.policy import Policy
from modsmith.training.adapt import prepare_for_training
from modsmith.training.encode import PromptEncoder
from modsmith.training.rows import collate, weighted_loss, weighted_row
from modsmith.training.settings import SftSettings
from modsmith.training.sft import plan_run, token_logits, training_listings
from modsmith.training.shared_prefix.model import teach_trees, why_unsupported

TRIED = 4
"""Steps that are tried; the first warms up and does not count."""


def sft_minutes(settings: SftSettings, policy: Policy) -> float:
    """Minutes that the steps of this SFT run will take: a few batches spread over its plan, forward and backward,
    times their number. Nothing is trained, and held-out scores and checkpoints are left out."""
    loaded, _ = prepare_for_training(settings)
    encoder = PromptEncoder(loaded.tokenizer, policy, loaded.wording)
    shared = why_unsupported(loaded.model) is None
    if shared:
        teach_trees(loaded.model)
    plan = plan_run(training_listings(load_corpus(settings.corpus, policy), settings), settings)
    seconds = []
    for number in range(TRIED):
        rows = [weighted_row(one, encoder, settings) for one in plan[number * len(plan) // TRIED]]
        batch = collate(rows, encoder.prefix_ids)
        chosen_N = batch["weights_N"] > 0
        began = perf_counter()
        logits_SV = token_logits(loaded.model, batch, shared)
        targets_S, weights_S, levels_S = (batch[name][chosen_N] for name in ("ids_N", "weights_N", "levels_N"))
        weighted_loss(logits_SV, targets_S, weights_S, levels_S, encoder.digit_ids, settings.weight_level).backward()
        loaded.model.zero_grad()
        seconds.append(perf_counter() - began)
    return statistics.median(seconds[1:]) * len(plan) / 60
