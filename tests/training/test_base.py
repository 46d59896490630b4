"""What a model folder says of the model in it."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modsmith.errors import UserError
from modsmith.prompt import WORDINGS, Message, Wording, build_messages
from modsmith.training.adapt import wording_of
from modsmith.training.base import SHIPPED, load_model, trained_wording
from modsmith.training.settings import GrpoSettings, SftSettings


@pytest.fixture
def model(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A run folder with a model in it that says nothing of its wording."""
    shutil.copytree(tiny_model_folder, tmp_path / "run/best")
    return tmp_path / "run"


def test_models_that_say_nothing_were_asked_plainly(model: Path) -> None:
    assert [trained_wording(name) for name in (SHIPPED, "smollm2-135m", "org/model", str(model))] == ["plain"] * 4
    (model / "best/modsmith.json").write_text('{"step": 8, "score": 0.5}')  # of before there were wordings
    assert trained_wording(str(model)) == "plain"


def test_a_run_goes_on_in_the_wording_of_its_base(model: Path) -> None:
    (model / "best/modsmith.json").write_text('{"wording": "buyer"}')
    assert load_model(str(model), "fp32").wording == "buyer"
    assert wording_of(SftSettings(base=str(model))) == "buyer"
    assert wording_of(SftSettings(base=str(model), wording="terse")) == "terse"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [('{"wording": "loud"}', "no wording 'loud'.*plain, terse"), ("[]", "damaged"), ("{", "damaged")],
)
def test_an_unknown_wording_is_no_guess(model: Path, text: str, sentence: str) -> None:
    (model / "best/modsmith.json").write_text(text)
    with pytest.raises(UserError, match=f"modsmith.json.*{sentence}"):
        load_model(str(model), "fp32")


def test_without_a_network_a_cached_model_loads_after_one_request(tiny_model_folder: Path, tmp_path: Path) -> None:
    cached = tmp_path / "models--org--tiny"
    shutil.copytree(tiny_model_folder, cached / "snapshots/c0ffee")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("c0ffee")
    asked: list[object] = []

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.client_address)  # and close

    with socketserver.TCPServer(("127.0.0.1", 0), HangUp) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        where = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}", "HF_HUB_CACHE": str(tmp_path)}
        load = "from modsmith.training.base import load_model; print(load_model('org/tiny').name)"
        for offline, requests in (("", 1), ("1", 0)):
            asked.clear()
            found = subprocess.run(
                [sys.executable, "-c", load],
                env=os.environ | where | {"HF_HUB_OFFLINE": offline},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert found.stdout == "org/tiny\n", found.stderr
            assert len(asked) == requests
        hub.shutdown()


def test_everything_of_a_run_uses_its_wording_and_records_it(
    tiny_model_folder: Path,
    plant_policy_file: Path,
    plant_corpus_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Training, held-out scores and calibration of an SFT run, and of the GRPO run on top of it; then the judge."""
    from modsmith.forge import train_station
    from modsmith.judge import Judge
    from modsmith.policy import load_policy

    asked: dict[str, set[str]] = {"encode": set(), "grpo": set()}

    def spy(module: str) -> Callable[..., list[Message]]:
        def build(*args: Any, wording: Wording = "plain", **kwargs: Any) -> list[Message]:
            asked[module].add(wording)
            return build_messages(*args, wording=wording, **kwargs)

        return build

    for module in asked:
        monkeypatch.setattr(f"modsmith.training.{module}.build_messages", spy(module))
    common: dict[str, Any] = {
        "policy": str(plant_policy_file), "corpus": str(plant_corpus_file), "limit": 12, "lora_rank": 2,
        "precision": "fp32", "tracker": "none", "eval_limit": 8, "calibration_limit": 8,
    }  # fmt: skip
    sft = SftSettings(base=str(tiny_model_folder), wording="terse", plain_epochs=0, epochs=1, **common)
    best = train_station("sft", sft, tmp_path / "sft")
    assert json.loads((best / "modsmith.json").read_text())["wording"] == "terse"

    grpo = GrpoSettings(
        base=str(tmp_path / "sft"), steps=1, prompts_per_step=2, group_size=2, max_completion_tokens=4, unsure_low=0.0,
        unsure_high=1.0, **common,
    )  # fmt: skip
    best = train_station("grpo", grpo, tmp_path / "grpo")
    assert json.loads((best / "modsmith.json").read_text())["wording"] == "terse"
    assert asked == {"encode": {"terse"}, "grpo": {"terse"}}

    judge = Judge.load(str(tmp_path / "grpo"), load_policy(str(plant_policy_file)))
    assert WORDINGS["terse"] in judge.encoder.tokenizer.decode(judge.encoder.prefix_ids)
