"""Training of the second reader: cross-entropy on "breaks any rule" and on each category.

Batches are fixed before the first step (passes.py), so a resumed run sees what the interrupted one would have seen.
Shapes: B listings of a batch, K = 1 + categories.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Dataset
from torch import Tensor
from transformers import PrinterCallback, Trainer, TrainingArguments

from modsmith.corpus import Example, corpus_hash, load_corpus, of_split
from modsmith.corpus.compose import small_talk
from modsmith.errors import UserError
from modsmith.policy import Policy, load_policy
from modsmith.prompt import listing_text, split_windows
from modsmith.ratings import VIOLATION
from modsmith.terminal import file_progress
from modsmith.training import processes
from modsmith.training.base import language_model, load_model, trained_categories
from modsmith.training.loop import train_and_save
from modsmith.training.plan import take_units
from modsmith.training.run import HeldOut, Run, RunCallback
from modsmith.training.second.passes import plan_batches, training_examples
from modsmith.training.second.reader import SecondReader, go_on_from, new_reader
from modsmith.training.second.settings import SecondSettings

READ_TOGETHER = 16
LINE = re.compile(r"line-\d+")


class _Trainer(Trainer):
    """Transformers' trainer with our loss."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels_BK = inputs["labels"]
        logits_BK = model(inputs["input_ids"], inputs["attention_mask"])
        loss = F.binary_cross_entropy_with_logits(logits_BK, labels_BK, reduction="none").sum(1).mean()
        return (loss, {"logits": logits_BK}) if return_outputs else loss


def train_second(settings: SecondSettings, out: Path, resume: bool = False, policy: Policy | None = None) -> Path:
    """Train into the run folder `out`; returns the folder of the best reader, by AUROC on the validation split of
    `settings.corpus`. Raises `UserError`."""
    processes.start()
    if processes.count() > 1:
        raise UserError("the second reader is trained in one process; start it without a launcher")
    policy = policy or load_policy(settings.policy)
    beside = _language_model(settings, policy)
    corpus = load_corpus(settings.corpus, policy)
    scored = _scored(corpus, settings)
    further = {name: load_corpus(name, policy, reasons=False) for name in settings.also}
    _check_ids({settings.corpus: corpus, **further})
    everything = [*corpus, *(example for some in further.values() for example in some)]
    learnt = take_units(training_examples(everything), settings.limit, settings.seed)
    torch.manual_seed(settings.seed)
    reader = new_reader(
        policy.category_ids, beside, settings.lora_rank, settings.lora_alpha, settings.lora_layers, settings.precision
    )
    if settings.start:
        go_on_from(reader, settings.start)
    about = {
        "station": "second",
        "policy": policy.version_label,
        "categories": list(policy.category_ids),
        "corpus_hash": corpus_hash(corpus),
        "examples": len(learnt),
    }
    run = Run(out, settings, resume, about)
    with file_progress("showing listings") as progress:
        batches = plan_batches(learnt, settings, small_talk(learnt), progress)
    labels = {example.id: row for example, row in zip(learnt, labels_of(learnt), strict=True)}

    def collate(items: list[dict[str, int]]) -> dict[str, Tensor]:
        shown = batches[items[0]["batch"]]
        batch = reader.tokens([one.text for one in shown])
        return {**batch, "labels": torch.tensor(np.stack([labels[one.example.id] for one in shown]))}

    callback = RunCallback(run, None, _scorer(scored), "second reader")
    optimizer, schedule = _optimiser(reader, settings, len(batches))
    trainer = _Trainer(
        model=reader,
        args=TrainingArguments(
            output_dir=str(run.checkpoints),
            per_device_train_batch_size=1,
            num_train_epochs=1,
            max_grad_norm=settings.max_grad_norm,
            seed=settings.seed,
            train_sampling_strategy="sequential",
            save_strategy="steps",
            save_steps=settings.save_every,
            save_total_limit=settings.keep_checkpoints,
            logging_steps=20,
            report_to=[],
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list([{"batch": batch} for batch in range(len(batches))]),
        data_collator=collate,
        optimizers=(optimizer, schedule),
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)
    return train_and_save(run, callback, trainer, None)


def labels_of(examples: Sequence[Example]) -> np.ndarray:
    """(N, K) float32: is any category rated 3 or more, then each."""
    broken_NC = np.array([list(example.ratings.values()) for example in examples]) >= VIOLATION
    return np.concatenate([broken_NC.any(1, keepdims=True), broken_NC], axis=1).astype(np.float32)


def _optimiser(reader: SecondReader, settings: SecondSettings, steps: int) -> tuple[Any, Any]:
    """AdamW with a rate for the adapters and one for the head; both rise for a moment, then fall to zero."""
    adapters = [value for value in reader.encoder.parameters() if value.requires_grad]
    head = [*reader.attend.parameters(), *reader.say.parameters()]
    groups: list[dict[str, Any]] = [
        {"params": adapters, "lr": settings.learning_rate},
        {"params": head, "lr": settings.head_rate},
    ]
    # Some thousand steps in all: the usual 0.999 would average the squares over half of the run.
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    warmup = max(1, round(settings.warmup_share * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / warmup) * max(0.0, 1 - step / steps)
    )
    return optimizer, schedule


def _language_model(settings: SecondSettings, policy: Policy) -> str:
    """The name of the language model to read beside, a folder's in full. It is opened now: what is wrong with it should
    not come out when the training is over."""
    beside = language_model(settings.beside)
    trained = trained_categories(beside)
    if trained is not None and trained != list(policy.category_ids):
        raise UserError(
            f"{beside} was trained for other categories than those of policy {policy.version_label}; name the "
            "model that it is to read beside: --set beside=RUN"
        )
    load_model(beside, settings.precision)
    return str(Path(beside).resolve()) if Path(beside).is_dir() else beside


def _check_ids(corpora: Mapping[str, Sequence[Example]]) -> None:
    """Listings without an id are called by their line: in two files these would be taken for each other."""
    nameless = [name for name, some in corpora.items() if any(LINE.fullmatch(example.id) for example in some)]
    if len(nameless) > 1:
        raise UserError(f"{' and '.join(nameless)} hold listings without an id; give each row an id of its own")


def _scored(corpus: Sequence[Example], settings: SecondSettings) -> list[Example]:
    examples = take_units(of_split(corpus, "validation"), settings.eval_limit)
    if len({example.violates for example in examples}) < 2:
        raise UserError(
            f"the validation split of {settings.corpus} needs listings that break a rule and others that do not"
        )
    return examples


def _scorer(examples: Sequence[Example]) -> HeldOut:
    """AUROC of "breaks any rule" over a fixed part of the validation split."""
    from sklearn.metrics import roc_auc_score

    texts = sorted((listing_text(split_windows(one.listing)[0]), one.violates) for one in examples)
    texts.sort(key=lambda pair: len(pair[0]))

    def held_out(reader: Any) -> dict[str, float]:
        said = [
            reader.read([text for text, _ in texts[start : start + READ_TOGETHER]])[:, 0]
            for start in range(0, len(texts), READ_TOGETHER)
        ]
        auroc = float(roc_auc_score([violates for _, violates in texts], np.concatenate(said)))
        return {"score": auroc, "auroc": auroc}

    return held_out
