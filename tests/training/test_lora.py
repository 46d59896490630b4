"""The faster LoRA layer computes what PEFT's own computes, forwards and backwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from modsmith.training.base import load_model
from modsmith.training.lora import speed_up_lora


def _adapted(folder: Path, **options: object) -> torch.nn.Module:
    torch.manual_seed(1)
    model = load_model(str(folder), "fp32").model
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", **options))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return adapted


def _loss_and_grads(model: torch.nn.Module) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    ids = torch.arange(5, 65).view(2, 30)
    output = model(input_ids=ids, labels=ids)
    output.loss.backward()
    return output.logits, {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def test_equals_peft(tiny_model_folder: Path) -> None:
    reference = _adapted(tiny_model_folder)
    fast = _adapted(tiny_model_folder)
    assert speed_up_lora(fast) == 2 * 7
    logits, grads = _loss_and_grads(reference)
    fast_logits, fast_grads = _loss_and_grads(fast)
    torch.testing.assert_close(fast_logits, logits, atol=1e-6, rtol=1e-5)
    assert fast_grads.keys() == grads.keys() and len(grads) == 2 * 7 * 2
    for name, grad in grads.items():
        torch.testing.assert_close(fast_grads[name], grad, atol=1e-7, rtol=1e-4, msg=name)


def test_disabled_adapters_are_still_disabled(tiny_model_folder: Path) -> None:
    model = _adapted(tiny_model_folder)
    ids = torch.arange(5, 25).view(1, 20)
    with torch.no_grad():
        speed_up_lora(model)
        adapted = model(input_ids=ids).logits
        with model.disable_adapter():
            plain = model(input_ids=ids).logits
        base = load_model(str(tiny_model_folder), "fp32").model(input_ids=ids).logits
    torch.testing.assert_close(plain, base)
    assert not torch.allclose(adapted, plain, atol=1e-4)


@pytest.mark.parametrize("option", [{"lora_dropout": 0.1}, {"use_dora": True}])
def test_layers_it_cannot_compute_keep_pefts_forward(tiny_model_folder: Path, option: dict[str, object]) -> None:
    assert speed_up_lora(_adapted(tiny_model_folder, **option)) == 0
