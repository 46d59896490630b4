"""Sentence embeddings, on a tiny random model: their arithmetic, and the sentence when the package is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modsmith.corpus import minilm
from modsmith.corpus.minilm import Encoder, minilm_folder
from modsmith.errors import UserError


def test_texts_become_unit_vectors_whatever_they_are_batched_with(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder(tiny_model_folder)
    texts = ["a lamp", "a much longer text about a lamp and a river", "", "a lamp", "river " * 2000]
    together = encode(texts)
    np.testing.assert_allclose(np.linalg.norm(together[[0, 1, 3, 4]], axis=1), 1, atol=1e-5)
    monkeypatch.setattr(minilm, "BATCH", 1)
    np.testing.assert_allclose(encode(texts[:2]), together[:2], atol=1e-4)
    np.testing.assert_allclose(together[0], together[3], atol=1e-6)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="pip install"):
        minilm_folder()
