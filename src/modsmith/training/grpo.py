"""GRPO: sample several completions per listing, reward each, push towards the better ones.

The algorithm is TRL's (pinned); `shared_prefix/` makes its step several times cheaper without changing its result
(docs/grpo.md). What is ours here is what it trains on: listings the start model is unsure of, violating and allowed in
turn, with the policy's own rewards; and RUN/completions/*.parquet, the table of all that was sampled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import PrinterCallback
from trl import GRPOConfig

from modsmith.corpus import Example, corpus_hash, load_corpus, of_split
from modsmith.errors import UserError
from modsmith.files import atomic_write
from modsmith.policy import Policy, load_policy
from modsmith.prompt import PLAIN, Mode, Wording, build_messages
from modsmith.reading import read_plainly
from modsmith.terminal import file_progress
from modsmith.training import processes
from modsmith.training.adapt import prepare_for_training
from modsmith.training.advantages import Baseline, corpo, maxrl
from modsmith.training.difficulty import pass_rates
from modsmith.training.encode import PromptEncoder
from modsmith.training.loop import train_and_save
from modsmith.training.lora import exact_unmerge
from modsmith.training.plan import take_units
from modsmith.training.rewards import build_rewards
from modsmith.training.run import HeldOut, Run, RunCallback, disk_errors
from modsmith.training.settings import GrpoSettings
from modsmith.training.shared_prefix.trainer import ROUNDING, SharedPrefixGRPOTrainer
from modsmith.training.unsure import choose_unsure, right_probabilities
from modsmith.training.vllm import check_rollout, rollout_arguments
from modsmith.training.watch import record_answers, rollout_metrics


class ModerationGRPOTrainer(SharedPrefixGRPOTrainer):
    """Shared-prefix GRPO with a choice of advantages; writes every sampled completion with its reward parts."""

    completions_folder: Path
    advantage: Baseline = "group"
    correct_reward: float = 0.0

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Tensor:
        self._rewards_NF = super()._calculate_rewards(*args, **kwargs)
        return self._rewards_NF

    def _score_without_rounding(self, inputs: Any) -> Any:
        output = super()._score_without_rounding(inputs)
        if self.advantage == "group" or not self.model.training:
            return output
        rewards_NF = self._rewards_NF
        weights_F = self.reward_weights.to(rewards_NF.device)
        rewards_PG = (rewards_NF * weights_F).nansum(1).view(-1, self.num_generations)
        if self.advantage == "corpo":
            advantages_N = corpo(rewards_PG, self.correct_reward).flatten()
        else:
            right_N = rewards_NF[:, self.reward_func_names.index("decision")] == 1.0
            advantages_N = maxrl(rewards_PG, right_N.view_as(rewards_PG)).flatten()
        advantages_N = advantages_N.masked_fill(advantages_N.abs() < ROUNDING, 0.0)
        mine = len(output["advantages"])
        start = self.accelerator.process_index * mine
        output["advantages"] = advantages_N[start : start + mine].to(output["advantages"])
        logged = self._logs["advantages"]
        for _ in range(min(len(advantages_N), len(logged))):
            logged.pop()
        logged.extend(advantages_N.tolist())
        return output

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        rows = {
            "step": [self.state.global_step] * len(self._logs["completion"]),
            "prompt": [_content(prompt) for prompt in self._logs["prompt"]],
            "completion": [_content(completion) for completion in self._logs["completion"]],
            **{f"reward_{name}": list(values) for name, values in self._logs["rewards"].items()},
            "advantage": list(self._logs["advantages"]),
            **{name: list(values) for name, values in self._logs["extra"].items()},
        }
        if rows["completion"]:
            if self.accelerator.is_main_process:
                self._write(rows)
            weights = dict(zip(self.reward_func_names, self.reward_weights.tolist(), strict=True))
            logs.update(rollout_metrics(rows, self.num_generations, weights))
        for queue in (self._logs["prompt"], self._logs["completion"], self._logs["advantages"]):
            queue.clear()
        for queue in (*self._logs["rewards"].values(), *self._logs["extra"].values()):
            queue.clear()
        super().log(logs, start_time)

    def _write(self, rows: dict[str, list[Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        step = self.state.global_step
        with (
            disk_errors(self.completions_folder),
            atomic_write(self.completions_folder / f"{step:06d}.parquet", "wb") as file,
        ):
            parquet.write_table(pa.table(rows), file)


def _content(message: Any) -> str:
    return message if isinstance(message, str) else message[-1]["content"]


def modes_of(count: int, mode: Mode | Literal["both"]) -> list[Mode]:
    """The mode of each item. For "both" think, direct, direct, think: violating and allowed items alternate, and each
    of the two is to be answered in each mode."""
    if mode == "both":
        return ["think" if index % 4 in (0, 3) else "direct" for index in range(count)]
    return [mode] * count


def to_rows(examples: Sequence[Example], policy: Policy, modes: Sequence[Mode], wording: Wording = PLAIN) -> Dataset:
    """What TRL iterates over: the prompt, and the columns that the rewards read."""
    return Dataset.from_list(
        [
            {
                "prompt": build_messages(policy, example.listing, one, wording=wording),
                "gold": json.dumps(example.ratings),
                "listing": read_plainly(example.listing.text).text,
                "mode": one,
                "example_id": example.id,
            }
            for example, one in zip(examples, modes, strict=True)
        ]
    )


def train_grpo(
    settings: GrpoSettings,
    out: Path,
    resume: bool = False,
    held_out: HeldOut | None = None,
    policy: Policy | None = None,
) -> Path:
    """Run GRPO into the run folder `out`; returns the folder of the best model."""
    processes.start()
    if settings.prompts_per_step % processes.count():
        raise UserError(
            f"prompts_per_step {settings.prompts_per_step} is shared by all processes: take a multiple of "
            f"{processes.count()}"
        )
    check_rollout(settings)
    policy = policy or load_policy(settings.policy)
    examples = load_corpus(settings.corpus, policy)
    train = take_units(of_split(examples, "train"), settings.limit, settings.seed)
    about = {
        "station": "grpo",
        "policy": policy.version_label,
        "categories": list(policy.category_ids),
        "corpus_hash": corpus_hash(examples),
        "examples": len(train),
    }
    run = Run(out, settings, resume, about)
    torch.manual_seed(settings.seed)
    loaded, cast = prepare_for_training(settings)
    chosen = _unsure_items(run, settings, train, loaded, policy)
    modes = modes_of(len(chosen), settings.mode)
    stepped = settings.steps * settings.prompts_per_step
    rewards = build_rewards(policy, settings.max_completion_tokens)
    callback = RunCallback(run, loaded.tokenizer, held_out, "GRPO")
    on_gpu = torch.cuda.is_available()
    if settings.rollout != "own":
        exact_unmerge(loaded.model)
    trainer = ModerationGRPOTrainer(
        model=loaded.model,
        reward_funcs=list(record_answers(rewards, policy).values()),
        args=GRPOConfig(
            output_dir=str(run.checkpoints),
            max_steps=settings.steps,
            per_device_train_batch_size=settings.prompts_per_step // processes.count() * settings.group_size,
            num_generations=settings.group_size,
            max_completion_length=settings.max_completion_tokens,
            temperature=settings.temperature,
            **rollout_arguments(settings, lambda: _longest_prompt(chosen, loaded, policy)),
            reward_weights=[settings.reward_weights.get(name, 0.0) for name in rewards],
            loss_type=settings.loss,
            scale_rewards=settings.scale_rewards,
            beta=settings.beta,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=round(settings.warmup_share * settings.steps),
            max_grad_norm=settings.max_grad_norm,
            weight_decay=0.0,
            seed=settings.seed,
            shuffle_dataset=False,
            save_strategy="steps",
            save_steps=settings.save_every,
            save_total_limit=settings.keep_checkpoints,
            logging_steps=1,
            report_to=[],
            disable_tqdm=True,
            use_cpu=not on_gpu,
            bf16=cast,
            gradient_checkpointing=on_gpu,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            ddp_find_unused_parameters=False,
        ),
        train_dataset=to_rows(chosen[:stepped], policy, modes[:stepped], loaded.wording),
        processing_class=loaded.tokenizer,
        callbacks=[callback],
    )
    trainer.completions_folder = run.folder / "completions"
    trainer.advantage, trainer.correct_reward = settings.advantage, settings.correct_reward
    if settings.refill:
        spare = to_rows(chosen[stepped:], policy, modes[stepped:], loaded.wording)
        trainer.refill_from(spare.to_list(), settings.refill)
    trainer.remove_callback(PrinterCallback)
    callback.gauges.follow(trainer)
    return train_and_save(run, callback, trainer, loaded.tokenizer)


def _longest_prompt(examples: Sequence[Example], loaded: Any, policy: Policy) -> int:
    encoder = PromptEncoder(loaded.tokenizer, policy)
    listings = {example.id: example.listing for example in examples}.values()
    return max(len(encoder.prompt_ids(listing, mode)) for listing in listings for mode in get_args(Mode))


def _unsure_items(
    run: Run, settings: GrpoSettings, train: Sequence[Example], loaded: Any, policy: Policy
) -> list[Example]:
    """The items of every step, in order, then those to refill from. Written once, by the main process: the others and a
    resumed run read them."""
    path = run.folder / "items.json"
    if processes.is_main() and not path.exists():
        _choose_items(path, run, settings, train, loaded, policy)
    processes.wait()
    by_id = {example.id: example for example in train}
    return [by_id[one] for one in json.loads(path.read_text("utf-8"))]


def _choose_items(
    path: Path, run: Run, settings: GrpoSettings, train: Sequence[Example], loaded: Any, policy: Policy
) -> None:
    right = right_probabilities(loaded, policy, train)
    count = settings.steps * settings.prompts_per_step * (1 + settings.refill)
    chosen = choose_unsure(train, right, settings.unsure_low, settings.unsure_high, count, settings.seed)
    if settings.difficulty_samples:
        chosen = _sometimes_right(run, settings, train, right, loaded, policy, count)
    with atomic_write(path) as file:
        json.dump([example.id for example in chosen], file)


def _sometimes_right(
    run: Run,
    settings: GrpoSettings,
    train: Sequence[Example],
    right: np.ndarray,
    loaded: Any,
    policy: Policy,
    count: int,
) -> list[Example]:
    """`count` items that the start model, asked several times in the mode they will be trained in, decides rightly
    sometimes. Twice as many are tried, each in one mode."""
    wide = choose_unsure(train, right, settings.unsure_low, settings.unsure_high, 2 * count, settings.seed)
    asked: dict[str, tuple[Example, Mode]] = {}
    for example, mode in zip(wide, modes_of(len(wide), settings.mode), strict=True):
        asked.setdefault(example.id, (example, mode))
    candidates, modes = [example for example, _ in asked.values()], [mode for _, mode in asked.values()]
    with file_progress("pass rates") as progress:
        done = 0

        def tick(more: int) -> None:
            nonlocal done
            done += more
            progress(done, len(candidates))

        rates = pass_rates(
            loaded, policy, candidates, modes, settings.difficulty_samples,
            settings.max_completion_tokens, settings.temperature, run.folder / "pass_rates.jsonl", tick,
        )  # fmt: skip
    return _in_their_modes(candidates, modes, rates, modes_of(count, settings.mode), settings.seed)


def _in_their_modes(
    candidates: Sequence[Example], modes: Sequence[Mode], rates: np.ndarray, wanted: Sequence[Mode], seed: int
) -> list[Example]:
    """An item with 0 < rate < 1 for each of the `wanted` modes, of those asked in it; violating and allowed in turn."""
    queues: dict[tuple[Mode, bool], Iterator[Example]] = {}
    for mode in dict.fromkeys(wanted):
        mine = [index for index, one in enumerate(modes) if one == mode]
        of = f" in {mode} mode" if len(set(wanted)) > 1 else ""
        items = choose_unsure([candidates[i] for i in mine], rates[mine], 0.0, 1.0, len(wanted), seed, of)
        queues[mode, True], queues[mode, False] = iter(items[0::2]), iter(items[1::2])
    return [next(queues[mode, index % 2 == 0]) for index, mode in enumerate(wanted)]
