"""Where the time goes, and how busy the machine is: what people otherwise watch `top` and `nvidia-smi` for."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil

GRPO_PHASES: Mapping[str, str] = {
    "_generate": "rollout",
    "_calculate_rewards": "rewards",
    "_get_per_token_logps_and_entropies": "logprobs",
    "accelerator.backward": "backward",
}
"""Methods of TRL's GRPO trainer (or of its parts), and the phase that each of them is."""


class Gauges:
    """Seconds by phase, tokens per second, and the use of processor, GPU and memory between two readings.

    Keys: time/step and time/PHASE (seconds a step; a phase's time is its own, without phases inside it; time/held_out
    is the whole of the last held-out score), tokens_per_second, machine/cpu (share of all cores that this process
    keeps busy), machine/memory_gb (its resident memory), machine/gpu (share of time that the GPU was busy; only where
    NVML's Python package is installed) and machine/gpu_memory_gb (the highest since the last reading).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.tokens = 0
        """Tokens seen so far; whoever makes batches may add to it. TRL's own count goes before it."""
        self._process = psutil.Process()
        self._process.cpu_percent()  # psutil measures between two calls; the first one only starts the clock
        self._seconds: dict[str, float] = {}
        self._inner = [0.0]
        self._at, self._step, self._tokens = clock(), 0, 0.0

    def begin(self, step: int, tokens: float = 0) -> None:
        """Start measuring: before the first step, or the first one after a resume."""
        self._at, self._step, self._tokens = self._clock(), step, tokens or self.tokens
        self._seconds.clear()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a block. On a GPU the queue is emptied at both ends, else its work would count for a later phase."""
        _wait_for_gpu()
        began = self._clock()
        self._inner.append(0.0)
        try:
            yield
        finally:
            _wait_for_gpu()
            whole = self._clock() - began
            own = whole - self._inner.pop()
            self._inner[-1] += whole
            self._seconds[name] = self._seconds.get(name, 0.0) + own

    def follow(self, trainer: Any, phases: Mapping[str, str] = GRPO_PHASES) -> None:
        """Time the named methods of this trainer from now on. A method it does not have is left out."""
        for path, name in phases.items():
            *parents, method = path.split(".")
            owner = functools.reduce(getattr, parents, trainer)
            if (inner := getattr(owner, method, None)) is not None:
                setattr(owner, method, self._timed(inner, name))

    def _timed(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return method(*args, **kwargs)

        return timed

    def read(self, step: int, values: Mapping[str, Any]) -> dict[str, float]:
        """The gauges since the last reading; `values` is what else is logged for this step (`num_tokens` is read).
        Nothing when no step was made since."""
        steps, now = step - self._step, self._clock()
        if steps <= 0:
            return {}
        held_out = self._seconds.pop("held_out", None)
        elapsed = now - self._at - (held_out or 0.0)
        tokens = float(values.get("num_tokens") or self.tokens)
        found = {"time/step": elapsed / steps}
        found |= {f"time/{name}": seconds / steps for name, seconds in self._seconds.items()}
        if held_out is not None:
            found["time/held_out"] = held_out
        if tokens > self._tokens and elapsed > 0:
            found["tokens_per_second"] = (tokens - self._tokens) / elapsed
        found |= self._machine()
        self.begin(step, tokens)
        return found

    def _machine(self) -> dict[str, float]:
        found = {
            "machine/cpu": self._process.cpu_percent() / 100 / (psutil.cpu_count() or 1),
            "machine/memory_gb": self._process.memory_info().rss / 2**30,
        }
        import torch

        if torch.cuda.is_available():
            found["machine/gpu_memory_gb"] = torch.cuda.max_memory_allocated() / 2**30
            torch.cuda.reset_peak_memory_stats()
            with contextlib.suppress(ModuleNotFoundError, RuntimeError):  # NVML's Python package is missing, or NVML is
                found["machine/gpu"] = torch.cuda.utilization() / 100
        return found


def _wait_for_gpu() -> None:
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
