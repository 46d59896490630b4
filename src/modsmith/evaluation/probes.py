"""Cheap baselines and shortcut probes: how far does one get without reading the policy?

A probe sees one kind of surface only and learns the decision on the train split. What it scores, the test set gives
away for free; a model earns what it scores above that.

| probe | sees | gives |
|---|---|---|
| majority | nothing: always the commoner class of the train split | the decision |
| length only | characters, words and lines of title and description | the decision |
| formatting only | headings, lists, tables, links, emoji, capitals, punctuation; which fields are filled, how many tags and files | the decision |
| function words only | how often closed-class English words stand in the text ("the", "you", "not") | the decision |
| bag of words | TF-IDF of words, word pairs and character 3- to 5-grams of every field | the decision, and ratings 0 or 3 |

All but the first are logistic regressions with balanced class weights. A probe that only learns the decision gives a
`Prediction` without ratings and scores: its `decision_score` is its P(disallowed), and nothing that needs ratings is
measured. Bag of words has one model for the decision, and one per category with positives in the train split (rated 3
at P >= 0.5, else 0; categories without positives are always 0). Its decision and its ratings may disagree: each is its
own best guess. Balanced weights lift every P, so the probes' Brier scores say little.
"""  # noqa: E501 - table rows

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.corpus.surface import SHORTCUTS, WORDS_C, bag_of_words, classifier
from modsmith.errors import UserError
from modsmith.evaluation.outcomes import Array, Prediction, gold_disallowed
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import VIOLATION, Ratings, Verdict

PROBES = ("majority", "length only", "formatting only", "function words only", "bag of words")
"""Names of the probes, weakest idea first."""


def run_probes(
    train: Sequence[Example], test: Sequence[Example], policy: Policy, seed: int = 0
) -> dict[str, list[Verdict]]:
    """Train every probe on `train` and judge `test`, in its order. Deterministic for one `seed`.

    Raises `UserError` when either is empty or a group stands on both sides: a probe must not see its test.
    When `train` holds one class only, every probe predicts that class.
    """
    if not train or not test:
        raise UserError("the baselines need examples to learn from and examples to judge; one of the two is empty")
    if shared := sorted({example.group for example in train} & {example.group for example in test}):
        raise UserError(
            f"group {shared[0]} is in what the baselines learn from and in what they are measured on; "
            "evaluate another split, or leave the baselines out"
        )
    gold = gold_disallowed(train, policy)
    seen, asked = [example.listing for example in train], [example.listing for example in test]
    found: dict[str, list[Verdict]] = {}
    share = float(gold.mean())
    found["majority"] = _decisions("majority", np.full(len(asked), share), asked, policy)
    for name in PROBES[1:-1]:
        chances = _fit(SHORTCUTS[name](seed), seen, gold, asked)
        found[name] = _decisions(name, chances, asked, policy)
    found["bag of words"] = _bag_of_words(train, gold, asked, policy, seed)
    return found


def _decisions(name: str, chances: Array, listings: Sequence[Listing], policy: Policy) -> list[Verdict]:
    return [
        Prediction(
            id=listing.id,
            decision="disallow" if chance >= 0.5 else "allow",
            ratings=None,
            scores=None,
            model=name,
            policy_version=policy.version_label,
            decision_score=float(chance),
        )
        for listing, chance in zip(listings, chances, strict=True)
    ]


def _bag_of_words(
    train: Sequence[Example], gold: Array, asked: Sequence[Listing], policy: Policy, seed: int
) -> list[Verdict]:
    words = bag_of_words()
    seen_words = words.fit_transform([example.listing.text for example in train])
    asked_words = words.transform([listing.text for listing in asked])
    chances = _fit(classifier(seed, WORDS_C), seen_words, gold, asked_words)
    scores_NC = np.zeros((len(asked), len(policy.category_ids)))
    for c, category in enumerate(policy.category_ids):
        labels = np.array([example.ratings[category] >= VIOLATION for example in train])
        if labels.any():
            scores_NC[:, c] = _fit(classifier(seed), seen_words, labels, asked_words)
    verdicts: list[Verdict] = []
    for listing, chance, row in zip(asked, chances, scores_NC, strict=True):
        scores = dict(zip(policy.category_ids, map(float, row), strict=True))
        verdicts.append(
            Prediction(
                id=listing.id,
                decision="disallow" if chance >= 0.5 else "allow",
                ratings=Ratings({name: VIOLATION if score >= 0.5 else 0 for name, score in scores.items()}),
                scores=scores,
                model="bag of words",
                policy_version=policy.version_label,
                decision_score=float(chance),
            )
        )
    return verdicts


def _fit(model: Any, seen: Any, labels: Array, asked: Any) -> Array:
    """P(label) of `asked` (N,); the label itself when only one occurs."""
    if labels.all() or not labels.any():
        return np.full(asked.shape[0] if hasattr(asked, "shape") else len(asked), float(labels[0]))
    return np.asarray(model.fit(seen, labels).predict_proba(asked)[:, 1])
