"""Completions from vLLM, for models whose sampling takes longer than their training. TRL talks to it; this says how.

Before each rollout the weights (adapters merged in) go to vLLM, so it samples from the policy of that step. Its
arithmetic differs a little from ours: TRL weighs each completion by the ratio of the two probabilities (truncated
importance sampling), for which the log-probabilities are computed by us once more.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import httpx

from modsmith.errors import UserError
from modsmith.training import processes
from modsmith.training.settings import GrpoSettings


def check_rollout(settings: GrpoSettings) -> None:
    """Raise `UserError` when the settings ask for vLLM and it is not installed, or its server does not answer."""
    if settings.rollout == "own":
        return
    if importlib.util.find_spec("vllm") is None:
        raise UserError(
            f"rollout {settings.rollout} needs vLLM, which is not installed: pip install 'trl[vllm]' on a machine with "
            "a GPU, or sample with the model itself: --set rollout=own"
        )
    if settings.rollout == "vllm_server" and processes.is_main():  # the main process alone talks to the server
        url = settings.vllm_server_url.rstrip("/")
        try:
            httpx.get(f"{url}/health", timeout=10).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UserError(
                f"no vLLM server answers at {url} ({' '.join(str(error).split())}); start one as docs/launch.md says, "
                "or name it: --set vllm_server_url=http://HOST:PORT"
            ) from error


def rollout_arguments(settings: GrpoSettings, longest_prompt: Callable[[], int]) -> dict[str, Any]:
    """The part of TRL's `GRPOConfig` that says where completions come from. `longest_prompt` is asked for
    its tokens by a colocated vLLM, which would else make room for the longest text that the model can read."""
    if settings.rollout == "own":
        return {}
    if settings.rollout == "vllm_server":
        return {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": settings.vllm_server_url.rstrip("/")}
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": settings.vllm_memory,
        "vllm_max_model_length": longest_prompt() + settings.max_completion_tokens,
    }
