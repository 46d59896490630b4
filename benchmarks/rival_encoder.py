"""The rival that most would try first: MiniLM, fine-tuned whole on the training listings; AUROC on validation.

    python benchmarks/rival_encoder.py [--epochs 3] [--rate 1.5e-4] [--limit N] [--seed 0] [--json]

About an hour on two cores. It learns from the train splits of `standard` and `written`, each text once, without any
group or text that one of them holds apart: for each listing whether it breaks a rule, and which.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from transformers import AutoModel, AutoTokenizer

from modsmith.corpus import load_corpus, of_split
from modsmith.corpus.minilm import MAX_TOKENS, mean_of_states, minilm_folder
from modsmith.policy import load_policy
from modsmith.terminal import file_progress
from modsmith.training.second.fit import labels_of
from modsmith.training.second.passes import training_examples

BATCH, SORTED_TOGETHER, WARMUP = 32, 50, 100


class Rival(torch.nn.Module):
    """MiniLM, the mean of its last hidden states, and a linear head: any rule, then each category."""

    def __init__(self, categories: int) -> None:
        super().__init__()
        self.tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
        self.encoder = AutoModel.from_pretrained(minilm_folder())
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, 1 + categories)

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        batch = self.tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden_BTH = self.encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state
        logits: torch.Tensor = self.head(mean_of_states(hidden_BTH, batch["attention_mask"]))
        return logits


def batches_of_like_length(lengths: Sequence[int], epochs: float, draw: random.Random) -> list[list[int]]:
    batches: list[list[int]] = []
    wanted = max(1, int(epochs * len(lengths) / BATCH))
    while len(batches) < wanted:
        shuffled = list(range(len(lengths)))
        draw.shuffle(shuffled)
        for start in range(0, len(shuffled), BATCH * SORTED_TOGETHER):
            alike = sorted(shuffled[start : start + BATCH * SORTED_TOGETHER], key=lambda place: lengths[place])
            some = [alike[first : first + BATCH] for first in range(0, len(alike), BATCH)]
            draw.shuffle(some)
            batches += some
    return batches[:wanted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument(
        "--rate", type=float, default=1.5e-4, help="peak rate of the encoder; the head's is ten times it"
    )
    parser.add_argument("--limit", type=int, help="listings to learn from, and to measure on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    draw = random.Random(options.seed)

    policy = load_policy()
    standard = load_corpus("standard", policy)
    learnt = training_examples([*standard, *load_corpus("written", policy)])
    draw.shuffle(learnt)
    learnt, held_out = learnt[: options.limit], of_split(standard, "validation")[: options.limit]
    texts, labels_NL = [example.listing.text for example in learnt], torch.tensor(labels_of(learnt))

    rival = Rival(len(policy.category_ids)).train()
    groups: list[dict[str, Any]] = [
        {"params": list(rival.encoder.parameters()), "lr": options.rate},
        {"params": list(rival.head.parameters()), "lr": 10 * options.rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    plan = batches_of_like_length([len(text) for text in texts], options.epochs, draw)
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARMUP) * max(0.0, 1 - step / len(plan))
    )
    with file_progress("training") as progress:
        for step, places in enumerate(plan, start=1):
            logits_BL = rival([texts[place] for place in places])
            loss = F.binary_cross_entropy_with_logits(logits_BL, labels_NL[places], reduction="none").sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(rival.parameters(), 1.0)
            optimizer.step()
            falling.step()
            progress(step, len(plan))

    rival.eval()
    asked = [example.listing.text for example in held_out]
    with torch.inference_mode():
        said_N = np.concatenate([rival(asked[start : start + BATCH])[:, 0] for start in range(0, len(asked), BATCH)])
    auroc = float(roc_auc_score(labels_of(held_out)[:, 0], said_N))
    found = {"learnt_from": len(learnt), "steps": len(plan), "measured_on": len(held_out), "auroc": auroc}
    print(json.dumps(found) if options.json else f"AUROC {auroc:.3f} on {len(held_out)} listings, {len(plan)} steps")


if __name__ == "__main__":
    main()
