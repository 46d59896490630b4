"""From the first step of a run to its last: interrupts, resuming, the final model."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from modsmith.errors import UserError
from modsmith.training import processes
from modsmith.training.patience import EndedEarlyError
from modsmith.training.run import Run, RunCallback, disk_errors


def train_and_save(run: Run, callback: RunCallback, trainer: Any, tokenizer: Any) -> Path:
    """Train from the run's last checkpoint on, and save the final model. Returns the folder of the best model.

    Raises `UserError` when the run was stopped, saying how to go on.
    """
    if weights_are_sharded(trainer) and callback.held_out:
        callback.held_out = None  # no process has the whole model
        if processes.is_main():
            callback.console.print("sharded weights are not scored while they are trained: the last model is taken")
    # A run that had ended early has its last weights by the time it says so: they are saved as those of any run.
    with orderly_interrupt(callback), disk_errors(run.checkpoints), suppress(EndedEarlyError):
        trainer.train(resume_from_checkpoint=str(run.resume_from) if run.resume_from else None)
    return _finish(run, callback, trainer, tokenizer)


def weights_are_sharded(trainer: Any) -> bool:
    """Does each process hold a part of the weights only (FSDP, DeepSpeed)?"""
    return bool(trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled)


@contextmanager
def orderly_interrupt(callback: RunCallback) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) finishes the step, saves a checkpoint and stops; the second one stops at once."""

    def handle(number: int, frame: Any) -> None:
        if callback.stop_asked:
            raise KeyboardInterrupt
        callback.stop_asked = True
        if processes.is_main():
            callback.console.print("stopping after this step, with a checkpoint (press Ctrl-C again to stop at once)")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(run: Run, callback: RunCallback, trainer: Any, tokenizer: Any) -> Path:
    """After training: say how to go on when it was stopped, else save the final model. Returns the folder to use."""
    step = trainer.state.global_step
    if callback.interrupted:
        raise UserError(f"stopped at step {step}; continue with --resume --out {run.folder}")
    if callback.stopped_by:
        raise UserError(
            f"stopped at step {step} by an alarm, {callback.stopped_by.name}; mend it and start anew, or go on all the "
            f"same from the last checkpoint with --resume --set alarms=warn --out {run.folder}"
        )
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if weights_are_sharded(trainer) else None
    if processes.is_main():
        run.save_model("final", trainer.accelerator.unwrap_model(trainer.model), tokenizer, {"step": step}, state)
    processes.wait()
    return run.folder / "best" if (run.folder / "best").is_dir() else run.folder / "final"
