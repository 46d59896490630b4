"""What a run will take is told by its own steps, and nothing is trained on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from modsmith.corpus import load_corpus
from modsmith.policy import Policy
from modsmith.training import pace
from modsmith.training.settings import SftSettings


def test_minutes_are_the_median_step_times_all_steps(
    tiny_model_folder: Path, plant_policy: Policy, plant_corpus_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SftSettings(
        base=str(tiny_model_folder), corpus=str(plant_corpus_file), precision="fp32", lora_rank=4, batch_size=4,
        plain_epochs=0, epochs=2,
    )  # fmt: skip
    clock = iter([0, 50, 0, 3, 0, 1, 0, 2])  # the first step warms up; of the others 2 is the median
    monkeypatch.setattr(pace, "perf_counter", lambda: next(clock))
    examples = load_corpus(settings.corpus, plant_policy)
    minutes = pace.sft_minutes(settings, plant_policy, examples)
    train = pace.training_listings(examples, settings)
    steps = len(pace.plan_run(train, settings))
    assert steps > 4 and minutes == pytest.approx(2 * steps / 60)
