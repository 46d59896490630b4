"""Teaching a Hugging Face causal model to take a tree, inside its own forward.

The tree travels as a keyword through the model to the attention of each layer, so everything around a forward keeps
working: adapters, autocast, gradient checkpointing, `DistributedDataParallel`. Without that keyword nothing changes.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from torch import Tensor, nn

from modsmith.training.shared_prefix.attention import NAME
from modsmith.training.shared_prefix.head import TokenLogProbs
from modsmith.training.shared_prefix.tree import PromptTree

SUPPORTED = ("llama", "mistral", "qwen2", "qwen3", "smollm3")
"""Model types whose layers are attention over all earlier tokens, rotary positions and a plain linear head."""


def base_of(model: Any) -> Any:
    """The causal language model inside PEFT's and the launchers' wrappers."""
    while hasattr(model, "module"):
        model = model.module
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def why_unsupported(model: Any) -> str | None:
    """Why a shared prefix would not be exact with this model; None when it is."""
    base = base_of(model)
    config = base.config
    if config.model_type not in SUPPORTED:
        return f"model type {config.model_type} is not one of {', '.join(SUPPORTED)}"
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = config.model_type == "mistral" and getattr(config, "sliding_window", None)
    if kinds != {"full_attention"} or windowed:
        return "it attends over a sliding window or by other than full attention"
    if getattr(config, "_attn_implementation", None) not in ("sdpa", "eager", NAME):
        return f"its attention implementation is {config._attn_implementation}"
    if type(base.get_output_embeddings()) is not nn.Linear:
        return "its output head is no plain linear layer"
    if any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules()) or config.attention_dropout:
        return "dropout is on, and copies of a prompt would drop different values"
    peft = getattr(model, "peft_config", {})
    if any(one.is_prompt_learning for one in peft.values()):
        return "prompt-learning adapters put tokens of their own before each sequence"
    return None


def teach_trees(model: Any) -> None:
    """Let the causal model inside `model` take `tree=` (see `forward` below). Call once, before it is wrapped."""
    base = base_of(model)
    plain = base.forward

    # The signature stays the model's own: `generate` checks its arguments against it.
    @functools.wraps(type(base).forward)
    def forward(
        self: Any,
        *args: Any,
        tree: Any = None,
        temperature: float | None = None,
        wanted_S: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """With a `PromptTree` and a temperature: log-probabilities and entropies (S,) of its scored tokens. With a
        tree and no temperature: logits (X, V), fp32, for the `wanted_S` among its scored tokens, else at each prompt's
        end or for each token being decoded."""
        if tree is None:
            return plain(*args, **kwargs)
        ids_N = tree.ids_N
        hidden_NE = self.base_model(
            input_ids=ids_N[None],
            position_ids=tree.positions_N[None],
            attention_mask=ids_N.new_zeros(1, 1, 1, 1),  # four dimensions: taken as given, so no mask is built
            use_cache=False,
            tree=tree,
        ).last_hidden_state[0]
        head = self.get_output_embeddings()
        if temperature is None:
            if wanted_S is not None:
                wanted = hidden_NE[tree.predictor_S[wanted_S]]
            else:
                wanted = hidden_NE[tree.last_P] if isinstance(tree, PromptTree) else hidden_NE
            return head(wanted.to(head.weight.dtype)).float()
        hidden_SE = hidden_NE[tree.predictor_S]
        rough = _rough_copy(self, head.weight)
        with torch.autocast(hidden_SE.device.type, enabled=False):
            return TokenLogProbs.apply(hidden_SE, head.weight, head.bias, tree.targets_S, temperature, rough)

    base.forward = types.MethodType(forward, base)
    base.set_attn_implementation(NAME)


def _rough_copy(base: Any, weight: Tensor) -> Tensor | None:
    """The head in bf16, kept from step to step, when the layers below run in bf16 and the head is frozen."""
    below = torch.is_autocast_enabled(weight.device.type) or base.base_model.layers[0].mlp.down_proj.weight.dtype
    if weight.dtype == torch.bfloat16 or weight.requires_grad or below in (torch.float32, False):
        return None
    state = (weight.data_ptr(), weight._version)
    kept_state, kept = getattr(base, "_modsmith_rough_head", (None, None))
    if kept_state != state:
        kept = weight.detach().to(torch.bfloat16)
        object.__setattr__(base, "_modsmith_rough_head", (state, kept))
    return kept
