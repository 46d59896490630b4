"""The decision rule, and what a policy knows about itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modsmith.policy import Category, Costs, Policy, Thresholds, load_policy
from modsmith.ratings import DECISIONS, Ratings


def policy(**options: object) -> Policy:
    return Policy.model_validate(
        {
            "name": "shop",
            "version": "1",
            "categories": [
                {"id": "spam", "definition": "Delivers nothing."},
                {"id": "arms", "definition": "Sells weapons.", "thresholds": {"disallow": 0.2, "review": 0.1}},
            ],
            **options,
        }
    )


@pytest.mark.parametrize(
    ("ratings", "decision"),
    [
        ({"spam": 0, "arms": 0}, "allow"),
        ({"spam": 1, "arms": 1}, "allow"),
        ({"spam": 2, "arms": 1}, "review"),
        ({"spam": 0, "arms": 3}, "disallow"),
        ({"spam": 2, "arms": 4}, "disallow"),
        (None, "review"),
    ],
)
def test_ratings_decide(ratings: dict[str, int] | None, decision: str) -> None:
    assert policy().decide(ratings) == decision


@pytest.mark.parametrize(
    ("spam", "arms", "review_spam", "review_arms", "decision"),
    [
        (0.49, 0.19, 0.49, 0.09, "allow"),
        (0.50, 0.0, 0.5, 0.0, "disallow"),
        (0.0, 0.20, 0.0, 0.2, "disallow"),
        (0.49, 0.0, 0.50, 0.0, "review"),
        (0.0, 0.19, 0.0, 0.10, "review"),
        (float("nan"), 0.0, 0.0, 0.0, "review"),
        (0.0, 0.0, 0.0, float("nan"), "review"),
        (float("nan"), 0.9, 0.0, 0.9, "disallow"),
    ],
)
def test_scores_decide_by_each_categorys_own_thresholds(
    spam: float, arms: float, review_spam: float, review_arms: float, decision: str
) -> None:
    nothing = Ratings.full(["spam", "arms"])
    scores, review = {"spam": spam, "arms": arms}, {"spam": review_spam, "arms": review_arms}
    assert policy().decide(nothing, scores, review) == decision


@pytest.mark.parametrize(("spam", "decision"), [(0.35, "disallow"), (0.34, "allow"), (float("nan"), "review")])
def test_doubt_about_the_category_is_no_doubt_about_the_listing(spam: float, decision: str) -> None:
    """arms alone disallows from 0.2, spam from 0.5; together they do from 0.5."""
    nothing, scores = Ratings.full(["spam", "arms"]), {"spam": spam, "arms": 0.15}
    assert policy().decide(nothing, scores) == ("review" if decision == "review" else "allow")
    assert policy().model_copy(update={"overall_threshold": 0.5}).decide(nothing, scores) == decision


@pytest.mark.parametrize(("floor", "decision"), [(0.3, "disallow"), (0.45, "allow")])
def test_many_faint_doubts_are_no_violation(floor: float, decision: str) -> None:
    nothing, scores = Ratings.full(["spam", "arms"]), {"spam": 0.4, "arms": 0.15}
    whole = {"overall_threshold": 0.5, "overall_floor": floor}
    assert policy().model_copy(update=whole).decide(nothing, scores) == decision


def test_scores_without_review_scores_only_disallow() -> None:
    nothing = Ratings.full(["spam", "arms"])
    assert policy().decide(nothing, {"spam": 0.49, "arms": 0.0}) == "allow"
    assert policy().decide(nothing, {"spam": 0.51, "arms": 0.0}) == "disallow"


def test_an_unparsed_answer_goes_to_a_person_whatever_the_scores() -> None:
    assert policy().decide(None, {"spam": 0.0, "arms": 0.0}, {"spam": 0.0, "arms": 0.0}) == "review"


@given(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["spam", "arms"]))
def test_a_higher_rating_is_never_milder(spam: int, arms: int, raised: str) -> None:
    ratings = {"spam": spam, "arms": arms}
    higher = {**ratings, raised: min(4, ratings[raised] + 1)}
    order = {"allow": 0, "review": 1, "disallow": 2}
    assert order[policy().decide(higher)] >= order[policy().decide(ratings)]


def test_review_may_count_as_disallowed() -> None:
    mild, strict = policy(), policy(review_counts_as_disallowed=True)
    assert [mild.is_disallowed(decision) for decision in DECISIONS] == [False, False, True]
    assert [strict.is_disallowed(decision) for decision in DECISIONS] == [False, True, True]


def test_categories_by_name() -> None:
    assert policy()["arms"].thresholds == Thresholds(disallow=0.2, review=0.1)
    assert policy()["spam"].costs == Costs()
    with pytest.raises(KeyError, match="fraud"):
        policy()["fraud"]


def test_the_fingerprint_tells_other_words_from_the_same() -> None:
    assert policy().fingerprint == policy().fingerprint
    changed = policy(categories=[{"id": "spam", "definition": "Delivers little."}])
    assert changed.fingerprint != policy().fingerprint
    assert re.fullmatch(r"shop@1\+[0-9a-f]{8}", policy().version_label)


def test_a_policy_does_not_change() -> None:
    with pytest.raises(ValidationError):
        policy().version = "2"


@pytest.mark.parametrize("name", ["spam\n", "Spam", "2spam", "a-b", "a b", "", "x" * 41])
def test_category_ids_are_plain_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Category(id=name, definition="x")


def test_the_built_in_policy_has_nine_complete_categories() -> None:
    built_in = load_policy()
    assert built_in.category_ids == [
        "harassment",
        "adult_content",
        "spam",
        "non_fiat_currency",
        "weapon_components",
        "government_services",
        "gambling",
        "iptv",
        "phishing",
    ]
    for category in built_in.categories:
        assert category.severity is not None
        assert len(category.includes) >= 3
        assert len(category.excludes) >= 3
        found = {example.rating for example in category.examples}
        assert min(found) <= 1
        assert max(found) >= 3
        assert "\n" not in category.definition
