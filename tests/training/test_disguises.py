"""Disguises in training: worn by both sides of a twin, harmless to labels and quotes, never those of a test."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from modsmith.corpus import Example, load_corpus, of_split
from modsmith.corpus.compose import EVASIONS, read_orders, small_talk
from modsmith.policy import load_policy
from modsmith.training.disguises import wear_disguises
from modsmith.training.plan import Pass

TRAIN = of_split(load_corpus("written", load_policy()), "train")
TALK = small_talk(TRAIN[:800])
PLAIN = [one for one in TRAIN if not one.evasion]
TWINS = [one for one in PLAIN if one.kind == "twin"][:40]


def _worn(examples: list[Example], share: float, seed: int = 0) -> list[Example]:
    batch = [Pass(example, "direct") for example in examples]
    return [item.example for item in wear_disguises(batch, share, random.Random(seed), TALK)]


def test_about_the_share_wears_one_and_others_each_time() -> None:
    singles = [replace(one, kind="ordinary", twin="") for one in PLAIN[:400]]
    first, second = (_worn(singles, 0.3, seed) for seed in (1, 2))
    assert sum(bool(one.evasion) for one in first) == pytest.approx(120, abs=30)
    assert [one.evasion for one in first] != [one.evasion for one in second]
    assert _worn(singles, 0.0) == singles


def test_twins_wear_the_same_and_keep_ratings_and_quote() -> None:
    for seed in range(10):
        worn = _worn(TWINS, 1.0, seed)
        by_unit: dict[str, set[str]] = {}
        for before, after in zip(TWINS, worn, strict=True):
            by_unit.setdefault(after.unit, set()).add(after.evasion)
            assert after.ratings == before.ratings and after.unit == before.unit
            if before.evidence:
                assert after.evidence and after.evidence in after.listing.text
        assert all(len(names) == 1 for names in by_unit.values())


def test_what_stands_in_tests_alone_is_not_worn() -> None:
    kept = [order.text for order in read_orders() if order.test]
    used = [order.text for order in read_orders() if not order.test]
    assert len(kept) >= 40 and len(used) >= 80 and not set(kept) & set(used)
    texts, names = "", set()
    for seed in range(30):
        worn = _worn(TWINS, 1.0, seed)
        names |= {one.evasion for one in worn}
        texts += "\n".join(one.listing.description for one in worn)
    assert any(order in texts for order in used) and not [order for order in kept if order in texts]
    assert names < set(EVASIONS) and not names & {"mixed scripts", "forged answer", "only in a file name"}


def test_what_wears_a_disguise_already_is_left_as_it_is() -> None:
    dressed = [replace(one, evasion="leetspeak") for one in TWINS]
    assert _worn(dressed, 1.0) == dressed
