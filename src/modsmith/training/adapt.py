"""Making a loaded model trainable: fresh or continued LoRA adapters, or every weight."""

from __future__ import annotations

from dataclasses import replace

import torch

from modsmith.prompt import Wording
from modsmith.training.base import LoadedModel, load_model, pick_dtype, trained_wording
from modsmith.training.lora import speed_up_lora
from modsmith.training.settings import RunSettings


def wording_of(settings: RunSettings) -> Wording:
    """The wording a run trains with: the one asked for, else its base's."""
    return settings.wording or trained_wording(settings.base)


def prepare_for_training(settings: RunSettings) -> tuple[LoadedModel, bool]:
    """Load `settings.base` for training, to be asked in the wording of the run. Returns the model and whether to train
    under bf16 autocast.

    An adapter given as the base is trained further. With `lora_rank` 0 all weights are trained, kept in fp32.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    dtype = pick_dtype(settings.precision)
    full = settings.lora_rank == 0
    loaded = load_model(settings.base, "fp32" if full else settings.precision, merge=full)
    loaded = replace(loaded, wording=wording_of(settings))
    model = loaded.model
    if full:
        model.requires_grad_(True)  # a merged adapter leaves the weights under it frozen
        return replace(loaded, model=model.train()), dtype is torch.bfloat16
    if not isinstance(model, PeftModel):
        config = LoraConfig(
            r=settings.lora_rank, lora_alpha=settings.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        model = get_peft_model(model, config)
        model.peft_config["default"].base_model_name_or_path = settings.base
    speed_up_lora(model)
    return replace(loaded, model=model.train()), False
