"""Supervised fine-tuning, with the policy forwarded once per batch.

Each row of a batch is [policy prefix | listing, mode, completion]. The prefix is the same for all rows: a batch is a
tree with the prefix as its stem and the rows as branches (shared_prefix/). With a policy of 260 tokens and eight rows
of 170 that halves the work; there is no padding, and nothing else changes. The output head runs only where the loss
looks.

Shapes: B rows of a batch, P prefix tokens, N tokens of all rows, S those with a weight, V vocabulary. What rows hold
and what the loss pays for stands in rows.py.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from modsmith.corpus import Example, corpus_hash, load_corpus, of_split
from modsmith.corpus.compose import small_talk
from modsmith.errors import UserError
from modsmith.policy import Policy, load_policy
from modsmith.training import processes
from modsmith.training.adapt import prepare_for_training
from modsmith.training.disguises import wear_disguises
from modsmith.training.encode import PromptEncoder
from modsmith.training.loop import train_and_save
from modsmith.training.plan import Pass, plan_curriculum, take_units
from modsmith.training.rows import collate, weighted_loss, weighted_row
from modsmith.training.run import HeldOut, Run, RunCallback
from modsmith.training.settings import SftSettings
from modsmith.training.shared_prefix.model import teach_trees, why_unsupported
from modsmith.training.shared_prefix.tree import pack
from modsmith.training.word_dropout import drop_words


def token_logits(model: Any, batch: dict[str, Tensor], shared: bool) -> Tensor:
    """Logits (S, V) for the tokens of the rows that carry a weight, in order; gradients included.

    `shared` packs the rows as branches of one tree whose stem is the prefix (exact; the model has to know trees);
    otherwise every row gets a copy of the prefix and padding.
    """
    rows_B_T = batch["ids_N"].split(batch["lengths_B"].tolist())
    wanted_N = batch["weights_N"] > 0
    prefix_P = batch["prefix_P"]
    if shared:
        tree = pack([prefix_P.tolist()], [[row.tolist() for row in rows_B_T]], prefix_P.device)
        return model(tree=tree, wanted_S=wanted_N)
    ids_BT = pad_sequence([torch.cat([prefix_P, row_T]) for row_T in rows_B_T], batch_first=True)
    real_BT = torch.arange(ids_BT.shape[1], device=ids_BT.device) < (len(prefix_P) + batch["lengths_B"])[:, None]
    logits_BTV = model(input_ids=ids_BT, attention_mask=real_BT.long(), use_cache=False).logits
    scored_BT = real_BT[:, len(prefix_P) :]
    return logits_BTV[:, len(prefix_P) - 1 : -1][scored_BT][wanted_N]


def batch_loss(
    model: Any,
    batch: dict[str, Tensor],
    digit_ids: list[int],
    weight_level: float,
    shared: bool,
    total: Tensor | None = None,
) -> Tensor:
    """The loss of one batch of `rows.collate`; `shared` as in `token_logits`, the rest as in `rows.weighted_loss`."""
    chosen_N = batch["weights_N"] > 0
    targets_S, weights_S, levels_S = (batch[name][chosen_N] for name in ("ids_N", "weights_N", "levels_N"))
    logits_SV = token_logits(model, batch, shared)
    return weighted_loss(logits_SV, targets_S, weights_S, levels_S, digit_ids, weight_level, total)


class SharedPrefixSFTTrainer(SFTTrainer):
    """TRL's SFT trainer with our batches and loss; checkpoints, optimiser, schedule and launchers stay TRL's."""

    digit_ids: list[int]
    weight_level: float
    shared: bool

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        weights_N = inputs["weights_N"]
        # The mean over all processes: DDP averages their gradients, so together they divide by the sum of all weights.
        total = self.accelerator.reduce(weights_N[weights_N > 0].sum(), reduction="mean")
        loss = batch_loss(model, inputs, self.digit_ids, self.weight_level, self.shared, total)
        return (loss, {}) if return_outputs else loss


def train_sft(
    settings: SftSettings,
    out: Path,
    resume: bool = False,
    held_out: HeldOut | None = None,
    policy: Policy | None = None,
) -> Path:
    """Run SFT into the run folder `out`; returns the folder of the best model.

    `held_out` is called with the model every `settings.eval_every` steps; without it the final model counts as best.
    """
    processes.start()
    if processes.count() > settings.batch_size:
        raise UserError(
            f"batch_size {settings.batch_size} is shared by all processes: take at least {processes.count()}, one "
            "listing for each"
        )
    policy = policy or load_policy(settings.policy)
    examples = load_corpus(settings.corpus, policy)
    train = training_listings(examples, settings)
    about = {
        "station": "sft",
        "policy": policy.version_label,
        "categories": list(policy.category_ids),
        "corpus_hash": corpus_hash(examples),
        "examples": len(train),
    }
    run = Run(out, settings, resume, about)
    torch.manual_seed(settings.seed)
    loaded, cast = prepare_for_training(settings)
    encoder = PromptEncoder(loaded.tokenizer, policy, loaded.wording)
    if reason := why_unsupported(loaded.model):
        if processes.is_main():
            print(f"SFT reads the policy once for every listing: {reason}", file=sys.stderr)
    else:
        teach_trees(loaded.model)
    plan = plan_run(train, settings)
    callback = RunCallback(run, loaded.tokenizer, held_out, "SFT")
    parts = processes.count()
    talk = small_talk(train) if settings.disguise_share else []

    def batch_of(index: int) -> list[Pass]:
        draw = random.Random(f"{settings.seed} {index}")  # the same on every process, and after a resume
        passes = drop_words(plan[index], settings.word_dropout, draw)
        return wear_disguises(passes, settings.disguise_share, draw, talk)

    def tokenise(items: list[dict[str, int]]) -> dict[str, Tensor]:
        """The trainer's rows name parts of planned batches; they become tokens when they are needed."""
        mine = [one for item in items for one in batch_of(item["batch"])[item["part"] :: parts]]
        rows = [weighted_row(one, encoder, settings) for one in mine]
        if not rows:  # a short batch has no listing for this process, which still has to take the step: weights of 0
            row = weighted_row(batch_of(items[0]["batch"])[0], encoder, settings)
            rows = [replace(row, weights_T=[0.0] * len(row.ids_T))]
        # Those of the other processes are taken to be as many.
        callback.gauges.tokens += parts * (len(encoder.prefix_ids) + sum(len(row.ids_T) for row in rows))
        return collate(rows, encoder.prefix_ids)

    trainer = SharedPrefixSFTTrainer(
        model=loaded.model,
        args=SFTConfig(
            output_dir=str(run.checkpoints),
            per_device_train_batch_size=1,
            num_train_epochs=1,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            # Some hundred steps in all: the usual 0.999 would average the squares over more than the whole run.
            adam_beta2=0.98,
            warmup_steps=round(settings.warmup_share * len(plan)),
            max_grad_norm=settings.max_grad_norm,
            weight_decay=0.0,
            seed=settings.seed,
            train_sampling_strategy="sequential",
            save_strategy="steps",
            save_steps=settings.save_every,
            save_total_limit=settings.keep_checkpoints,
            logging_steps=5,
            report_to=[],
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            bf16=cast,
            gradient_checkpointing=False,
            max_length=None,
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            dataloader_pin_memory=False,
            ddp_find_unused_parameters=False,
        ),
        # In this order the launcher hands every process its own part of the same planned batch.
        train_dataset=Dataset.from_list(
            [{"batch": batch, "part": part} for batch in range(len(plan)) for part in range(parts)]
        ),
        data_collator=tokenise,
        processing_class=loaded.tokenizer,
        callbacks=[callback],
    )
    trainer.digit_ids, trainer.weight_level = encoder.digit_ids, settings.weight_level
    trainer.shared = reason is None
    trainer.model_accepts_loss_kwargs = (
        False  # our loss is a mean already: let the trainer divide by accumulation steps
    )
    trainer.remove_callback(PrinterCallback)
    return train_and_save(run, callback, trainer, loaded.tokenizer)


def training_listings(examples: Sequence[Example], settings: SftSettings) -> list[Example]:
    """Those of the training split that a run with these settings reads."""
    short = [one for one in of_split(examples, "train") if len(one.listing.text) <= (settings.max_chars or math.inf)]
    return take_units(short, settings.limit, settings.seed)


def plan_run(train: Sequence[Example], settings: SftSettings) -> list[list[Pass]]:
    """The batches of a run, in order."""
    lengths = {example.id: len(example.listing.text) for example in train}
    return plan_curriculum(
        train,
        settings.plain_epochs,
        settings.epochs,
        settings.batch_size,
        settings.think_share,
        settings.seed,
        lambda example: lengths[example.id],
        settings.composed_share,
    )
