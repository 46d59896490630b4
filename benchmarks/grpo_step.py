"""One GRPO step, stock TRL against ours, in one process and on the same work.

    python benchmarks/grpo_step.py --cases bar --json

Both train the same listings (marketplace policy, mean prompt length as asked for) with LoRA r=16 on the embedded model,
in bf16 (`--precision fp32` where the processor knows no bf16), and completions of exactly the asked length (the end of
turn is suppressed until then). Stock is TRL's trainer with the model in that precision and PEFT as they come; ours is
what `modsmith train grpo` runs. A step is rollout, rewards, log-probabilities and backward. Ours is warmed up by one
step, stock by a small one.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from modsmith.listing import Listing
from modsmith.policy import load_policy
from modsmith.prompt import build_messages
from modsmith.training.adapt import prepare_for_training
from modsmith.training.base import EMBEDDED, Precision, embedded_base
from modsmith.training.settings import GrpoSettings
from modsmith.training.shared_prefix.trainer import SharedPrefixGRPOTrainer
from modsmith.training.shared_prefix.tree import pack

FILLER = (
    "Complete course on portrait lighting with forty raw files, presets for two editors, a checklist and a plan for "
    "the first ten sessions. Instant download, lifetime updates, works on any computer."
)


@dataclass(frozen=True, slots=True)
class Case:
    """Work of one step."""

    prompts: int
    group: int
    prompt_tokens: int
    completion_tokens: int
    common: bool = True
    """Do the prompts begin with the same policy? Otherwise they share nothing."""

    @property
    def name(self) -> str:
        name = f"{self.prompts}x{self.group}x({self.prompt_tokens}+{self.completion_tokens})"
        return name if self.common else f"{name}, nothing in common"


BAR = Case(4, 8, 278, 48)
LONG = Case(2, 16, 800, 60)
CASES = {
    "bar": [BAR],
    "long": [LONG],
    "default": [BAR, LONG, Case(4, 4, 278, 48), Case(2, 16, 278, 48), Case(2, 8, 278, 144), Case(4, 8, 278, 48, False)],
    "smoke": [Case(2, 4, 240, 8)],
    "gpu": [Case(4, 16, 1024, 64)],
}


def prompts_of(case: Case, tokenizer: Any) -> list[list[dict[str, str]]]:
    """Chat prompts of `case.prompt_tokens` tokens each (or one or two fewer): as many categories of the marketplace
    policy as fill at most three quarters, and a listing of filler. Without `common`, the listing comes first."""

    def tokens(messages: list[dict[str, str]]) -> int:
        return len(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"])

    def messages(index: int, categories: int, count: int) -> list[dict[str, str]]:
        some = policy.model_copy(update={"categories": policy.categories[:categories]})
        text = " ".join(words[(index * 7 + place) % len(words)] for place in range(count))
        built = build_messages(some, Listing(id=f"b{index}", title=f"Item {index}", description=text), "direct")
        if case.common:
            return built
        return [{"role": "user", "content": f"{index} " + "\n".join(one["content"] for one in reversed(built))}]

    policy, words = load_policy("marketplace"), FILLER.split()
    fitting = [number for number in range(1, len(policy.categories) + 1)
               if tokens(messages(0, number, 1)) <= 0.75 * case.prompt_tokens]  # fmt: skip
    prompts = []
    for index in range(case.prompts):
        low, high = 1, case.prompt_tokens  # the longest text that fits
        while low < high:
            middle = (low + high + 1) // 2
            fits = tokens(messages(index, max(fitting), middle)) <= case.prompt_tokens
            low, high = (middle, high) if fits else (low, middle - 1)
        prompts.append(messages(index, max(fitting), low))
    return prompts


class Clock:
    """Seconds by phase, taken around the methods that both trainers have."""

    def __init__(self, trainer: GRPOTrainer) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.trainer = trainer
        self.wrap("rollout", "_generate_single_turn")
        self.wrap("log-probabilities", "_get_per_token_logps_and_entropies")
        self.wrap("rollout and rewards", "_prepare_inputs")
        self.wrap("loss", "compute_loss")
        self.wrap("step", "training_step")
        self.lengths: list[int] = []

    def wrap(self, phase: str, method: str) -> None:
        inner = getattr(self.trainer, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start, cpu = now(), time.process_time()
            result = inner(*args, **kwargs)
            self.seconds[phase] = self.seconds.get(phase, 0.0) + now() - start
            self.cpu[phase] = self.cpu.get(phase, 0.0) + time.process_time() - cpu
            if phase == "rollout":
                self.lengths = [len(ids) for ids in result[0]]
                self.prompts = [tuple(ids) for ids in args[0]]
            return result

        setattr(self.trainer, method, timed)

    def report(self, steps: int) -> dict[str, float]:
        taken = {phase: seconds / steps for phase, seconds in self.seconds.items()}
        backward = taken["step"] - taken["rollout and rewards"] - taken["loss"]
        return {
            "seconds": round(taken["step"], 3),
            "cpu_seconds": round(self.cpu["step"] / steps, 3),
            "rollout_seconds": round(taken["rollout"], 3),
            "logprobs_seconds": round(taken["log-probabilities"], 3),
            "backward_seconds": round(backward, 3),
        }


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def reward(completions: list[Any], **columns: Any) -> list[float]:
    """Alternates, so that no advantage is 0 and nothing can be left out."""
    return [float(index % 2) + 0.01 * index for index in range(len(completions))]


def rows_at_a_time(kind: str, case: Case) -> int:
    """Completions in a forward and backward. Ours takes all; stock, whose copies would fill 20 GB and more, as many as
    come to 3,000 tokens, a size at which its speed no longer grows."""
    rows = case.prompts * case.group
    fitting = max(1, 3000 // (case.prompt_tokens + case.completion_tokens))
    return rows if kind == "ours" else max(size for size in range(1, fitting + 1) if rows % size == 0)


def config(kind: str, case: Case, folder: str, steps: int, bf16: bool) -> GRPOConfig:
    at_a_time = rows_at_a_time(kind, case)
    return GRPOConfig(
        output_dir=folder, max_steps=steps, per_device_train_batch_size=at_a_time,
        gradient_accumulation_steps=case.prompts * case.group // at_a_time,
        num_generations=case.group, max_completion_length=case.completion_tokens, temperature=1.0, scale_rewards="none",
        beta=0.0, learning_rate=1e-5, save_strategy="no", logging_steps=1, report_to=[], disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(), bf16=bf16, gradient_checkpointing=False, remove_unused_columns=False,
        dataloader_pin_memory=False, shuffle_dataset=False,
        generation_kwargs={"min_new_tokens": case.completion_tokens},
    )  # fmt: skip


def run(kind: str, case: Case, folder: str, steps: int, base: str | None, precision: Precision) -> dict[str, Any]:
    """Train `steps` steps and report the mean step. `base` is a model folder; by default the embedded model."""
    torch.manual_seed(0)
    if kind == "stock":
        tokenizer = AutoTokenizer.from_pretrained(base or embedded_base())
        cast = precision == "bf16"
        dtype = torch.bfloat16 if cast else torch.float32
        model = AutoModelForCausalLM.from_pretrained(base or embedded_base(), dtype=dtype)
        lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        maker, extra = GRPOTrainer, {"peft_config": lora}
    else:
        loaded, cast = prepare_for_training(GrpoSettings(base=base or EMBEDDED, lora_rank=16, precision=precision))
        model, tokenizer, maker, extra = loaded.model, loaded.tokenizer, SharedPrefixGRPOTrainer, {}
    prompts = prompts_of(case, tokenizer)
    data = Dataset.from_list([{"prompt": prompt} for prompt in prompts] * (steps + 1))
    trainer = maker(
        model=model, reward_funcs=[reward], args=config(kind, case, folder, steps, cast), train_dataset=data,
        processing_class=tokenizer, **extra,
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    clock = Clock(trainer)
    reset_peak()
    trainer.train()
    result = {**clock.report(steps), **tokens_of(kind, clock), "peak_memory_mb": peak_mb()}
    del trainer, model
    gc.collect()
    return result


def tokens_of(kind: str, clock: Clock) -> dict[str, int]:
    """Tokens that go through the layers in each phase."""
    prompts, lengths = clock.prompts, clock.lengths
    if kind == "stock":
        whole = (max(map(len, prompts)) + max(lengths)) * len(prompts)
        return {"rollout_tokens": whole - len(prompts), "logprobs_tokens": whole, "backward_tokens": whole}
    tree = pack(list(dict.fromkeys(prompts)), [[] for _ in set(prompts)], torch.device("cpu"))
    whole = tree.size + sum(lengths) - len(lengths)
    return {"rollout_tokens": whole, "logprobs_tokens": whole, "backward_tokens": whole}


def reset_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass


def peak_mb() -> int:
    """Of the GPU where there is one; else of this process since `reset_peak`."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() >> 20
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def ratio(stock: float, ours: float) -> float | None:
    """How many times as much stock takes; `None` where ours took nothing that could be measured."""
    return round(stock / ours, 2) if ours > 0 else None


def measure(case: Case, only: str, steps: int, base: str | None, precision: Precision) -> dict[str, Any]:
    found: dict[str, Any] = {
        "case": case.name,
        "precision": precision,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    with tempfile.TemporaryDirectory() as folder:
        if only != "stock":
            run("ours", case, folder, 1, base, precision)
            found["ours"] = run("ours", case, folder, steps, base, precision)
        if only != "ours":
            run("stock", Case(1, 2, case.prompt_tokens, 2), folder, 1, base, precision)
            found["stock"] = run("stock", case, folder, steps, base, precision)
    if only == "both":
        found["speedup"] = round(found["stock"]["seconds"] / found["ours"]["seconds"], 2)
        found["ratio"] = {key: ratio(value, found["ours"][key]) for key, value in found["stock"].items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="default", choices=sorted(CASES))
    parser.add_argument("--only", default="both", choices=["both", "ours", "stock"])
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    parser.add_argument("--steps", type=int, default=1, help="steps to average over")
    parser.add_argument("--model", help="a model folder in place of the embedded model")
    parser.add_argument("--precision", default="bf16", choices=["bf16", "fp32"], help="fp32 where no core knows bf16")
    args = parser.parse_args()
    results = []
    for case in CASES[args.cases]:
        result = measure(case, args.only, args.steps, args.model, args.precision)
        print(result, file=sys.stderr)
        results.append(result)
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print("| case | speed-up | seconds | rollout | log-probabilities | backward | tokens | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for one in results:
        pair = [one.get("stock"), one.get("ours")]

        def both(key: str, pair: list[Any] = pair) -> str:
            return " → ".join(str(side[key]) for side in pair if side)

        print(
            f"| {one['case']} | {one.get('speedup', '')} | {both('seconds')} | "
            f"{both('rollout_seconds')} | {both('logprobs_seconds')} | {both('backward_seconds')} | "
            f"{both('backward_tokens')} | {both('peak_memory_mb')} |"
        )


if __name__ == "__main__":
    main()
