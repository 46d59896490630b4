"""One SFT step, side by side: a batch packed as one tree against every row with its own copy of the policy.

    python benchmarks/sft_step.py [--batches 6] [--batch-size 8] [--threads 2] [--json]

Both forward and backward the same batches of the built-in corpus through the embedded model with LoRA, in turn, in one
process; the ratio is of their seconds. Each reads the first batch once before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from modsmith.corpus import load_corpus, of_split
from modsmith.policy import load_policy
from modsmith.training.adapt import prepare_for_training
from modsmith.training.encode import PromptEncoder
from modsmith.training.plan import plan_passes
from modsmith.training.rows import collate, weighted_row
from modsmith.training.settings import SftSettings
from modsmith.training.sft import batch_loss
from modsmith.training.shared_prefix.model import teach_trees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    policy, settings = load_policy(), SftSettings()
    loaded, _ = prepare_for_training(settings)
    teach_trees(loaded.model)
    encoder = PromptEncoder(loaded.tokenizer, policy)
    train = [one for one in of_split(load_corpus("written", policy), "train") if len(one.listing.text) <= 600]
    plan = plan_passes(train, 1, options.batch_size, 0.0, 0, lambda one: len(one.listing.text))
    full = [batch for batch in plan if len(batch) >= options.batch_size - 1][: options.batches + 1]
    rows = [[weighted_row(one, encoder, settings) for one in batch] for batch in full]
    batches = [collate(some, encoder.prefix_ids) for some in rows]

    def seconds(batch: dict[str, torch.Tensor], shared: bool) -> float:
        start = time.perf_counter()
        batch_loss(loaded.model, batch, encoder.digit_ids, 1.0, shared).backward()
        loaded.model.zero_grad()
        return time.perf_counter() - start

    spent = {True: 0.0, False: 0.0}
    for number, batch in enumerate(batches):
        for shared in (True, False):
            took = seconds(batch, shared)
            spent[shared] += took if number else 0.0
    found = {
        "batches": len(batches) - 1,
        "batch_size": options.batch_size,
        "threads": options.threads,
        "tree_seconds": round(spent[True], 2),
        "whole_rows_seconds": round(spent[False], 2),
        "ratio": round(spent[False] / spent[True], 2),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
