from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

from modsmith.corpus import Example, load_corpus, of_split
from modsmith.corpus.compose import small_talk
from modsmith.policy import load_policy
from modsmith.reading.read import read_plainly
from modsmith.training.second.passes import Shown, plan_batches, training_examples
from modsmith.training.second.settings import SecondSettings

SIDES = 300


@cache
def listings() -> tuple[Example, ...]:
    return everything()[:SIDES]


@cache
def everything() -> tuple[Example, ...]:
    return tuple(of_split(load_corpus("written", load_policy()), "train"))


def planned(**settings: object) -> list[list[Shown]]:
    chosen = SecondSettings(**settings)  # type: ignore[arg-type]
    return plan_batches(listings(), chosen, small_talk(everything()), lambda done, total: None)


def test_every_listing_is_shown_once_a_pass_with_its_twin_and_the_plan_is_kept() -> None:
    batches = planned(passes=2, seed=3)
    assert Counter(one.example.id for batch in batches for one in batch) == {one.id: 2 for one in listings()}
    for batch in batches:
        units = Counter(one.example.unit for one in batch)
        assert all(units[one.example.unit] == sum(e.unit == one.example.unit for e in listings()) for one in batch)
    assert batches == planned(passes=2, seed=3) != planned(passes=2, seed=4)


def test_padding_leaves_the_listing_whole_and_snippets_hold_the_evidence() -> None:
    plain = {one.example.id: one.text for batch in planned(passes=1, padded_share=0, disguise_share=0, snippet_share=0)
             for one in batch}  # fmt: skip
    padded = [one for batch in planned(passes=1, padded_share=1, disguise_share=0, snippet_share=0) for one in batch]
    longer = [one for one in padded if len(one.text) > len(plain[one.example.id]) + 50]
    assert len(longer) > 0.8 * SIDES
    snippets = [one for batch in planned(passes=1, padded_share=0, disguise_share=0, snippet_share=1) for one in batch]
    cut = [one for one in snippets if len(one.text) < 0.7 * len(plain[one.example.id])]
    assert {one.example.violates for one in cut} == {True, False}, "shortness must not be the label"
    for one in cut:
        quote = read_plainly(" ".join(one.example.evidence.split())).text
        assert not one.example.violates or quote in " ".join(one.text.split()), one


def test_what_one_corpus_holds_apart_is_learnt_from_no_other() -> None:
    first, second, third = listings()[:3]
    apart = replace(first, split="test")
    elsewhere = replace(second, split="train", group=first.group)
    again = replace(first, split="train", group="another")
    kept = replace(third, split="train", group="third")
    assert training_examples([apart, elsewhere, again, kept, kept]) == [kept]
