"""How often does the start model decide a listing rightly? Counted over sampled completions, not estimated.

The drafted answer of `unsure.py` is one forward pass; it knows nothing of what a reasoning does to the verdict. Here
the model answers each listing n times as it will in training, and GRPO keeps those with 0 < pass rate < 1 (the
difficulty filter of DAPO, 2503.14476, done once and beforehand).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessorList, TemperatureLogitsWarper

from modsmith.corpus import Example
from modsmith.policy import Policy
from modsmith.prompt import Mode, parse_answer
from modsmith.training.base import LoadedModel
from modsmith.training.encode import PromptEncoder
from modsmith.training.shared_prefix.model import teach_trees, why_unsupported
from modsmith.training.shared_prefix.rollout import draw, sample


def pass_rates(
    loaded: LoadedModel,
    policy: Policy,
    examples: Sequence[Example],
    modes: Sequence[Mode],
    samples: int,
    max_tokens: int,
    temperature: float,
    cache: Path,
    progress: Callable[[int], None] | None = None,
    at_once: int = 4,
) -> np.ndarray:
    """Share of right decisions among `samples` completions of each example, (N,).

    `cache` is JSON lines, one a listing and mode, written as they come in: what is there is not sampled again.
    Completions that do not parse are wrong. `progress` is told how many listings are done since its last call.
    """
    known = _read(cache)
    wanted = [(example, mode) for example, mode in zip(examples, modes, strict=True)]
    missing = [(example, mode) for example, mode in wanted if (example.id, mode, samples) not in known]
    if progress:
        progress(len(wanted) - len(missing))
    encoder = PromptEncoder(loaded.tokenizer, policy, loaded.wording)
    model = loaded.model.eval()
    write = _sampler(model, loaded, encoder, max_tokens, temperature)
    missing.sort(key=lambda pair: len(pair[0].listing.text))
    for start in range(0, len(missing), at_once):
        batch = missing[start : start + at_once]
        prompts = [encoder.prompt_ids(example.listing, mode) for example, mode in batch for _ in range(samples)]
        texts = loaded.tokenizer.batch_decode(write(prompts), skip_special_tokens=True)
        with cache.open("a", encoding="utf-8") as file:
            for index, (example, mode) in enumerate(batch):
                mine = texts[index * samples : (index + 1) * samples]
                rate = float(np.mean([_right(text, example, mode, policy) for text in mine]))
                known[example.id, mode, samples] = rate
                file.write(json.dumps({"id": example.id, "mode": mode, "samples": samples, "right": rate}) + "\n")
        if progress:
            progress(len(batch))
    model.train()
    return np.array([known[example.id, mode, samples] for example, mode in wanted])


def _right(text: str, example: Example, mode: Mode, policy: Policy) -> bool:
    ratings = parse_answer(text, policy.category_ids, mode).ratings
    return ratings is not None and policy.is_disallowed(policy.decide(ratings)) == example.violates


def _sampler(
    model: torch.nn.Module, loaded: LoadedModel, encoder: PromptEncoder, max_tokens: int, temperature: float
) -> Callable[[list[list[int]]], list[list[int]]]:
    """Prompts -> completions: with shared prefixes where that is exact, else by the model's own `generate`."""
    pad = loaded.tokenizer.pad_token_id
    if why_unsupported(model) is None:
        teach_trees(model)
        warp = LogitsProcessorList([TemperatureLogitsWarper(temperature)])

        def pick(ids: Tensor, logits: Tensor) -> Tensor:
            return draw(warp(ids, logits))

        return lambda prompts: sample(model, prompts, [encoder.end_id], max_tokens, pick, pad)

    @torch.no_grad()
    def generate(prompts: list[list[int]]) -> list[list[int]]:
        longest, device = max(map(len, prompts)), next(model.parameters()).device
        ids_BL = torch.tensor([[pad] * (longest - len(one)) + one for one in prompts], device=device)
        mask_BL = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompts], device=device)
        whole = model.generate(  # type: ignore[operator]
            input_ids=ids_BL, attention_mask=mask_BL, do_sample=True, temperature=temperature, top_k=0, top_p=1.0,
            max_new_tokens=max_tokens, pad_token_id=pad, eos_token_id=encoder.end_id,
        )  # fmt: skip
        completions: list[list[int]] = whole[:, longest:].tolist()
        return completions

    return generate


def _read(cache: Path) -> dict[tuple[str, str, int], float]:
    """What is cached. A last line cut short by a kill is dropped; so is nothing else."""
    known: dict[tuple[str, str, int], float] = {}
    if not cache.exists():
        return known
    whole = cache.read_text("utf-8")
    lines = whole.split("\n")
    if lines[-1]:
        cache.write_text(whole[: whole.rfind("\n") + 1], encoding="utf-8")
    for line in lines[:-1]:
        row = json.loads(line)
        known[row["id"], row["mode"], row["samples"]] = row["right"]
    return known
