from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from modsmith.corpus import load_corpus, of_split
from modsmith.policy import load_policy
from modsmith.training.plan import plan_curriculum, plan_passes, take_units

TRAIN = of_split(load_corpus("written", load_policy()), "train")


def _length(example: object) -> int:
    return len(example.listing.text)  # type: ignore[attr-defined]


def test_twins_share_batch_and_mode_and_every_pass_is_there() -> None:
    batches = plan_passes(TRAIN, 1.0, 16, 0.3, seed=1, length=_length)
    assert sorted(item.example.id for batch in batches for item in batch) == sorted(e.id for e in TRAIN)
    for batch in batches:
        assert len(batch) <= 16
        sides = Counter(item.example.group for item in batch if item.example.kind == "twin")
        assert set(sides.values()) <= {2}
        modes = {(item.example.group, item.mode) for item in batch}
        assert len(modes) == len({group for group, _ in modes})
    think = sum(item.mode == "think" for batch in batches for item in batch) / len(TRAIN)
    assert think == pytest.approx(0.3, abs=0.06)


def test_a_plan_depends_on_its_seed_alone() -> None:
    first, again, other = (plan_passes(TRAIN, 1.5, 8, 0.5, seed, _length) for seed in (3, 3, 4))
    assert first == again != other
    assert sum(map(len, first)) == pytest.approx(1.5 * len(TRAIN), abs=8)


def test_listings_that_nobody_has_rated_teach_no_reasoning() -> None:
    weak = [replace(one, source="weakly allowed: shop.csv") if one.kind == "ordinary" else one for one in TRAIN]
    plans = [plan_passes(examples, 1.0, 16, 0.8, seed=1, length=_length) for examples in (TRAIN, weak)]
    before, after = ({item.example.id: item.mode for batch in plan for item in batch} for plan in plans)
    assert {after[one.id] for one in weak if one.weak} == {"direct"}
    assert {before[one.id] for one in weak if one.weak} == {"direct", "think"}
    assert all(before[one.id] == after[one.id] for one in weak if not one.weak), "the others keep theirs"


def test_batches_hold_listings_of_similar_length() -> None:
    batches = plan_passes(TRAIN, 1.0, 16, 0.0, seed=1, length=_length)
    padded = sum(len(batch) * max(_length(item.example) for item in batch) for batch in batches)
    assert padded < 1.45 * sum(_length(example) for example in TRAIN)


def test_a_pass_takes_all_written_and_a_share_of_the_composed_listings() -> None:
    composed = [
        replace(one, source="composed", group=f"c-{one.group}", listing=replace(one.listing, id=f"c-{one.id}"))
        for one in TRAIN
    ]
    # A little short of two passes: where both draws came out small, a third would make up the rest.
    batches = plan_passes([*TRAIN, *composed], 1.95, 8, 0.0, seed=1, length=_length, composed_share=0.25)
    seen = Counter(item.example.id for batch in batches for item in batch)
    written = [seen[one.id] for one in TRAIN]
    assert sum(written) / len(TRAIN) == pytest.approx(2, abs=0.1) and min(written) >= 1
    assert sum(seen[one.id] for one in composed) / len(TRAIN) == pytest.approx(0.5, abs=0.1)
    assert max(seen[one.id] for one in composed) == 2, "drawn anew for every pass"


@pytest.mark.parametrize("limit", [60, 300])
def test_a_limited_corpus_keeps_its_mix_and_its_groups(limit: int) -> None:
    few = take_units(TRAIN, limit)
    assert limit - 2 <= len(few) <= limit
    whole = Counter(example.group for example in TRAIN)
    assert all(count == whole[group] for group, count in Counter(example.group for example in few).items())
    share = sum(example.violates for example in TRAIN) / len(TRAIN)
    assert sum(example.violates for example in few) / len(few) == pytest.approx(share, abs=0.1)
    assert len({example.category for example in few}) == 10
    assert take_units(TRAIN, None) == TRAIN


def test_plain_cases_come_first() -> None:
    batches = plan_curriculum(TRAIN, 0.5, 1.0, 8, 0.0, seed=1, length=_length)
    plain = [example for example in TRAIN if example.violates or example.kind == "ordinary"]
    shorter = sorted(map(_length, plain))[: (len(plain) + 1) // 2]
    seen = 0
    for first in batches:
        if not all(item.example.violates or item.example.kind == "ordinary" for item in first):
            break
        assert all(_length(item.example) <= shorter[-1] for item in first) or seen >= 0.5 * len(shorter) - 8
        seen += len(first)
    assert seen >= 0.5 * len(shorter) - 8
    assert sum(map(len, batches)) == pytest.approx(0.5 * len(shorter) + len(TRAIN), abs=16)


def test_disguised_listings_are_not_plain() -> None:
    disguised = [replace(example, evasion="padding") for example in TRAIN]
    assert sum(map(len, plan_curriculum(disguised, 1.0, 0.5, 8, 0.0, seed=1, length=_length))) < 0.51 * len(TRAIN)
