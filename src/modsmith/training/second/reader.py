"""`SecondReader`: listings in, a logit for "breaks any rule" and one for each category out.

Every output k attends to the tokens by itself (attention pooling, after Ilse et al. 1802.04712):
logit_k = sum_t softmax_t(u_k h_t) (w_k h_t) + b_k. A mean over all tokens would let innocent text thin out a violation
beside it; attention looks where the violation is.

Shapes: B listings of a batch, N of all, T tokens, H hidden size, K = 1 + categories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modsmith.errors import UserError
from modsmith.files import write_json
from modsmith.training.base import SECOND_ABOUT, Precision, pick_dtype, second_folder
from modsmith.training.second.base import ENCODER, encoder_folder

MAX_TOKENS = 512
HEAD = "head.safetensors"


class SecondReader(nn.Module):
    """The encoder, adapted by LoRA or with the adapter folded in, and its head. `beside` names the language model that
    it reads beside."""

    def __init__(self, encoder: Any, tokenizer: Any, categories: Sequence[str], beside: str, bf16: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.categories = list(categories)
        self.beside = beside
        self.bf16 = bf16
        hidden, outputs = encoder.config.hidden_size, 1 + len(categories)
        self.attend = nn.Linear(hidden, outputs)
        self.say = nn.Linear(hidden, outputs)
        nn.init.zeros_(self.attend.weight)  # at first every token counts alike
        nn.init.zeros_(self.attend.bias)
        nn.init.normal_(self.say.weight, std=0.02)
        nn.init.constant_(self.say.bias, -2.0)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (B, K) of `input_ids` (B, T)."""
        with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self.bf16):
            hidden_BTH = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        hidden_BTH = hidden_BTH.float()
        looked_BTK = self.attend(hidden_BTH).masked_fill(attention_mask.unsqueeze(-1) == 0, -1e4).softmax(1)
        logits_BK: Tensor = (looked_BTK * self.say(hidden_BTH)).sum(1)
        return logits_BK

    def tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """The texts as a padded batch; what stands beyond `MAX_TOKENS` is cut off."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )  # fmt: skip
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, K) of one batch. Deterministic."""
        device = self.attend.weight.device
        with torch.inference_mode():
            batch = {name: value.to(device) for name, value in self.tokens(texts).items()}
            return np.asarray(self(**batch).float().cpu().numpy())

    def save_pretrained(self, folder: Path, state_dict: Mapping[str, Tensor] | None = None) -> None:
        """Save adapter (bf16) and head (fp32) into `folder`, without the encoder's own weights."""
        from safetensors.torch import save_file

        state = self.state_dict() if state_dict is None else state_dict
        adapter = {
            name.removeprefix("encoder."): value.bfloat16() for name, value in state.items() if ".lora_" in name
        }  # fmt: skip
        self.encoder.save_pretrained(folder, state_dict=adapter, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        head = {name: value.contiguous() for name, value in state.items() if name.startswith(("attend.", "say."))}
        save_file(head, folder / HEAD)
        about = {"encoder": ENCODER, "beside": self.beside, "categories": self.categories}
        write_json(folder / SECOND_ABOUT, about)


def new_reader(
    categories: Sequence[str], beside: str, rank: int, alpha: int, layers: int, precision: Precision = "auto"
) -> SecondReader:
    """An untrained one, with adapters on the linear maps of the topmost `layers`."""
    from peft import LoraConfig, get_peft_model

    encoder, tokenizer, bf16 = _load_encoder(precision)
    count = encoder.config.num_hidden_layers
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=["q", "k", "v", "o", "intermediate.dense", "output.dense"],
        layers_to_transform=list(range(max(0, count - layers), count)),
        layers_pattern="layer",
    )
    adapted: Any = get_peft_model(encoder, config)
    adapted.peft_config["default"].base_model_name_or_path = ENCODER
    return SecondReader(adapted, tokenizer, categories, beside, bf16)


def go_on_from(reader: SecondReader, name: str) -> None:
    """Give `reader` the adapters and head of the trained one `name`. Raises `UserError` where they do not fit."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = second_folder(name)
    if folder is None:
        raise UserError(f"start: {name} is no second reader; name a run of `modsmith train second`, or shipped")
    try:
        about = json.loads((folder / SECOND_ABOUT).read_text("utf-8"))
        if about["categories"] != reader.categories:
            raise UserError(f"start: {name} was trained for other categories than those of the policy; leave it out")
        adapter = load_file(folder / "adapter_model.safetensors")
        shapes = {
            key: value.shape
            for key, value in get_peft_model_state_dict(reader.encoder, save_embedding_layers=False).items()
        }
        if any(shapes.get(key) != value.shape for key, value in adapter.items()):
            raise UserError(
                f"start: the adapter of {name} has another rank or more layers; set lora_rank and lora_layers as there"
            )
        set_peft_model_state_dict(reader.encoder, adapter)
        reader.load_state_dict(load_file(folder / HEAD), strict=False)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise _damaged(folder, error) from error


def load_reader(folder: Path, precision: Precision = "auto") -> SecondReader:
    """The one saved in `folder`, ready to read. Raises `UserError` where it is damaged or its encoder is missing."""
    from peft import PeftModel
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        about = json.loads((folder / SECOND_ABOUT).read_text("utf-8"))
        encoder, tokenizer, _ = _load_encoder("fp32")  # folded in fp32: a small change would be lost in bf16
        merged: Any = PeftModel.from_pretrained(encoder, str(folder)).merge_and_unload()
        bf16 = pick_dtype(precision) is torch.bfloat16
        encoder = merged.bfloat16() if bf16 else merged
        reader = SecondReader(encoder, tokenizer, about["categories"], about["beside"], bf16)
        reader.load_state_dict(load_file(folder / HEAD), strict=False)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise _damaged(folder, error) from error
    if torch.cuda.is_available():
        reader = reader.to("cuda")
    return reader.eval().requires_grad_(False)


def _damaged(folder: Path, error: Exception) -> UserError:
    return UserError(f"second reader {folder} is damaged ({str(error).splitlines()[0]})")


def _load_encoder(precision: Precision) -> tuple[Any, Any, bool]:
    """The pretrained encoder, its tokenizer, and whether to compute in bf16."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    folder = encoder_folder()
    dtype = pick_dtype(precision)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # the pooler that it warns of is not used
    try:
        encoder = AutoModel.from_pretrained(folder, dtype=dtype, add_pooling_layer=False)
    finally:
        logging.set_verbosity(level)
    return encoder, AutoTokenizer.from_pretrained(folder), dtype is torch.bfloat16
