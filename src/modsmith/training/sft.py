"""Supervised fine-tuning, with the policy forwarded once per batch.

Each row of a batch is [policy prefix | listing, mode, completion]. The prefix is the same for all rows, so it runs
through the model once, with gradients, and its keys and values are repeated for the rows: with a 250-token policy and
200-token rows of 16, that halves the work and changes nothing else. The output head runs only where the loss looks.

Shapes: B rows of a batch, P prefix tokens, T tokens of the longest row, S selected (row, token) pairs, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from torch import Tensor
from transformers import DynamicCache, PrinterCallback
from trl import SFTConfig, SFTTrainer

from modsmith.corpus import Example, corpus_hash, load_corpus, of_split
from modsmith.policy import Policy, load_policy
from modsmith.prompt import render_reasoning
from modsmith.training.adapt import prepare_for_training
from modsmith.training.encode import PromptEncoder
from modsmith.training.plan import Pass, plan_curriculum, take_units
from modsmith.training.run import HeldOut, Run, RunCallback, disk_errors, finish, orderly_interrupt
from modsmith.training.settings import SftSettings


@dataclass(frozen=True, slots=True)
class WeightedRow:
    """Token ids after the prefix, and how much the loss cares for each (0 for the prompt)."""

    ids_T: list[int]
    weights_T: list[float]


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
    for position, (name, level) in zip(encoder.digit_positions_C, example.ratings.items(), strict=True):
        # The allowed side of a twin says 0 where its other side says 3: that digit is what the pair is there to teach.
        weights_A[position] = settings.weight_zero if level == 0 and name != example.category else 1.0
    return WeightedRow([*ids, *answer_A, encoder.end_id], [*weights, *weights_A, settings.weight_frame])


def collate(rows: list[WeightedRow], prefix_ids: list[int], pad_id: int) -> dict[str, Tensor]:
    """Pad the rows of one step on the right."""
    longest = max(len(row.ids_T) for row in rows)
    ids_BT = torch.full((len(rows), longest), pad_id)
    mask_BT = torch.zeros((len(rows), longest), dtype=torch.long)
    weights_BT = torch.zeros((len(rows), longest))
    for index, row in enumerate(rows):
        ids_BT[index, : len(row.ids_T)] = torch.tensor(row.ids_T)
        mask_BT[index, : len(row.ids_T)] = 1
        weights_BT[index, : len(row.ids_T)] = torch.tensor(row.weights_T)
    return {"prefix_P": torch.tensor(prefix_ids), "ids_BT": ids_BT, "mask_BT": mask_BT, "weights_BT": weights_BT}


def shared_prefix_hidden(model: Any, prefix_P: Tensor, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Last hidden states (B, T, H) of rows after a shared prefix, forwarded once. Exact, gradients included."""
    decoder = model.get_decoder()
    cache = DynamicCache(config=model.config)
    decoder(prefix_P[None], past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(ids_BT))
    mask = torch.cat([mask_BT.new_ones(len(ids_BT), len(prefix_P)), mask_BT], dim=1)
    return decoder(ids_BT, attention_mask=mask, past_key_values=cache, use_cache=True).last_hidden_state


def weighted_loss(hidden_BTH: Tensor, head: Any, ids_BT: Tensor, weights_BT: Tensor) -> Tensor:
    """Weighted mean cross-entropy of the next token: sum(w * ce) / sum(w), over tokens with w > 0."""
    chosen = weights_BT[:, 1:] > 0
    logits_SV = head(hidden_BTH[:, :-1][chosen]).float()
    losses_S = F.cross_entropy(logits_SV, ids_BT[:, 1:][chosen], reduction="none")
    weights_S = weights_BT[:, 1:][chosen]
    return (losses_S * weights_S).sum() / weights_S.sum()


class SharedPrefixSFTTrainer(SFTTrainer):
    """TRL's SFT trainer with our batches and loss; checkpoints, optimiser, schedule and launchers stay TRL's."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        prefix_P, ids_BT = inputs["prefix_P"], inputs["ids_BT"]
        mask_BT, weights_BT = inputs["mask_BT"], inputs["weights_BT"]
        inner = self.accelerator.unwrap_model(model)
        causal = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
        if inner is model:
            hidden_BTH = shared_prefix_hidden(causal, prefix_P, ids_BT, mask_BT)
        else:  # DDP and FSDP synchronise in the wrapper's forward, which must then see whole rows
            rows = prefix_P.expand(len(ids_BT), -1)
            whole = torch.cat([rows, ids_BT], dim=1)
            mask = torch.cat([torch.ones_like(rows), mask_BT], dim=1)
            output = model(
                input_ids=whole, attention_mask=mask, output_hidden_states=True, logits_to_keep=1, use_cache=False
            )
            hidden_BTH = output.hidden_states[-1][:, len(prefix_P) :]
        loss = weighted_loss(hidden_BTH, causal.get_output_embeddings(), ids_BT, weights_BT)
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
    policy = policy or load_policy(settings.policy)
    examples = load_corpus(settings.corpus, policy)
    short = [one for one in of_split(examples, "train") if len(one.listing.text) <= (settings.max_chars or math.inf)]
    train = take_units(short, settings.limit, settings.seed)
    about = {
        "station": "sft",
        "policy": policy.version_label,
        "corpus_hash": corpus_hash(examples),
        "examples": len(train),
    }
    run = Run(out, settings, resume, about)
    torch.manual_seed(settings.seed)
    loaded, cast = prepare_for_training(settings)
    encoder = PromptEncoder(loaded.tokenizer, policy, loaded.wording)
    plan = _plan(train, encoder, settings)
    callback = RunCallback(run, loaded.tokenizer, held_out, "SFT")

    def tokenise(items: list[dict[str, int]]) -> dict[str, Tensor]:
        """The trainer's rows are numbers of planned batches; they become tokens when they are needed."""
        rows = [weighted_row(one, encoder, settings) for item in items for one in plan[item["batch"]]]
        callback.gauges.tokens += len(encoder.prefix_ids) + sum(len(row.ids_T) for row in rows)
        return collate(rows, encoder.prefix_ids, loaded.tokenizer.pad_token_id)

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
        ),
        train_dataset=Dataset.from_dict({"batch": list(range(len(plan)))}),
        data_collator=tokenise,
        processing_class=loaded.tokenizer,
        callbacks=[callback],
    )
    trainer.model_accepts_loss_kwargs = (
        False  # our loss is a mean already: let the trainer divide by accumulation steps
    )
    trainer.remove_callback(PrinterCallback)
    with orderly_interrupt(callback), disk_errors(run.checkpoints):
        trainer.train(resume_from_checkpoint=str(run.resume_from) if run.resume_from else None)
    return finish(run, callback, trainer, loaded.tokenizer)


def _plan(train: Sequence[Example], encoder: PromptEncoder, settings: SftSettings) -> list[list[Pass]]:
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
