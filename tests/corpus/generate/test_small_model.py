"""A real model behind the server. A small one can hardly write a listing: what counts is that the run ends well."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from modsmith.corpus.generate import Generation, Server, Settings
from modsmith.policy import Policy
from modsmith.training.base import LoadedModel, load_model

from .conftest import ModelServer, Reply, Request, lines_of

NEW_TOKENS = 48


class Voice:
    """One model, one answer at a time."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._model, self._tokenizer, self._lock = loaded.model.eval(), loaded.tokenizer, threading.Lock()

    def answer(self, request: Request) -> Reply:
        import torch

        tokens: Any = self._tokenizer.apply_chat_template(
            request.body["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with self._lock, torch.inference_mode():
            out = self._model.generate(**tokens, max_new_tokens=NEW_TOKENS, do_sample=False)
        read = tokens["input_ids"].shape[1]
        text = self._tokenizer.decode(out[0, read:], skip_special_tokens=True)
        return Reply(text, usage=(read, out.shape[1] - read))


@pytest.mark.parametrize("name", ["tiny", pytest.param("smollm2-135m", marks=pytest.mark.slow)])
def test_a_small_model_ends_with_counted_reasons(
    name: str, server: ModelServer, plant_policy: Policy, seeds_file: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    server.script = Voice(load_model(str(tiny_model_folder) if name == "tiny" else name, "fp32")).answer
    where = Server(server.url, concurrency=2)
    settings = Settings(where, name, str(seeds_file), tmp_path / "out", ("violate", "relaunder"), count=4)
    summary = Generation(settings, plant_policy).run()
    ended = [summary[state] for state in ("accepted", "rejected", "controversial")]
    assert sum(ended) == summary["asked_for"] == 4 and summary["open"] == 0
    assert sum(summary["rejected_by"].values()) == summary["rejected"] == len(lines_of(tmp_path / "out/rejected.jsonl"))
    known = ("refusal", "schema", "limit", "assignment", "evidence", "unchanged", "facts", "length", "layout", "judge")
    assert all(reason.startswith(known) for reason in summary["rejected_by"])
    paid = summary["cost"]["this_run"]
    assert paid["requests"] == len(server.requests) >= 4
    assert 0 < paid["tokens_out"] <= NEW_TOKENS * paid["requests"] and paid["answers_without_usage"] == 0
    assert json.loads((tmp_path / "out/summary.json").read_text()) == summary
