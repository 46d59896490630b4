"""Rollouts by vLLM, as far as they go without vLLM: what is asked of TRL, what is refused, exact merges."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from pytest_httpserver import HTTPServer
from trl import GRPOConfig

from modsmith.errors import UserError
from modsmith.training.base import load_model
from modsmith.training.grpo import ModerationGRPOTrainer, train_grpo
from modsmith.training.lora import exact_unmerge, speed_up_lora
from modsmith.training.run import read_metrics
from modsmith.training.settings import GrpoSettings
from modsmith.training.vllm import check_rollout, rollout_arguments


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def test_without_vllm_no_run_is_begun(plant_policy_file: Path, tmp_path: Path) -> None:
    for rollout in ("vllm_server", "vllm_colocate"):
        settings = GrpoSettings(policy=str(plant_policy_file), rollout=rollout)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=f"rollout {rollout} needs vLLM, which is not installed"):
            train_grpo(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("installed")
def test_a_server_has_to_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_data("")
    settings = GrpoSettings(rollout="vllm_server", vllm_server_url=httpserver.url_for("/"))
    check_rollout(settings)
    for url in ("http://127.0.0.1:9", "127.0.0.1:8000", "http://[", httpserver.url_for("/other")):
        with pytest.raises(UserError, match="no vLLM server answers at .* docs/launch.md"):
            check_rollout(settings.model_copy(update={"vllm_server_url": url}))
    check_rollout(GrpoSettings(rollout="vllm_colocate"))  # has no server


def test_what_trl_is_told() -> None:
    def longest() -> int:
        return 300

    def config(settings: GrpoSettings) -> GRPOConfig:
        return GRPOConfig(use_cpu=True, bf16=False, **rollout_arguments(settings, longest))

    assert not config(GrpoSettings()).use_vllm
    server = config(GrpoSettings(rollout="vllm_server", vllm_server_url="http://gpu-1:8000/"))
    assert (server.use_vllm, server.vllm_mode) == (True, "server")
    assert server.vllm_server_base_url == "http://gpu-1:8000"
    inside = config(GrpoSettings(rollout="vllm_colocate", vllm_memory=0.4, max_completion_tokens=100))
    assert (inside.use_vllm, inside.vllm_mode, inside.vllm_gpu_memory_utilization) == (True, "colocate", 0.4)
    assert inside.vllm_max_model_length == 400
    assert inside.vllm_importance_sampling_correction and server.vllm_importance_sampling_correction


def test_merging_adapters_for_vllm_leaves_the_base_as_it_was(tiny_model_folder: Path) -> None:
    model = load_model(str(tiny_model_folder), "bf16").model
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    speed_up_lora(model)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}

    def drift() -> int:
        merged = model.state_dict()
        return sum(not torch.equal(merged[name], weight) for name, weight in before.items())

    assert exact_unmerge(model) == 2 * 7
    for _ in range(2):
        model.merge_adapter()
        assert drift() == 2 * 7
        model.unmerge_adapter()
        assert drift() == 0


class FakeVLLM:
    """In the place of TRL's `VLLMGeneration`: the same few completions, with the model's own probabilities."""

    syncs = 0

    def __init__(self, model: torch.nn.Module, mode: str, max_model_length: int, **others: object) -> None:
        self.model = model
        assert mode == "colocate" and max_model_length > 100

    def sync_weights(self) -> None:
        FakeVLLM.syncs += 1

    @torch.no_grad()
    def generate(self, prompts: list[list[int]], **others: object) -> tuple[object, ...]:
        completions, logps = [], []
        for index, prompt in enumerate(prompts):
            completion = [500 + index, 600, 700][: 2 + index % 2]
            logits = self.model(input_ids=torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].float()
            own = logits.log_softmax(-1)[range(len(completion)), completion]
            completions.append(completion)
            logps.append([[value] for value in own.tolist()])
        return prompts, completions, logps, None


def test_vllm_samples_and_we_compute_log_probabilities(
    tiny_model_folder: Path,
    plant_policy_file: Path,
    plant_corpus_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trl.trainer.grpo_trainer.VLLMGeneration", FakeVLLM)
    monkeypatch.setattr("modsmith.training.grpo.check_rollout", lambda settings: None)
    forwarded = []
    plain = ModerationGRPOTrainer._tree_logps
    monkeypatch.setattr(
        ModerationGRPOTrainer, "_tree_logps", lambda *args: (forwarded.append(len(args[2])), plain(*args))[1]
    )
    settings = GrpoSettings(
        base=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file), limit=12, steps=2,
        prompts_per_step=2, group_size=2, max_completion_tokens=6, unsure_low=0.0, unsure_high=1.0, lora_rank=2,
        precision="fp32", tracker="none", rollout="vllm_colocate", advantage="corpo",
    )  # fmt: skip
    train_grpo(settings, tmp_path / "run")
    assert FakeVLLM.syncs == 2, "once a step"
    assert forwarded == [4, 4, 4, 4], "each step the old log-probabilities and the new ones, both from one tree"
    for row in (row for row in read_metrics(tmp_path / "run") if "train/loss" in row):
        assert row["sampling/importance_sampling_ratio/mean"] == pytest.approx(1, abs=1e-4)
        assert row["optim/grad_norm"] > 0
