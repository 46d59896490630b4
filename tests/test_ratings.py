"""Ratings and verdicts: whole numbers from 0 to 4, in the policy's order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from modsmith.ratings import BORDERLINE, LEVELS, VIOLATION, Ratings, Verdict

CATEGORIES = ["spam", "iptv", "phishing"]


def test_full_follows_the_policy_and_fills_with_zero() -> None:
    ratings = Ratings.full(CATEGORIES, {"phishing": 4, "spam": 1})
    assert list(ratings.items()) == [("spam", 1), ("iptv", 0), ("phishing", 4)]
    assert ratings.top == 4
    assert Ratings.full(iter(CATEGORIES)) == {"spam": 0, "iptv": 0, "phishing": 0}
    assert Ratings().top == 0


@pytest.mark.parametrize("level", LEVELS)
def test_whole_numbers_of_any_type_become_int(level: int) -> None:
    for same in (level, float(level), np.int64(level)):
        found = Ratings.full(CATEGORIES, {"iptv": same})["iptv"]
        assert type(found) is int
        assert found == level


@pytest.mark.parametrize("level", [-1, 5, 2.5, "3", None, True, False, float("nan"), [3], {}])
def test_other_levels_are_refused(level: Any) -> None:
    with pytest.raises(ValueError, match="rating of iptv is .* from 0 to 4"):
        Ratings.full(CATEGORIES, {"iptv": level})


@pytest.mark.parametrize("given", [3, "spam", ["spam"], [3]])
def test_ratings_that_are_no_object_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="category -> number"):
        Ratings.full(CATEGORIES, given)


def test_unknown_categories_are_named() -> None:
    with pytest.raises(ValueError, match="unknown category 'fraud'; the policy has spam, iptv, phishing"):
        Ratings.full(CATEGORIES, {"spam": 1, "fraud": 3})


def test_levels_are_in_order() -> None:
    assert LEVELS == (0, 1, 2, 3, 4)
    assert BORDERLINE < VIOLATION


def test_verdict_record_is_json_and_keeps_missing_missing() -> None:
    unparsed = Verdict("a", "review", ratings=None, scores=None, parse_ok=False)
    record = json.loads(json.dumps(unparsed.to_record()))
    assert record["ratings"] is None
    assert record["scores"] is None
    assert record["decision"] == "review"


def test_verdict_record_rounds_scores_and_leaves_the_verdict_alone() -> None:
    verdict = Verdict("a", "allow", Ratings(spam=1), {"spam": 0.123456})
    assert verdict.to_record()["scores"] == {"spam": 0.1235}
    assert verdict.to_record()["ratings"] == {"spam": 1}
    assert verdict.scores == {"spam": 0.123456}
