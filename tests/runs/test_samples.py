from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from modsmith.errors import UserError
from modsmith.runs import Sample, choose_samples, read_samples
from modsmith.runs.samples import ORDERS, mark_quotes

WEIGHTS = {"decision": 1.0, "severity": 0.5, "grounding": 0.3, "length": 0.1}


def make(index: int = 0, reward: float = 0.0, said: int | None = 0, **more: object) -> Sample:
    values: dict[str, object] = {
        "step": index, "listing": f"listing {index}", "completion": f"answer {index}", "reward": reward, "parts": {},
        "advantage": -reward, "gold": {"spam": 0}, "predicted": None if said is None else {"spam": said},
        "reasoning": "", "quotes": (), "example_id": "", "mode": "think", "tokens": 10,
    }  # fmt: skip
    return Sample(**{**values, **more})  # type: ignore[arg-type]


def test_read(grpo_run: Path) -> None:
    samples = read_samples(grpo_run, WEIGHTS)
    assert len(samples) == 60 * 12
    for one in samples[:50]:
        assert one.reward == pytest.approx(sum(WEIGHTS[name] * value for name, value in one.parts.items()))
        assert (one.predicted is None) == (one.disagreement is None) == (not one.reasoning)
    assert any(one.invented for one in samples) and any(one.quotes and not one.invented for one in samples)


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    assert read_samples(tmp_path, WEIGHTS) == []
    (tmp_path / "completions").mkdir()
    (tmp_path / "completions/000001.parquet").write_text("nothing")
    with pytest.raises(UserError, match="cannot read the completions"):
        read_samples(tmp_path, WEIGHTS)


def test_disagreement() -> None:
    assert make(said=3).disagreement == 3 and make(said=None).disagreement is None
    assert make(gold=None).disagreement is None


def test_the_extremes_of_every_order_are_chosen() -> None:
    samples = [make(index, reward=(index * 37) % 100 / 10, said=(index * 13) % 5) for index in range(100)]
    chosen = choose_samples(samples, 20)
    assert len(chosen) == 20
    for name in ("reward", "advantage", "disagreement"):
        values = [value for one in samples if (value := ORDERS[name](one)) is not None]
        kept = [ORDERS[name](one) for one in chosen]
        assert max(values) in kept and min(values) in kept
    assert samples[-1] in chosen


def test_of_equal_completions_the_newest_is_kept() -> None:
    samples = [make(index, listing="same", completion="same") for index in range(5)]
    assert choose_samples(samples, 300) == [samples[-1]]


def test_unread_ones_are_chosen_too() -> None:
    samples = [make(index, reward=-index, said=None) for index in range(30)]
    assert len(choose_samples(samples, 10)) == 10


def test_quotes_are_marked_as_the_reward_finds_them() -> None:
    marked = mark_quotes('Works on\nFIRESTICK & "every match"', ["works on Firestick", "'every match'"])
    assert marked == Markup("<mark>Works on\nFIRESTICK</mark> &amp; <mark>&#34;every match&#34;</mark>")
    assert mark_quotes("<b>a</b>", []) == Markup("&lt;b&gt;a&lt;/b&gt;")


def test_overlapping_quotes() -> None:
    assert mark_quotes("one two three", ["one two", "two three"]) == "<mark>one two</mark><mark> three</mark>"


@given(st.text(alphabet="ab <>\"'&\n", max_size=30), st.lists(st.text(alphabet="ab <>\"'&", max_size=6), max_size=4))
def test_marking_never_changes_the_text_nor_lets_markup_through(text: str, quotes: list[str]) -> None:
    marked = mark_quotes(text, quotes)
    plain = re.sub("</?mark>", "", marked)
    assert "<" not in plain and ">" not in plain
    assert Markup(plain).unescape() == text
