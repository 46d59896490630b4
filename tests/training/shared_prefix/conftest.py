"""Tiny random models whose attention looks about: larger weights than at initialisation make its scores differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

KINDS = {
    "llama": (LlamaConfig, LlamaForCausalLM, {"tie_word_embeddings": True}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {"tie_word_embeddings": False}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"tie_word_embeddings": True, "head_dim": 8}),
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": None, "head_dim": 8}),
    "smollm3": (SmolLM3Config, SmolLM3ForCausalLM, {"no_rope_layers": [1, 0]}),
}


def make_model(kind: str, vocab_size: int = 97, **changes: Any) -> Any:
    config_class, model_class, extra = KINDS[kind]
    torch.manual_seed(1)
    sizes: dict[str, Any] = dict(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    model = model_class(config_class(**{**sizes, **extra, **changes}))
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6)
        else:
            weight.data.add_(0.3 * torch.randn_like(weight))
    return model


@pytest.fixture(scope="session")
def build() -> Callable[..., Any]:
    return make_model
