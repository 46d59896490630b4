"""TRL's GRPO trainer with shared-prefix rollouts and log-probabilities, and no work for completions that teach nothing.

Replaced are the sampling of completions, their log-probabilities, and which of them a loss looks at; rewards,
advantages, losses, logging, checkpoints and launchers are TRL's. Where sharing would not be exact, TRL's own code runs,
and one log line says why.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import split_tensor_dict

from modsmith.training.refill import dead_groups, pick_from_pool, replace_groups
from modsmith.training.shared_prefix.model import teach_trees, why_unsupported
from modsmith.training.shared_prefix.rollout import draw, sample
from modsmith.training.shared_prefix.tree import pack

logger = logging.getLogger(__name__)

GENERATION_KWARGS = {"do_sample", "min_new_tokens", "no_repeat_ngram_size", "suppress_tokens", "bad_words_ids"}
"""Further settings of generation that act on the logits alone; with any other, the rollout stays TRL's."""
ROUNDING = 1e-6
"""Advantages of a group are rewards minus their mean: when all rewards are equal, what is left is rounding."""


class SharedPrefixGRPOTrainer(GRPOTrainer):
    """GRPO that reads each prompt once. Same arguments, losses and results as TRL's trainer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refill_pool: Sequence[dict[str, Any]] = []
        self._refill_rounds = 0
        reason = self._why_stock()
        self.shares_prompts = reason is None
        self._live_B: Tensor | None = None
        """While a loss is computed: which completions have an advantage; None when all count."""
        self._known_logps_BT: Tensor | None = None
        self._buffered_inputs: Any
        if reason is not None:
            logger.warning("GRPO forwards every copy of the prompt (stock TRL): %s", reason)
            return
        teach_trees(self.model)
        if self.ref_model is not None:
            teach_trees(self.ref_model)

    def refill_from(self, pool: Sequence[dict[str, Any]], rounds: int) -> None:
        """In training, replace groups without advantage by groups of the pool's rows, in at most `rounds` further
        rollouts a step. One process only: the others would wait for a rollout that this one does not need."""
        if rounds and self.accelerator.num_processes > 1:
            logger.warning("groups without advantage are not refilled: that takes a single process")
            return
        self._refill_pool, self._refill_rounds = pool, rounds if pool else 0
        room = self.args.generation_batch_size * (1 + rounds)  # the logged tables hold the further completions too
        for name in ("prompt", "completion", "advantages"):
            self._logs[name] = deque(maxlen=room)
        for name in ("rewards", "extra"):
            self._logs[name] = defaultdict(lambda: deque(maxlen=room))

    def _why_stock(self) -> str | None:
        if self._is_vlm:
            return "the model takes images"
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            return "parameters are sharded (FSDP, DeepSpeed)"
        if self._entropy_bonus_enabled or self.aux_loss_enabled:
            return "the loss has an entropy bonus or a router loss"
        return why_unsupported(self.model)

    def _why_stock_rollout(self) -> str | None:
        if self.use_vllm or self.use_transformers_continuous_batching or self.tools:
            return "another engine"
        other = set(self.args.generation_kwargs or {}) - GENERATION_KWARGS
        if other or self.args.cache_implementation:
            return "generation settings"
        return None

    # --- rollout ---------------------------------------------------------------------------------------------------

    def _generate_single_turn(
        self, prompt_ids: Any, images: Any, multimodal_fields: Any, num_generations: int, has_tool_images: bool = False
    ) -> Any:
        if not self.shares_prompts or images is not None or multimodal_fields or self._why_stock_rollout():
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, has_tool_images
            )
        config = self.generation_config
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                generation_kwargs=self.generation_kwargs,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as model,
            self.accelerator.autocast(),
        ):
            base = model.get_base_model() if hasattr(model, "get_base_model") else model
            device = self.accelerator.device
            base._prepare_special_tokens(config, kwargs_has_attention_mask=True, device=device)
            processors = base._get_logits_processor(
                config, input_ids_seq_length=max(map(len, prompt_ids)), device=device, model_kwargs={}
            )

            def pick(ids: Tensor, logits: Tensor) -> Tensor:
                scores = processors(ids, logits)
                return draw(scores) if config.do_sample else scores.argmax(-1)

            completions = sample(
                model, prompt_ids, self.eos_token_ids, self.max_completion_length, pick, self._tokenizer.pad_token_id
            )
        return completions, None

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """As TRL's, but the completions of a prompt stay in the same micro-batch where their order changes nothing:
        all micro-batches of a rollout end up in one optimiser step."""
        one_step = self.args.steps_per_generation == self.args.gradient_accumulation_steps and self.num_iterations == 1
        if not (self.shares_prompts and self.model.training and one_step):
            return super()._prepare_inputs(generation_batch)
        if self._step % self.args.steps_per_generation == 0 or self._buffered_inputs is None:
            scored = self._generate_and_score_completions(generation_batch)
            self._buffered_inputs = split_tensor_dict(scored, self.args.steps_per_generation)
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    # --- loss ------------------------------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        scored = self._score_without_rounding(inputs)
        if not (self.model.training and self._refill_rounds):
            return scored
        replaced = 0
        for round_ in range(self._refill_rounds):
            dead = len(dead_groups(scored, self.num_generations))
            if not dead:
                break
            per_step = len(inputs) // self.num_generations * self._refill_rounds
            rows = pick_from_pool(self._refill_pool, self.state.global_step, round_, dead, per_step)
            fresh = self._score_without_rounding([row for row in rows for _ in range(self.num_generations)])
            scored, count = replace_groups(scored, fresh, self.num_generations, self._tokenizer.pad_token_id)
            replaced += count
        self._metrics["train"]["groups/refilled"].append(replaced)
        return scored

    def _score_without_rounding(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        if self.scale_rewards == "none":
            advantages = output["advantages"]
            output["advantages"] = advantages.masked_fill(advantages.abs() < ROUNDING, 0.0)
        return output

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL's loss. Completions whose advantage is 0 go through no forward: their terms are 0 whatever their
        log-probabilities are, and the normaliser counts them from the masks."""
        needs_all = self.beta != 0.0 or self.top_entropy_quantile < 1.0
        if self.shares_prompts and self.model.training and not needs_all:
            self._live_B = inputs["advantages"] != 0
            self._known_logps_BT = inputs.get("old_per_token_logps")
            if self.accelerator.num_processes > 1 and not self._live_B.any():
                self._live_B[0] = True  # the other processes wait for this one's gradients
        try:
            return super()._compute_loss(model, inputs)
        finally:
            self._live_B = self._known_logps_BT = None

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **multimodal: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """(B, T) log-probabilities and entropies of the completions, 0 where they are padded."""
        if not self.shares_prompts or any(value is not None for value in multimodal.values()):
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, compute_aux_loss,
                **multimodal,
            )  # fmt: skip
        rows = len(input_ids)
        size = batch_size or rows
        pieces = [
            self._tree_logps(model, input_ids[some], attention_mask[some], logits_to_keep, self._live_B)
            for some in (slice(start, start + size) for start in range(0, rows, size))
        ]
        logps_BT, entropies_BT = (torch.cat(parts) for parts in zip(*pieces, strict=True))
        if self._live_B is not None:
            if self._known_logps_BT is not None:
                logps_BT = torch.where(self._live_B[:, None], logps_BT, self._known_logps_BT)
            # The logged mean entropy is then that of the completions that were looked at.
            live_BT = (attention_mask[:, -logits_to_keep:] * self._live_B[:, None]).bool()
            mean = entropies_BT[live_BT].mean() if live_BT.any() else entropies_BT.new_tensor(torch.nan)
            entropies_BT = torch.where(self._live_B[:, None], entropies_BT, mean)
        return logps_BT, entropies_BT if compute_entropy else None, None

    def _tree_logps(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, width: int, live_B: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Pack the live rows by prompt, forward the tree, and put the results back where the rows were."""
        groups: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
        live = [True] * len(input_ids) if live_B is None else live_B.tolist()
        lengths = attention_mask[:, -width:].sum(1).tolist()
        prompt_lengths = attention_mask[:, :-width].sum(1).tolist()
        for row, ids in enumerate(input_ids.tolist()):
            if live[row] and lengths[row]:
                end = len(ids) - width
                prompt = tuple(ids[end - prompt_lengths[row] : end])
                groups.setdefault(prompt, []).append((row, ids[end : end + lengths[row]]))
        blank = torch.zeros(len(input_ids), width, device=input_ids.device)
        if not groups:
            return blank + _nothing(model), blank
        tree = pack(list(groups), [[ids for _, ids in group] for group in groups.values()], input_ids.device)
        with self.accelerator.autocast():
            logps_S, entropies_S = model(tree=tree, temperature=self.temperature)
        order = [row for group in groups.values() for row, _ in group]
        at = torch.tensor([row * width + column for row in order for column in range(lengths[row])])
        at = at.to(input_ids.device)

        def back(one_S: Tensor) -> Tensor:
            return blank.flatten().index_put((at,), one_S.float()).view_as(blank)

        return back(logps_S), back(entropies_S)


def _nothing(model: Any) -> Tensor:
    """A zero that every trainable weight gets a zero gradient from, as it would from stock."""
    parts = [weight.flatten()[0] * 0 for weight in model.parameters() if weight.requires_grad]
    return torch.stack(parts).sum() if parts else torch.zeros(())
