"""Variety of several sets in one space, and the bands of length."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from modsmith.corpus.audit import variety as module
from modsmith.corpus.audit.variety import length_shares, variety
from modsmith.listing import Listing

WORDS = [first + second for first in ("lamp", "fern", "drum", "quilt", "anvil") for second in "abcdefghijklmnopqrst"]


def _listings(count: int, words: list[str], length: int, seed: int) -> list[Listing]:
    draw = random.Random(seed)
    return [Listing(id=str(n), title=" ".join(draw.choice(words) for _ in range(length))) for n in range(count)]


def test_a_narrow_set_is_less_various_than_a_broad_one_in_their_common_space() -> None:
    broad, narrow = _listings(150, WORDS, 12, 0), _listings(150, WORDS[:8], 12, 1)
    found = variety({"broad": broad, "narrow": narrow, "one": broad[:1]})
    row = "spread (TF-IDF, one space)"
    assert found["broad"][row] > 1.5 * found["narrow"][row] > 0
    assert found["one"][row] != found["one"][row], "NaN: one listing has no pairs"
    assert found["broad"].keys() == found["narrow"].keys()
    # A copy of a set is as various as the set: that is what a common space is for.
    same = variety({"broad": broad, "again": list(broad)})
    assert same["broad"] == pytest.approx(same["again"])


def test_sentence_embeddings_are_the_space_where_they_are_installed(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "minilm_folder", lambda: tiny_model_folder)
    found = variety({"a": _listings(3, WORDS, 5, 0), "b": _listings(3, WORDS, 5, 1)})
    assert 0 < found["a"]["spread (MiniLM)"] < 2


def test_lengths_fall_into_bands() -> None:
    shares = length_shares({"short": _listings(4, WORDS, 12, 0), "long": _listings(1, WORDS, 500, 0), "none": []})
    assert shares["short"]["10-19"] == 1 and shares["long"]["320+"] == 1 and sum(shares["none"].values()) == 0
