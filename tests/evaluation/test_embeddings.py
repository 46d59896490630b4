"""The embedding baseline, on a tiny random model: its arithmetic, and the sentence when the package is missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from modsmith.errors import UserError
from modsmith.evaluation import embeddings, measure
from modsmith.evaluation.embeddings import Encoder, fit_embeddings, minilm_folder


def test_texts_become_unit_vectors_whatever_they_are_batched_with(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder(tiny_model_folder)
    texts = ["a lamp", "a much longer text about a lamp and a river", "", "a lamp", "river " * 2000]
    together = encode(texts)
    np.testing.assert_allclose(np.linalg.norm(together[[0, 1, 3, 4]], axis=1), 1, atol=1e-5)
    monkeypatch.setattr(embeddings, "BATCH", 1)
    np.testing.assert_allclose(encode(texts[:2]), together[:2], atol=1e-4)
    np.testing.assert_allclose(together[0], together[3], atol=1e-6)


def test_it_learns_and_judges(make: SimpleNamespace, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "minilm_folder", lambda: tiny_model_folder)
    examples = [
        make.example(f"{n}", {"iptv": 3} if n % 2 else {}, title="channels" if n % 2 else "lamp") for n in range(20)
    ]
    verdicts = fit_embeddings(examples, make.policy()).rate([example.listing for example in examples])
    assert measure(examples, verdicts, make.policy())["f1"] == 1
    assert verdicts[1].ratings == {"spam": 0, "iptv": 3, "phishing": 0} and verdicts[1].model == "MiniLM embeddings"
    with pytest.raises(UserError, match="need examples"):
        fit_embeddings([], make.policy())


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="pip install"):
        minilm_folder()
