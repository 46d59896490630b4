from __future__ import annotations

import json
from pathlib import Path

import pytest

from modsmith.corpus import Example, load_corpus
from modsmith.policy import Policy, load_policy
from modsmith.prompt import render_answer
from modsmith.ratings import Ratings
from modsmith.training import difficulty
from modsmith.training.base import LoadedModel, load_model


@pytest.fixture
def plants(
    tiny_model_folder: Path, plant_policy_file: Path, plant_corpus_file: Path
) -> tuple[LoadedModel, Policy, list[Example]]:
    policy = load_policy(str(plant_policy_file))
    return load_model(str(tiny_model_folder), "fp32"), policy, load_corpus(str(plant_corpus_file), policy)[:6]


class Answers:
    """In place of the model: of every four completions one flags, two clear, and one cannot be read."""

    def __init__(self, loaded: LoadedModel, policy: Policy) -> None:
        self.asked = 0
        first = policy.category_ids[0]
        texts = [
            render_answer(Ratings.full(policy.category_ids, {first: 3})),
            *[render_answer(Ratings.full(policy.category_ids))] * 2,
            "no",
        ]
        self.answers = [loaded.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]

    def __call__(self, prompts: list[list[int]]) -> list[list[int]]:
        self.asked += len(prompts)
        return [self.answers[index % 4] for index in range(len(prompts))]


def test_pass_rates_are_counted_and_kept(
    plants: tuple[LoadedModel, Policy, list[Example]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, policy, examples = plants
    answers = Answers(loaded, policy)
    monkeypatch.setattr(difficulty, "_sampler", lambda *_: answers)
    cache = tmp_path / "pass_rates.jsonl"

    def ask() -> list[float]:
        return difficulty.pass_rates(
            loaded, policy, examples, ["direct"] * len(examples), 4, 40, 1.0, cache, at_once=2
        ).tolist()  # fmt: skip

    wanted = [0.25 if one.violates else 0.5 for one in examples]
    assert ask() == wanted and answers.asked == 4 * len(examples)
    assert ask() == wanted and answers.asked == 4 * len(examples), "nothing is sampled twice"
    lines = cache.read_text("utf-8").splitlines(keepends=True)
    assert json.loads(lines[0]).keys() == {"id", "mode", "samples", "right"}
    cache.write_text("".join(lines[:3]) + lines[3][:9], encoding="utf-8")  # as a kill in mid-write leaves it
    assert ask() == wanted and answers.asked == 4 * (2 * len(examples) - 3)


@pytest.mark.parametrize("shared", [True, False])
def test_a_model_that_never_answers_is_never_right(
    plants: tuple[LoadedModel, Policy, list[Example]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    loaded, policy, examples = plants
    if not shared:
        monkeypatch.setattr(difficulty, "why_unsupported", lambda model: "it has other caches")
    rates = difficulty.pass_rates(
        loaded, policy, examples[:3], ["direct", "think", "think"], 2, 5, 1.0, tmp_path / "rates.jsonl"
    )
    assert rates.tolist() == [0, 0, 0]
    assert len((tmp_path / "rates.jsonl").read_text("utf-8").splitlines()) == 3
