"""Splits: whole groups, the same draw every time, every stratum on every side."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modsmith.corpus import SPLITS, Example, Split, assign_splits
from modsmith.corpus.split import LARGE, SHARES
from modsmith.listing import Listing
from modsmith.ratings import Ratings


def example(group: str, side: str = "", category: str = "spam", split: Split | None = None) -> Example:
    return Example(
        listing=Listing(f"{group}{side}", "t"),
        ratings=Ratings.full(["spam", "iptv"]),
        rationale="r",
        evidence="",
        group=group,
        kind="twin",
        category=category,
        source="s",
        generator="g",
        split=split,
    )


def twins(*groups: str, category: str = "spam") -> list[Example]:
    return [example(group, side, category) for group in groups for side in "ab"]


GROUPS = st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=60)


@settings(deadline=None)
@given(GROUPS, st.integers(0, 5))
def test_groups_stay_together_and_order_is_kept(groups: list[str], seed: int) -> None:
    before = twins(*groups)
    after = assign_splits(before, seed)
    assert [item.id for item in after] == [item.id for item in before]
    assert all(one.split == two.split for one, two in zip(after[::2], after[1::2], strict=True))
    assert {item.split for item in after} <= set(SPLITS)


@settings(deadline=None)
@given(GROUPS, st.randoms())
def test_the_draw_does_not_depend_on_order(groups: list[str], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = twins(*groups)
    random.shuffle(shuffled)
    drawn = {item.id: item.split for item in assign_splits(shuffled)}
    assert drawn == {item.id: item.split for item in assign_splits(twins(*groups))}


@settings(deadline=None)
@given(GROUPS.filter(lambda groups: 1 < len(groups) < LARGE))
def test_one_more_group_moves_at_most_one_at_each_boundary(groups: list[str]) -> None:
    before = {item.group: item.split for item in assign_splits(twins(*groups[:-1]))}
    after = {item.group: item.split for item in assign_splits(twins(*groups))}
    assert sum(before[group] != after[group] for group in before) <= 2


def test_shares_are_kept_within_every_small_stratum() -> None:
    groups = [f"g{number}" for number in range(40)]
    after = assign_splits(twins(*groups) + twins(*(f"i{number}" for number in range(20)), category="iptv"))
    for category, size in (("spam", 40), ("iptv", 20)):
        found = Counter(item.split for item in after if item.category == category)
        assert found == {split: 2 * size * share for split, share in SHARES.items()}
    assert sum(SHARES.values()) == pytest.approx(1)


def test_another_seed_draws_another_test_set() -> None:
    groups = [f"g{number}" for number in range(100)]
    tests = [{item.group for item in assign_splits(twins(*groups), seed) if item.split == "test"} for seed in (0, 1)]
    assert tests[0] != tests[1]


def test_given_splits_are_kept_for_the_whole_group() -> None:
    after = assign_splits([example("g", "a"), example("g", "b", split="validation"), example("h", split="test")])
    assert [item.split for item in after] == ["validation", "validation", "test"]


def test_a_group_in_two_splits_is_refused() -> None:
    with pytest.raises(ValueError, match="group g stands in two splits"):
        assign_splits([example("g", "a", split="train"), example("g", "b", split="test")])


def test_nothing_is_nothing() -> None:
    assert assign_splits([]) == []


def test_listings_that_join_a_large_stratum_move_none() -> None:
    before = {item.id: item.split for item in assign_splits(twins(*(f"g{n}" for n in range(LARGE))))}
    after = {item.id: item.split for item in assign_splits(twins(*(f"g{n}" for n in range(400))))}
    assert before == {name: after[name] for name in before}
    for split, share in SHARES.items():
        assert list(after.values()).count(split) / len(after) == pytest.approx(share, abs=0.05)
