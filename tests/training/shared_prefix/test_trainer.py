"""Against stock TRL: the same model, the same completions, the same rewards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from modsmith.training.shared_prefix.trainer import SharedPrefixGRPOTrainer

PROMPTS = ["Policy: no weapons. Listing: a fern.", "Policy: no weapons. Listing: a set of brass knuckles, new."]
GROUP = 4
LENGTHS = [5, 1, 3, 8, 2, 8, 4, 6]
REWARDS = [1.0, 0.0, 0.25, 0.5, -1.0, 2.0, 0.5, 0.0]


class Gradients(TrainerCallback):
    """What the optimiser is about to see at its first step."""

    def __init__(self) -> None:
        self.seen: dict[str, Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if not self.seen:
            self.seen = {
                name: weight.grad.detach().clone()
                for name, weight in model.named_parameters()
                if weight.grad is not None
            }


class Forge:
    """Builds either trainer on the same weights and plays the same completions to it."""

    def __init__(self, folder: Path, tmp_path: Path, build: Callable[..., Any]) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.tmp_path = tmp_path
        self.build = build
        self.gradients = Gradients()

    def trainer(
        self, which: type[GRPOTrainer], kind: str = "llama", lora: bool = False, rewards: list[float] = REWARDS,
        scripted: bool = True, model: Any = None, steps: int = 1, **changes: Any,
    ) -> Any:  # fmt: skip
        model = model or self.build(kind, vocab_size=len(self.tokenizer))
        if lora:
            torch.manual_seed(2)
            model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    weight.data.normal_(std=0.1)
        settings: dict[str, Any] = dict(
            per_device_train_batch_size=len(PROMPTS) * GROUP, num_generations=GROUP, max_completion_length=8,
            max_steps=steps, learning_rate=0.01, optim="sgd", max_grad_norm=0.0, scale_rewards="none", beta=0.0,
            save_strategy="no", logging_steps=1, report_to=[], disable_tqdm=True, use_cpu=True, bf16=False,
            gradient_checkpointing=False, shuffle_dataset=False, remove_unused_columns=False,
        )  # fmt: skip
        settings.update(changes)
        rows = [{"prompt": prompt} for prompt in PROMPTS] * steps
        self.gradients = Gradients()
        trainer = which(
            model=model,
            reward_funcs=[lambda completions, **columns: rewards[: len(completions)]],
            args=GRPOConfig(output_dir=str(self.tmp_path / "run"), **settings),
            train_dataset=Dataset.from_list(rows),
            processing_class=self.tokenizer,
            callbacks=[self.gradients],
        )
        if scripted:
            drawn = torch.Generator().manual_seed(3)
            completions = [torch.randint(5, 40_000, (size,), generator=drawn).tolist() for size in LENGTHS]
            trainer._generate_single_turn = lambda *args, **kwargs: (completions, None)
        return trainer

    def step(self, which: type[GRPOTrainer], **changes: Any) -> tuple[dict[str, Tensor], dict[str, Any], Any]:
        """Gradients of the first optimiser step, its log, and the trainer."""
        trainer = self.trainer(which, **changes)
        trainer.train()
        return self.gradients.seen, trainer.state.log_history[0], trainer


@pytest.fixture
def forge(tiny_model_folder: Path, tmp_path: Path, build: Callable[..., Any]) -> Forge:
    return Forge(tiny_model_folder, tmp_path, build)


def assert_same_gradients(ours: dict[str, Tensor], stock: dict[str, Tensor], relative: float = 1e-4) -> None:
    assert ours.keys() == stock.keys() and stock
    assert max(float(one.norm()) for one in stock.values()) > 1e-3, "gradients that are all 0 show nothing"
    for name, theirs in stock.items():
        assert float((ours[name] - theirs).norm()) <= relative * float(theirs.norm()) + 1e-7, name


def batch(trainer: Any) -> tuple[Tensor, Tensor, int]:
    """Left-padded prompts and right-padded completions, as TRL hands them over."""
    inputs = trainer._generate_and_score_completions([{"prompt": one} for one in PROMPTS for _ in range(GROUP)])
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    assert mask[0, 0] == 0 and mask[-1, 0] == 1, "prompts differ in length"
    return ids, mask, inputs["completion_ids"].shape[1]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "mistral", "smollm3"])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.8])
def test_log_probabilities_equal_stock(forge: Forge, kind: str, lora: bool, temperature: float) -> None:
    found = []
    for which in (GRPOTrainer, SharedPrefixGRPOTrainer):
        trainer = forge.trainer(which, kind=kind, lora=lora, temperature=temperature)
        ids, mask, width = batch(trainer)
        with torch.no_grad():
            found.append(
                trainer._get_per_token_logps_and_entropies(
                    trainer.model, ids, mask, width, batch_size=3, compute_entropy=True
                )
            )
    (stock, stock_entropy, _), (ours, our_entropy, _) = found
    assert trainer.shares_prompts and stock.abs().max() > 1
    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=0)
    torch.testing.assert_close(our_entropy, stock_entropy, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("loss_type", ["dapo", "dr_grpo", "grpo"])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_equal_stock(forge: Forge, loss_type: str, lora: bool, checkpointing: bool) -> None:
    changes: dict[str, Any] = dict(loss_type=loss_type, lora=lora, gradient_checkpointing=checkpointing)
    stock, stock_log, _ = forge.step(GRPOTrainer, **changes)
    ours, our_log, trainer = forge.step(SharedPrefixGRPOTrainer, **changes)
    assert trainer.shares_prompts
    assert_same_gradients(ours, stock)
    assert our_log.keys() == stock_log.keys()
    for name in ("loss", "entropy", "grad_norm", "reward", "completions/mean_length"):
        assert our_log[name] == pytest.approx(stock_log[name], rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_gradients_of_qwen_equal_stock(forge: Forge, kind: str) -> None:
    stock, _, _ = forge.step(GRPOTrainer, kind=kind)
    ours, _, _ = forge.step(SharedPrefixGRPOTrainer, kind=kind)
    assert_same_gradients(ours, stock)


@pytest.mark.parametrize("loss_type", ["dapo", "dr_grpo", "grpo"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_micro_batches_equal_stock(forge: Forge, loss_type: str, size: int) -> None:
    """Groups whole, split, and one completion at a time."""
    changes: dict[str, Any] = dict(
        loss_type=loss_type, per_device_train_batch_size=size, gradient_accumulation_steps=8 // size
    )
    stock, _, _ = forge.step(GRPOTrainer, **changes)
    ours, _, _ = forge.step(SharedPrefixGRPOTrainer, **changes)
    assert_same_gradients(ours, stock)


@pytest.mark.parametrize("loss_type", ["dapo", "dr_grpo", "grpo"])
@pytest.mark.parametrize("rewards", [[0.7] * 4 + REWARDS[4:], [1.0, 0.0, 0.5, 0.5, *REWARDS[4:]]])
def test_completions_without_advantage_cost_nothing_and_change_nothing(
    forge: Forge, loss_type: str, rewards: list[float]
) -> None:
    """A group of equal rewards, and two completions that earn exactly their group's mean."""
    stock, stock_log, _ = forge.step(GRPOTrainer, loss_type=loss_type, rewards=rewards)
    trainer = forge.trainer(SharedPrefixGRPOTrainer, loss_type=loss_type, rewards=rewards)
    scored: list[int] = []
    forward = trainer.model.forward

    def counting(*args: Any, **kwargs: Any) -> Any:
        scored.append(len(kwargs["tree"].targets_S))
        return forward(*args, **kwargs)

    trainer.model.forward = counting
    trainer.train()
    left = LENGTHS[4:] if rewards[0] == 0.7 else LENGTHS[:2] + LENGTHS[4:]
    assert scored == [sum(left)]
    assert_same_gradients(forge.gradients.seen, stock)
    assert trainer.state.log_history[0]["loss"] == pytest.approx(stock_log["loss"], rel=1e-4, abs=1e-6)


def test_a_step_without_any_advantage_leaves_the_weights(forge: Forge) -> None:
    ours, log, trainer = forge.step(SharedPrefixGRPOTrainer, rewards=[0.7] * 8)
    assert log["loss"] == 0 and log["frac_reward_zero_std"] == 1 and log["entropy"] is None
    stock, _, _ = forge.step(GRPOTrainer, rewards=[0.5] * 8)
    assert ours.keys() == stock.keys() and all(not one.any() for one in ours.values())


def test_several_updates_on_one_rollout_equal_stock(forge: Forge) -> None:
    """Old log-probabilities are then their own pass, ratios leave 1, and clipping begins."""
    changes: dict[str, Any] = dict(
        num_iterations=3, steps=3, learning_rate=0.3, rewards=[0.7] * 4 + REWARDS[4:], steps_per_generation=1
    )
    weights, clipped = [], []
    for which in (GRPOTrainer, SharedPrefixGRPOTrainer):
        _, _, trainer = forge.step(which, **changes)
        weights.append({name: one.detach().clone() for name, one in trainer.model.named_parameters()})
        clipped.append([row["clip_ratio/region_mean"] for row in trainer.state.log_history if "loss" in row])
    for name, theirs in weights[0].items():
        torch.testing.assert_close(weights[1][name], theirs, atol=1e-4, rtol=1e-3)
    assert clipped[0][-1] > 0 and clipped[1] == pytest.approx(clipped[0], abs=1e-6)


def test_the_penalty_towards_the_start_model_equals_stock(forge: Forge) -> None:
    """With beta, a completion without advantage still counts."""
    changes: dict[str, Any] = dict(beta=0.5, lora=True, steps=2, learning_rate=0.3, rewards=[0.7] * 4 + REWARDS[4:])
    weights, penalties = [], []
    for which in (GRPOTrainer, SharedPrefixGRPOTrainer):
        _, _, trainer = forge.step(which, **changes)
        penalties.append(trainer.state.log_history[1]["kl"])
        weights.append({name: one.detach().clone() for name, one in trainer.model.named_parameters()})
    assert penalties[1] == pytest.approx(penalties[0], rel=1e-3) and penalties[0] > 1e-3
    for name, theirs in weights[0].items():
        torch.testing.assert_close(weights[1][name], theirs, atol=1e-5, rtol=1e-3)


def test_bf16_autocast_stays_near_fp32(forge: Forge) -> None:
    """As near as stock's own bf16."""
    exact, _, _ = forge.step(GRPOTrainer)
    stock, _, _ = forge.step(GRPOTrainer, bf16=True)
    ours, _, _ = forge.step(SharedPrefixGRPOTrainer, bf16=True)

    def error(found: dict[str, Tensor]) -> float:
        pairs = [(found[name].float(), one) for name, one in exact.items()]
        return (
            float(sum((mine - one).square().sum() for mine, one in pairs) / sum(one.square().sum() for _, one in pairs))
            ** 0.5
        )

    assert error(ours) < max(0.02, 1.2 * error(stock))


def test_the_rollout_equals_stock_where_chance_has_no_say(forge: Forge) -> None:
    """With top_k=1 sampling is greedy; the repetition penalty needs the prompt, min_new_tokens its length."""
    texts = []
    for which in (GRPOTrainer, SharedPrefixGRPOTrainer):
        trainer = forge.trainer(
            which, scripted=False, top_k=1, repetition_penalty=1.3, temperature=0.7,
            generation_kwargs={"min_new_tokens": 4},
        )  # fmt: skip
        prompt_ids, _, _ = trainer._tokenize_prompts([one for one in PROMPTS for _ in range(GROUP)])
        texts.append(trainer._generate_single_turn(prompt_ids, None, {}, GROUP)[0])
    assert texts[0] == texts[1] and len(texts[0]) == 8 and texts[0][0] != texts[0][-1]


def test_rollouts_of_another_engine_stay_its_own(forge: Forge) -> None:
    """vLLM writes, we take log-probabilities."""
    trainer = forge.trainer(SharedPrefixGRPOTrainer, scripted=False)
    trainer.use_vllm, trainer._last_loaded_step = True, 0

    class Engine:
        def generate(self, prompts: Any, **kwargs: Any) -> Any:
            return prompts, [[7, 8]] * len(prompts), [[[-1.0], [-2.0]]] * len(prompts), None

    trainer.vllm_generation = Engine()
    completions, logprobs = trainer._generate_single_turn([[1, 2], [1, 2]], None, {}, 2)
    assert completions == [[7, 8]] * 2 and logprobs == [[-1.0, -2.0]] * 2


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [
        ("qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}, "sliding window"),
        ("llama", {"attention_dropout": 0.1}, "dropout"),
    ],
)
def test_what_cannot_be_shared_exactly_is_stock(
    forge: Forge, kind: str, changes: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    def model() -> Any:
        return forge.build(kind, vocab_size=len(forge.tokenizer), **changes).eval()

    with caplog.at_level(logging.WARNING, logger="modsmith"):
        trainer = forge.trainer(SharedPrefixGRPOTrainer, model=model())
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("modsmith")]
    assert len(lines) == 1 and why in lines[0] and not trainer.shares_prompts
    stock = forge.trainer(GRPOTrainer, model=model())
    ids, mask, width = batch(stock)
    for one in (stock, trainer):
        one.model.eval()
    with torch.no_grad():
        expected, found = (
            one._get_per_token_logps_and_entropies(one.model, ids, mask, width)[0] for one in (stock, trainer)
        )
    assert torch.equal(expected, found)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(forge: Forge, tmp_path: Path) -> None:
    changes: dict[str, Any] = dict(scripted=False, steps=4, save_strategy="steps", save_steps=2, optim="adamw_torch")
    _, _, whole = forge.step(SharedPrefixGRPOTrainer, **changes)
    expected = {name: one.detach().clone() for name, one in whole.model.named_parameters()}
    again = forge.trainer(SharedPrefixGRPOTrainer, **changes)
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-2"))
    for name, one in again.model.named_parameters():
        assert torch.equal(one, expected[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_embedded_model_equals_stock(forge: Forge, checkpointing: bool) -> None:
    from modsmith.training.base import EMBEDDED, load_model

    changes: dict[str, Any] = dict(lora=True, gradient_checkpointing=checkpointing)
    stock, _, _ = forge.step(GRPOTrainer, model=load_model(EMBEDDED, "fp32").model, **changes)
    ours, _, _ = forge.step(SharedPrefixGRPOTrainer, model=load_model(EMBEDDED, "fp32").model, **changes)
    assert_same_gradients(ours, stock)


def test_dead_groups_are_refilled_from_the_pool(forge: Forge) -> None:
    """Listings about ferns teach nothing; the pool has one that does."""
    trainer = forge.trainer(SharedPrefixGRPOTrainer, scripted=False, steps=2)

    def reward(completions: list[str], prompts: list[str], **columns: Any) -> list[float]:
        return [float(index) if "fern" not in prompt else 0.7 for index, prompt in enumerate(prompts)]

    trainer.reward_funcs = [reward]
    trainer.refill_from([{"prompt": "Policy. A fern again."}, {"prompt": "Policy. A pistol."}], rounds=2)
    inputs = [{"prompt": prompt} for prompt in PROMPTS for _ in range(GROUP)]
    scored = trainer._generate_and_score_completions(inputs)
    assert scored["advantages"].view(2, GROUP).abs().sum(1).gt(0).all()
    texts = trainer.processing_class.batch_decode(scored["prompt_ids"], skip_special_tokens=True)
    assert [text for text in texts[::GROUP]] == ["Policy. A pistol.", PROMPTS[1]]
    assert int(scored["num_items_in_batch"]) == int(scored["completion_mask"].sum())
    assert trainer._metrics["train"]["groups/refilled"] == [1] and len(trainer._logs["completion"]) == 16
    trainer.train()  # and the loss takes such a batch
