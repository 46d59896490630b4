from __future__ import annotations

from pathlib import Path

import torch

from modsmith.training.base import load_model
from modsmith.training.precision import use_bf16_linears


def test_linears_are_bf16_and_the_rest_stays_fp32(tiny_model_folder: Path) -> None:
    reference = load_model(str(tiny_model_folder), "fp32").model
    mixed = load_model(str(tiny_model_folder), "fp32").model
    assert use_bf16_linears(mixed) == 2 * 7
    kinds = {name: weight.dtype for name, weight in mixed.named_parameters()}
    assert kinds["model.layers.0.mlp.up_proj.weight"] == torch.bfloat16
    assert kinds["model.embed_tokens.weight"] == kinds["model.layers.0.input_layernorm.weight"] == torch.float32
    ids = torch.arange(5, 45).view(2, 20)
    with torch.no_grad():
        logits, exact = mixed(input_ids=ids).logits, reference(input_ids=ids).logits
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, exact, atol=0.02, rtol=0.05)
    assert not torch.equal(logits, exact)
