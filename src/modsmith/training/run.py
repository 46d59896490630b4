"""A run folder: what was asked for, what happened, and what came out, safe against Ctrl-C, kill -9 and a full disk.

RUN/config.yaml          the settings, complete
RUN/run.json             versions, corpus hash, policy, command
RUN/metrics.jsonl        one object a logged step, slash-named (docs/runs.md lists the names)
RUN/completions/*.parquet  sampled completions with every reward part (GRPO)
RUN/checkpoints/         what --resume continues from
RUN/best/                the model with the best held-out score so far
RUN/final/               the model after the last step
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from transformers import TrainerCallback

from modsmith.errors import UserError
from modsmith.files import atomic_folder, atomic_write, write_json
from modsmith.training import processes
from modsmith.training.adapt import wording_of
from modsmith.training.base import ABOUT, RUN_ABOUT
from modsmith.training.patience import EarlyEnd, EndedEarlyError, out_of_patience
from modsmith.training.settings import RunSettings
from modsmith.training.watch import (
    Alarm,
    AlarmBell,
    Gauges,
    StepLines,
    Tracker,
    check_tracker,
    open_tracker,
    read_metrics,
)

HeldOut = Callable[[Any], dict[str, float]]
"""Scores a model on held-out examples; "score" is what the best checkpoint is chosen by (higher is better)."""

COMPLETE = "complete"
"""Marker file: a checkpoint without it was interrupted while it was written."""


class Run:
    """The run folder and what is written into it. Of several processes the main one writes; all of them must see the
    folder, and all of them have to make a `Run`."""

    def __init__(self, folder: Path, settings: RunSettings, resume: bool, about: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.settings = settings
        self.metrics_path = self.folder / "metrics.jsonl"
        self.checkpoints = self.folder / "checkpoints"
        self.resumed = resume
        self.wording = wording_of(settings)
        self.categories: Sequence[str] | None = about.get("categories")
        check_tracker(settings.tracker)
        config = yaml.safe_dump(settings.model_dump(), sort_keys=False)
        earlier = self.folder / "config.yaml"
        if earlier.exists() and not resume:
            raise UserError(f"{folder} already holds a run; continue it with --resume, or choose another --out")
        if resume and not earlier.exists():
            raise UserError(f"{folder} holds no run to resume; start it without --resume")
        if resume and not _same_training(settings, earlier):
            raise UserError(f"{folder} was started with other settings; resume with its own {earlier}")
        processes.wait()  # what the main process writes now, the others must not take for an earlier run
        if processes.is_main() and not resume:
            about = {**about, "wording": self.wording, "processes": processes.count()}
            write_json(self.folder / RUN_ABOUT, {**about, "command": " ".join(sys.argv), "started": _now()})
            with atomic_write(earlier) as file:
                file.write(config)
        self.resume_from = self._last_checkpoint() if resume else None
        if processes.is_main():
            self._forget_after(self.resume_from)
        processes.wait()

    def _last_checkpoint(self) -> Path | None:
        complete = [path for path in self.checkpoints.glob("checkpoint-*") if (path / COMPLETE).exists()]
        return max(complete, key=lambda path: int(path.name.split("-")[1]), default=None)

    def _forget_after(self, checkpoint: Path | None) -> None:
        """Drop metrics rows and half-written checkpoints newer than the checkpoint that the run goes on from."""
        step = int(checkpoint.name.split("-")[1]) if checkpoint else 0
        if self.metrics_path.exists():
            rows = [row for row in read_metrics(self.folder) if row["step"] <= step]
            with atomic_write(self.metrics_path) as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        for path in self.checkpoints.glob("checkpoint-*"):
            if not (path / COMPLETE).exists():
                shutil.rmtree(path, ignore_errors=True)

    def note(self, **facts: Any) -> None:
        """Add to run.json what was not known when the run began."""
        path = self.folder / RUN_ABOUT
        write_json(path, {**json.loads(path.read_text("utf-8")), **facts})

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one row to metrics.jsonl; it is on disk when this returns."""
        row = {"step": step, "time": _now(), **values}
        with self.metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def best_score(self) -> float | None:
        about = self.folder / "best" / ABOUT
        return json.loads(about.read_text("utf-8"))["score"] if about.exists() else None

    def save_model(
        self, name: str, model: Any, tokenizer: Any, about: Mapping[str, Any], state: Mapping[str, Any] | None = None
    ) -> Path:
        """Save the model as RUN/name, with `about`, the wording and the policy's categories in modsmith.json; the
        folder appears whole or not at all. `state` are its weights where it does not hold them itself (sharded over
        several processes)."""
        target = self.folder / name
        with disk_errors(target), atomic_folder(target) as building:
            write_model(model, tokenizer, building, self.settings.base, state)
            trained = {"wording": self.wording, "categories": self.categories}
            write_json(building / ABOUT, {**about, **trained})
        return target


WATCHING = ("tracker", "alarms", "progress", "vllm_server_url")
"""Settings that do not change what is trained; they may differ when a run goes on."""


def watching_of(settings: RunSettings) -> dict[str, Any]:
    """Those of these settings that this station has, with their values."""
    return {name: getattr(settings, name) for name in WATCHING if hasattr(settings, name)}


def _same_training(settings: RunSettings, earlier: Path) -> bool:
    """Was the run started with these settings? Keys that came into modsmith since then count with their defaults."""
    try:
        before = type(settings).model_validate(yaml.safe_load(earlier.read_text("utf-8")))
    except (ValueError, yaml.YAMLError):
        return False
    changes = {**watching_of(settings), "patience": settings.patience}
    return before.model_copy(update=changes) == settings


def write_model(model: Any, tokenizer: Any, folder: Path, base: str, state: Mapping[str, Any] | None = None) -> None:
    """Save an adapter (bf16, naming its base by the name the user gave) or a whole model with its tokenizer, if it has
    one of its own."""
    import torch
    from peft import PeftModel

    if isinstance(model, PeftModel):
        config = model.peft_config["default"]
        if os.path.isdir(config.base_model_name_or_path or "") or not config.base_model_name_or_path:
            config.base_model_name_or_path = base
        weights = model.state_dict() if state is None else state
        adapter = {name: weight.to(torch.bfloat16) for name, weight in weights.items() if ".lora_" in name}
        model.save_pretrained(folder, state_dict=adapter)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    else:
        model.save_pretrained(folder, state_dict=state)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a failed write into one sentence. Earlier checkpoints and models stay as they were."""
    try:
        yield
    except OSError as error:
        raise UserError(_disk_sentence(path, error.strerror or str(error))) from error
    except Exception as error:  # safetensors and torch wrap the operating system's error in types of their own
        text = str(error)
        if os.strerror(errno.ENOSPC) in text or "os error 28" in text or "file write failed" in text:
            raise UserError(_disk_sentence(path, os.strerror(errno.ENOSPC))) from error
        raise


def _disk_sentence(path: Path, reason: str) -> str:
    return f"cannot write {path}: {reason}; earlier checkpoints are intact: make room, then continue with --resume"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


class StoppedOnRequestError(UserError):
    """The run was stopped from outside (Ctrl-C, SIGTERM), in good order: it can go on."""


class RunCallback(TrainerCallback):
    """Metrics, progress, alarms, held-out scores, the best model, and an orderly end on Ctrl-C, for any TRL trainer."""

    def __init__(self, run: Run, tokenizer: Any, held_out: HeldOut | None, title: str) -> None:
        self.run, self.tokenizer, self.held_out = run, tokenizer, held_out
        self.console = Console(stderr=True)
        self.lines = StepLines(title, self.console, run.settings.progress == "bar")
        self.gauges = Gauges()
        self.bell = AlarmBell(read_metrics(run.folder))
        self.tracker: Tracker | None = None
        """Open while the run goes, in the main process alone."""
        self.stop_asked = False
        """A signal came to this process."""
        self.interrupted = False
        """A signal came to any process, and all of them know."""
        self.stopped_by: Alarm | None = None
        """The alarm that ended the run, under `alarms: stop`."""
        self.ended_early: EarlyEnd | None = None
        """Why patience with the held-out score ended the run. It is complete then."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.gauges.begin(state.global_step, state.num_input_tokens_seen)
        self._mind_patience(state)
        if self.ended_early:  # the trainer would take a step before it heeds `control`
            raise EndedEarlyError
        if state.is_world_process_zero:
            self.run.note(steps=state.max_steps, ended_early=None)
            settings = self.run.settings
            self.tracker = open_tracker(
                settings.tracker, self.run.folder, settings.model_dump(), self.run.resumed, self.console
            )
            self.lines.begin(state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        values = {
            _slash(key): value
            for key, value in (logs or {}).items()
            if isinstance(value, (int, float)) or key.startswith("ratings/")
        }
        values = {**self.gauges.read(state.global_step, values), **values}
        if state.is_world_process_zero:
            self.lines.step(state.global_step, values)
        self._record(values, state, control)

    def _record(self, values: dict[str, Any], state: Any, control: Any) -> None:
        """Write one row, mirror it, and see whether it rings. When that ends the run, it does in all processes."""
        if state.is_world_process_zero:
            self._write(values, state.global_step, state.max_steps)
        if self.run.settings.alarms == "stop":
            self.stopped_by = processes.from_main(self.stopped_by)
        if self.stopped_by:
            control.should_training_stop = True
            control.should_save = not self.stopped_by.spoils_weights

    def _write(self, values: dict[str, Any], step: int, last_step: int) -> None:
        self.run.log(step, values)
        if self.tracker:
            self.tracker.log(step, values)
        for alarm in self.bell.ring({"step": step, **values}) if self.run.settings.alarms != "none" else []:
            self.lines.alarm(alarm)
            if self.tracker:
                self.tracker.alarm(alarm)
            if self.run.settings.alarms == "stop" and step < last_step:
                self.stopped_by = self.stopped_by or alarm

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.lines.done(state.global_step)
        self.interrupted = processes.any_of(self.stop_asked)  # a signal reaches the processes in different steps
        if self.interrupted:
            control.should_save = control.should_training_stop = True
        elif self.held_out and (
            state.global_step % self.run.settings.eval_every == 0 or state.global_step == state.max_steps
        ):
            self.score(kwargs["model"], state, control)

    def score(self, model: Any, state: Any, control: Any) -> None:
        """Measure the held-out score, log it, and keep the model when it is the best so far. The main process does so
        while the others wait."""
        assert self.held_out is not None
        step, training = state.global_step, model.training
        values: dict[str, float] = {}
        if state.is_world_process_zero:
            model.eval()
            with self.gauges.phase("held_out"):
                values = self.held_out(model)
            model.train(training)
            self.lines.held_out(step, values)
        self._record({f"held_out/{name}": value for name, value in values.items()}, state, control)
        if state.is_world_process_zero:
            best = self.run.best_score()
            if best is None or values["score"] >= best:
                self.run.save_model("best", model, self.tokenizer, {"step": step, **values})
        self._mind_patience(state)
        if self.ended_early:
            control.should_save = control.should_training_stop = True

    def _mind_patience(self, state: Any) -> None:
        """After a held-out score, and before a run goes on: has it been in vain for too long? All processes agree."""
        patience = self.run.settings.patience
        if not (patience and self.held_out) or self.stopped_by or state.global_step >= state.max_steps:
            return
        if state.is_world_process_zero:
            self.ended_early = out_of_patience(read_metrics(self.run.folder), patience)
            if self.ended_early:
                self.run.note(steps=state.max_steps, ended_early=self.ended_early)
                self.lines.ended_early(self.ended_early)
        self.ended_early = processes.from_main(self.ended_early)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        processes.wait()  # each process writes a part of the checkpoint
        folder = self.run.checkpoints / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero:
            with disk_errors(folder):
                (folder / COMPLETE).touch()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.lines.stop()
        if self.tracker:
            self.tracker.finish()


_SLASHED = {
    "loss": "train/loss",
    "grad_norm": "optim/grad_norm",
    "learning_rate": "optim/lr",
    "reward": "reward/total",
    "entropy": "policy/entropy",
    "kl": "policy/kl",
    "clip_ratio/region_mean": "policy/clip_ratio",
    "completions/mean_length": "length/mean",
    "completions/min_length": "length/min",
    "completions/max_length": "length/max",
    "completions/clipped_ratio": "length/at_cap",
    "step_time": "time/step",
}


def _slash(key: str) -> str:
    """TRL's metric names, grouped the way ours are."""
    if key.startswith("rewards/"):
        return "reward/" + key.removeprefix("rewards/").removesuffix("/mean")
    return _SLASHED.get(key, key)
