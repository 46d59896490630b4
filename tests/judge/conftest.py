"""A judge whose model is replaced by a word list, for everything around the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from modsmith.judge import Judge
from modsmith.judge.judge import WindowReading
from modsmith.policy import Policy
from modsmith.prompt import Answer, parse_answer, render_answer
from modsmith.ratings import Ratings


class WordJudge(Judge):
    """Rates `false_rarity` 3 where the window says "rarest"; its answer to "gibberish" does not parse."""

    batches: list[int]

    def _read(self, rests: list[list[int]]) -> list[WindowReading]:
        self.batches.append(len(rests))
        return [self._read_one(self.encoder.tokenizer.decode(rest)) for rest in rests]

    def _read_one(self, text: str) -> WindowReading:
        names = self.policy.category_ids
        ratings = Ratings.full(names, {"false_rarity": 3} if "rarest" in text else {})
        probabilities = np.full((len(names), 5), 0.02)
        for row, level in enumerate(ratings.values()):
            probabilities[row, level] = 0.92
        answer = Answer(None, error="gibberish") if "gibberish" in text else parse_answer(render_answer(ratings), names)
        return WindowReading(np.log(probabilities), answer)


@pytest.fixture
def word_judge(tiny_model_folder: Path, plant_policy: Policy) -> WordJudge:
    judge = WordJudge(None, AutoTokenizer.from_pretrained(tiny_model_folder), plant_policy, "words", batch_size=4)
    judge.batches = []
    return judge
