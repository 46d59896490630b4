"""Balanced wordings: what tells is counted rightly, and the draft that tells less is kept."""

from __future__ import annotations

import math

from modsmith.corpus.balance import function_words, least_telling, word_weights
from modsmith.corpus.build import build_corpus
from modsmith.corpus.example import Example
from modsmith.listing import Listing
from modsmith.policy import load_policy
from modsmith.ratings import Ratings


def _example(text: str, violating: bool) -> Example:
    return Example(
        listing=Listing(id=text, title=text),
        ratings=Ratings.full(["spam"], {"spam": 3 if violating else 0}),
        rationale="Told for the test.",
        evidence="",
        group=text,
        kind="twin",
        category="spam",
        source="test",
        generator="test",
    )


def test_only_function_words_are_seen() -> None:
    assert function_words(Listing(id="1", title="NOBODY’s nobody", description="can’t sell the pears")) == {
        "nobody",
        "can't",
        "the",
    }


def test_weights_are_log_odds_of_presence() -> None:
    examples = [_example("nobody nobody sells", True), _example("the pears", True), _example("the plums", False)]
    weights = word_weights(examples)
    assert weights == {"nobody": round(math.log((2 / 4) / (1 / 3)), 3), "the": round(math.log((2 / 4) / (2 / 3)), 3)}


def test_the_least_telling_draft_is_kept_for_either_label() -> None:
    weights = {"nobody": 1.0, "the": -0.5}
    loud, calm = [_example("nobody", True)], [_example("the", True)]
    assert least_telling([loud, calm], weights) is calm and least_telling([calm, loud], weights) is calm
    loud, calm = [_example("the", False)], [_example("nobody", False)]
    assert least_telling([loud, calm], weights) is calm
    twins = [[_example("nobody", True), _example("the", False)], [_example("nobody", True), _example("nobody", False)]]
    assert least_telling(twins, weights) is twins[1]
    equals = [[_example("pears", True)], [_example("plums", True)]]
    assert least_telling(equals, weights) is equals[0]


def test_a_built_corpus_tells_little_by_function_words() -> None:
    """In sample: weights learnt on the composed listings themselves hardly part their labels."""
    examples = [one for one in build_corpus(load_policy(), 1500, 3) if one.source == "composed"]
    weights = word_weights(examples)
    means = {
        label: math.fsum(sum(weights[word] for word in function_words(one.listing)) for one in chosen) / len(chosen)
        for label in (True, False)
        if (chosen := [one for one in examples if one.violates == label])
    }
    assert means[True] - means[False] < 0.35, "0.27 with two drafts, 0.42 with one"
