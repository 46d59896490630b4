from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus import Example, load_corpus
from modsmith.listing import Listing
from modsmith.policy import load_policy
from modsmith.ratings import Ratings
from modsmith.training.plan import Pass
from modsmith.training.word_dropout import drop_words

POLICY = load_policy()
NONE = Ratings.full(POLICY.category_ids)
WRITTEN = [example for example in load_corpus("written", POLICY) if example.evidence]


def _example(name: str, title: str, description: str, evidence: str = "", twin: str = "") -> Example:
    return Example(
        Listing(id=name, title=title, description=description),
        NONE, "Because.", evidence, f"group-{twin or name}", "twin" if twin else "ordinary", "", "written", "hand-a",
        twin=twin,
    )  # fmt: skip


def _texts(examples: list[Example], share: float, seed: int = 0) -> list[str]:
    batch = [Pass(example, "direct") for example in examples]
    return [item.example.listing.text for item in drop_words(batch, share, random.Random(seed))]


def test_about_the_share_goes_and_others_each_time() -> None:
    long = _example("a", "", " ".join(f"word{index}" for index in range(1000)))
    first, second = (_texts([long], 0.2, seed)[0].split() for seed in (1, 2))
    assert len(first) == pytest.approx(800, abs=50) and first != second
    assert first == [word for word in long.listing.description.split() if word in set(first)]


def test_both_sides_of_a_twin_lose_the_same_words_and_keep_what_differs() -> None:
    shared = " ".join(f"word{index}" for index in range(60))
    sides = [
        _example("a", "Poster", f"{shared} for printing {shared}", twin="t"),
        _example("b", "Poster", f"{shared} for shooting {shared}", twin="t"),
    ]
    for seed in range(20):
        one, other = _texts(sides, 0.5, seed)
        assert one != sides[0].listing.text and one.replace("printing", "shooting") == other


def test_nothing_is_left_out_unless_it_is_asked_for() -> None:
    example = _example("a", "Poster", "A poster.\n\n- one\n- two")
    assert _texts([example], 0.0) == [example.listing.text]


def test_line_breaks_stay_and_no_text_is_emptied() -> None:
    layout = _example("a", "Poster", "one two\n\n- three\n- four")
    assert _texts([layout], 0.99, 3)[0].count("\n") == layout.listing.text.count("\n")
    alone = _example("b", "Poster", "Poster")
    assert _texts([alone], 0.999, 1)[0].split() == ["Poster", "Poster"]


@given(seed=st.integers(0, 999), share=st.floats(0.05, 0.95))
def test_the_quote_of_every_written_listing_stays(seed: int, share: float) -> None:
    for example in random.Random(seed).sample(WRITTEN, 5):
        (text,) = _texts([replace(example, kind="ordinary")], share, seed)
        assert example.evidence in text
