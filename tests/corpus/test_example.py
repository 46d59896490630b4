"""Labelled listings: what is refused, and the round trip through a flat record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modsmith.corpus import KINDS, SPLITS, Example
from modsmith.listing import Listing
from modsmith.ratings import Ratings

IDS = ["spam", "iptv", "phishing"]
SOUND = st.text(st.characters(exclude_categories=("Cs",)), max_size=30).map(str.strip)
WORD = SOUND.filter(bool)
EXAMPLES = st.builds(
    Example,
    listing=st.builds(Listing, id=WORD, title=WORD, description=SOUND, tags=st.lists(WORD, max_size=3).map(tuple)),
    ratings=st.dictionaries(st.sampled_from(IDS), st.integers(0, 4)).map(lambda given: Ratings.full(IDS, given)),
    rationale=SOUND,
    evidence=SOUND,
    group=WORD,
    kind=st.sampled_from(KINDS),
    category=st.sampled_from(IDS),
    source=WORD,
    generator=WORD,
    voice=SOUND,
    split=st.sampled_from([None, *SPLITS]),
)
GOOD = Example(
    listing=Listing("a", "4,000 channels", "Every match, works on the stick.", tags=("stick",)),
    ratings=Ratings.full(IDS, {"iptv": 3}),
    rationale="Sells channels that are not the seller's.",
    evidence="Every match",
    group="g",
    kind="twin",
    category="iptv",
    source="written",
    generator="hand-a",
)
LONG = Listing("a", "Box", "Every match, works on the stick. " * 4)


@settings(deadline=None)
@given(EXAMPLES)
def test_record_round_trip(example: Example) -> None:
    record = json.loads(json.dumps(example.to_record(), ensure_ascii=False))
    assert Example.from_record(record, IDS, "elsewhere") == example


def test_the_allowed_side_of_a_twin_keeps_its_category() -> None:
    allowed = replace(GOOD, ratings=Ratings.full(IDS), evidence="")
    assert Example.from_record(allowed.to_record(), IDS, "x").category == "iptv"


def test_every_record_has_the_same_columns() -> None:
    bare = replace(GOOD, listing=Listing("b", "t"), ratings=Ratings.full(IDS), evidence="", split=None)
    assert list(bare.to_record()) == list(GOOD.to_record())


def test_only_a_listing_and_ratings_are_required() -> None:
    example = Example.from_record({"title": "Followers", "ratings": {"spam": 3.0, "iptv": None}}, IDS, "mine.jsonl", 7)
    assert (example.id, example.group, example.category, example.kind) == ("line-7", "line-7", "spam", "ordinary")
    assert (example.source, example.generator, example.split) == ("mine.jsonl", "unknown", None)
    assert example.ratings == {"spam": 3, "iptv": 0, "phishing": 0}
    assert example.violates
    assert Example.from_record({"title": "Brushes", "ratings": {}}, IDS, "x").category == ""


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ([], "needs `ratings`"),
        ({"title": "a"}, "needs `ratings`"),
        ({"title": "a", "ratings": [3]}, "needs `ratings`"),
        ({"ratings": {}}, "the listing is empty"),
        ({"title": "a", "ratings": {"fraud": 3}}, "unknown category 'fraud'"),
        ({"title": "a", "ratings": {"spam": 5}}, "rating of spam is 5"),
        ({"title": "a", "ratings": {}, "kind": "pair"}, "kind is 'pair'"),
        ({"title": "a", "ratings": {}, "kind": ["twin"]}, "kind is"),
        ({"title": "a", "ratings": {}, "split": "dev"}, "split is 'dev'"),
    ],
)
def test_bad_records_are_value_errors(record: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Example.from_record(record, IDS, "x")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        ({"ratings": Ratings.full(IDS, {"iptv": 1}), "evidence": ""}, None),
        ({"evidence": ""}, "needs an evidence quote"),
        ({"ratings": Ratings.full(IDS, {"iptv": 2}), "evidence": ""}, "needs an evidence quote"),
        ({"evidence": "every match"}, "is not in the listing"),
        ({"evidence": "stick"}, None),
        ({"evidence": GOOD.listing.text}, None),
        ({"listing": LONG, "evidence": LONG.text}, "whole listing"),
        ({"listing": LONG, "evidence": LONG.description}, "whole listing"),
        ({"rationale": " \n"}, "rationale is missing"),
    ],
)
def test_problems(changes: dict[str, Any], sentence: str | None) -> None:
    problem = replace(GOOD, **changes).problem()
    assert problem is None if sentence is None else sentence in (problem or "")


@pytest.mark.parametrize(("level", "violates"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_three_and_more_violate(level: int, violates: bool) -> None:
    assert replace(GOOD, ratings=Ratings.full(IDS, {"spam": level})).violates is violates
