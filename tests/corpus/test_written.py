"""The hand-written corpus that ships with modsmith: valid, broad, and not to be told apart by its style."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modsmith.corpus import SPLITS, Example, load_corpus
from modsmith.policy import load_policy

POLICY = load_policy()
EXAMPLES = load_corpus("written", POLICY)
GROUPS: dict[str, list[Example]] = defaultdict(list)
for _example in EXAMPLES:
    GROUPS[_example.group].append(_example)
TWINS = [example for example in EXAMPLES if example.kind == "twin"]
LEAK = 0.65
"""An area under the ROC curve that style alone must stay below; 0.5 is a coin."""


def groups_of(kind: str, category: str) -> int:
    return len({example.group for example in EXAMPLES if example.kind == kind and example.category == category})


# --- labels ----------------------------------------------------------------------------------------------------------


def test_groups_have_one_place() -> None:
    assert len({example.id for example in EXAMPLES}) == len(EXAMPLES)
    for group in GROUPS.values():
        assert len(group) == (2 if group[0].kind == "twin" else 1)
        assert len({(example.split, example.kind, example.category, example.generator) for example in group}) == 1


def test_flagged_listings_quote_their_reason() -> None:
    for example in EXAMPLES:
        fields = [example.listing.title, example.listing.description, *example.listing.tags, *example.listing.files]
        if example.ratings.top >= 2:
            assert example.evidence, example.id
        assert not example.evidence or any(example.evidence in field for field in fields), example.id
        assert len(example.evidence) < 0.6 * len(example.listing.text.strip()), example.id


def test_ratings_fit_the_kind() -> None:
    for name, group in GROUPS.items():
        tops = sorted(example.ratings.top for example in group)
        kind, category = group[0].kind, group[0].category
        if kind == "twin":
            violating = max(group, key=lambda example: example.ratings.top)
            assert tops[0] <= 1, name
            assert violating.ratings[category] >= 3, name
        elif kind == "multi":
            assert sum(level >= 3 for level in group[0].ratings.values()) >= 2, name
        else:
            low, high = {"near_miss": (0, 1), "borderline": (2, 2), "ordinary": (0, 0)}[kind]
            assert low <= tops[0] <= high, name


def test_every_category_is_broad_enough() -> None:
    for category in POLICY.category_ids:
        assert groups_of("twin", category) >= 20, category
        assert groups_of("near_miss", category) >= 10, category
        assert groups_of("borderline", category) >= 1, category
    assert groups_of("ordinary", "") >= 150
    levels = Counter(example.ratings.top for example in EXAMPLES)
    assert min(levels[level] for level in range(5)) >= 50


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_twins_of_every_category(split: str) -> None:
    found = Counter(example.category for example in TWINS if example.split == split)
    assert min(found[category] for category in POLICY.category_ids) >= 4


# --- text ------------------------------------------------------------------------------------------------------------


def test_no_listing_is_written_twice() -> None:
    groups_of_text = defaultdict(set)
    for example in EXAMPLES:
        groups_of_text[" ".join(example.listing.description.lower().split())].add(example.group)
    assert [groups for text, groups in groups_of_text.items() if len(groups) > 1 and text] == []
    assert max(Counter(example.listing.text for example in EXAMPLES).values()) == 1


LINK = re.compile(
    r"https?:|\bwww\.|\b[\w-]+\.(?:com|net|org|io|gg|me|ru|xyz|shop|app|info|co|tv|cc|link)\b|\b[\w.+-]+@[\w-]+\.[a-z]{2,}|"
    r"\bt\.me\b|\b(?:\d{1,3}\.){3}\d{1,3}\b",
    re.IGNORECASE,
)


def test_there_are_no_live_links_or_addresses() -> None:
    assert [(example.id, match[0]) for example in EXAMPLES if (match := LINK.search(example.listing.text))] == []


def test_twin_sides_are_of_similar_length() -> None:
    for name, group in GROUPS.items():
        if group[0].kind == "twin":
            words = sorted(len(f"{example.listing.title} {example.listing.description}".split()) for example in group)
            assert words[1] <= 1.3 * words[0] + 4, name


# --- style must not carry the label ----------------------------------------------------------------------------------


def length_features(example: Example) -> list[float]:
    listing = example.listing
    words = listing.description.split()
    return [
        len(listing.title),
        len(listing.title.split()),
        len(listing.description),
        len(words),
        sum(map(len, words)) / max(1, len(words)),
        len(re.findall(r"[.!?]", listing.description)),
        listing.description.count("\n"),
        len(listing.tags),
        len(listing.files),
        len(listing.price),
    ]


def formatting_features(example: Example) -> list[float]:
    listing = example.listing
    text = f"{listing.title}\n{listing.description}"
    letters = [character for character in text if character.isalpha()]
    return [
        len(re.findall(r"(?m)^#", text)),
        len(re.findall(r"(?m)^\s*[-*•]", text)),
        *(text.count(mark) for mark in ("**", "|", "!", "?", ":", ",", "-", "(", '"', "'", "<", "&", "$", "%", "\n\n")),
        sum(character.isdigit() for character in text) / len(text),
        sum(character.isupper() for character in letters) / max(1, len(letters)),
        sum(ord(character) > 0x2190 for character in text),
        sum(0x7F < ord(character) < 0x2190 for character in text),
        listing.title.isupper(),
        listing.title.islower(),
        bool(listing.price),
        bool(listing.tags),
        bool(listing.files),
    ]


def style_auc(features_N_F: list[list[float]]) -> float:
    """How well style tells the sides of unseen twins apart: logistic regression, five folds by group."""
    violates_N = [example.violates for example in TWINS]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    groups = [example.group for example in TWINS]
    scores_N_2 = cross_val_predict(
        model, np.array(features_N_F, float), violates_N, groups=groups, cv=GroupKFold(5), method="predict_proba"
    )
    return float(roc_auc_score(violates_N, scores_N_2[:, 1]))


@pytest.mark.parametrize("features", [length_features, formatting_features])
def test_style_does_not_give_the_label_away(features) -> None:  # type: ignore[no-untyped-def]
    assert style_auc([features(example) for example in TWINS]) <= LEAK


def test_the_style_guard_can_fail() -> None:
    leaky = [[*length_features(example), float(example.violates) + number % 3] for number, example in enumerate(TWINS)]
    assert style_auc(leaky) > LEAK


def test_neither_side_of_a_twin_comes_first_or_costs_more_words() -> None:
    pairs = [group for group in GROUPS.values() if group[0].kind == "twin"]
    for share in (
        np.mean([first.violates for first, _ in pairs]),
        np.mean([(len(a.listing.text) > len(b.listing.text)) == a.violates for a, b in pairs]),
        np.mean([bool(example.listing.price) for example in TWINS if example.violates])
        - np.mean([bool(example.listing.price) for example in TWINS if not example.violates])
        + 0.5,
    ):
        assert 0.3 <= share <= 0.7
