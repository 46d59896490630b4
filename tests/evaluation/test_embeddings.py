"""The embedding baseline, on a tiny random model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from modsmith.errors import UserError
from modsmith.evaluation import embeddings, measure
from modsmith.evaluation.embeddings import fit_embeddings


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
