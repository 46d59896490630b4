"""The benchmark runs, and its JSON has what the manual reads from it. How fast a tiny model is says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "grpo_step.py"


@pytest.mark.slow
def test_the_smoke_case_has_every_figure(tiny_model_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--cases", "smoke", "--json", "--model", str(tiny_model_folder)],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (case,) = json.loads(done.stdout)
    figures = {f"{phase}_{unit}" for phase in ("rollout", "logprobs", "backward") for unit in ("seconds", "tokens")}
    figures |= {"seconds", "cpu_seconds", "peak_memory_mb"}
    assert case["case"] == "2x4x(240+8)" and case["device"] in ("cpu", "cuda")
    assert set(case["stock"]) == set(case["ours"]) == set(case["ratio"]) == figures
    assert case["speedup"] == pytest.approx(case["stock"]["seconds"] / case["ours"]["seconds"], rel=0.2, abs=0.02)
    for kind in ("stock", "ours"):
        assert case[kind]["seconds"] > 0 and case[kind]["peak_memory_mb"] > 0
        parts = sum(case[kind][f"{phase}_seconds"] for phase in ("rollout", "logprobs", "backward"))
        assert 0 < parts < case[kind]["seconds"] * 1.1
    # Eight copies of a prompt against two prompts, which have the policy in common.
    assert case["ratio"]["backward_tokens"] > 4
