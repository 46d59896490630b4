"""One run in several processes (`accelerate launch`, docs/launch.md): who writes, who waits, and agreeing on things.

All processes take every step together, each with its share of the step's batch. The main one alone writes the run
folder, prints, and scores held-out listings. Without a launcher, all of this does nothing.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others. Long, because the main one scores held-out listings while they wait."""


def count() -> int:
    """How many processes this run has. Launchers say so in the environment, so it is known before torch is loaded."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1


def index() -> int:
    """Which of them this is, from 0."""
    return int(os.environ.get("RANK", 0)) if count() > 1 else 0


def is_main() -> bool:
    """Is this the process that writes?"""
    return index() == 0


def start() -> None:
    """Meet the other processes and take this one's GPU. Doing so again is harmless."""
    if count() == 1:
        # Of several GPUs the first: the trainer would spread a batch over all of them from one process (DataParallel).
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
        return
    import torch
    from accelerate import PartialState

    if not torch.distributed.is_initialized():
        PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)


def leave() -> None:
    """After the last thing that was done together. The main process may then take its time with what is left."""
    if count() > 1:
        import torch

        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def wait() -> None:
    """Go on when all processes have come here."""
    from_main(None)


def from_main(value: Value) -> Value:
    """What the main process passed. All have to call this, at the same point."""
    return _everybodys(value)[0]


def any_of(flag: bool) -> bool:
    """Did a process pass True? All have to call this, at the same point."""
    return any(_everybodys(flag))


def _everybodys(value: Value) -> list[Value]:
    if count() == 1:
        return [value]
    from accelerate.utils import gather_object

    return gather_object([value])
