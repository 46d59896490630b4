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

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.corpus.surface import SHORTCUTS, WORDS_C, bag_of_words, classifier
from modsmith.errors import UserError
from modsmith.evaluation.outcomes import Array, Prediction, gold_disallowed
from modsmith.evaluation.systems import Tick
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import VIOLATION, Ratings, Verdict

EMBEDDINGS = "MiniLM embeddings"
"""The baseline of `embeddings`, which is no probe for shortcuts: it reads, but never the policy."""
PROBES = ("majority", "length only", "formatting only", "function words only", "bag of words")
"""Names of the probes, weakest idea first."""
BASELINES = (*PROBES, EMBEDDINGS)
"""Everything that learns from the train split and never reads the policy."""


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
    asked = [example.listing for example in test]
    return {name: probe.rate(asked) for name, probe in fit_probes(train, policy, seed).items()}


def fit_probes(train: Sequence[Example], policy: Policy, seed: int = 0) -> dict[str, Probe | TextClassifier]:
    """Train every probe. Raises `UserError` without examples."""
    if not train:
        raise UserError("the baselines need examples to learn from, and there are none")
    gold = gold_disallowed(train, policy)
    seen = [example.listing for example in train]
    found: dict[str, Probe | TextClassifier] = {}
    found["majority"] = Probe("majority", _Constant(float(gold.mean())), policy)
    for name in PROBES[1:-1]:
        found[name] = Probe(name, _fit(SHORTCUTS[name](seed), seen, gold), policy)
    words = bag_of_words()
    seen_words = words.fit_transform([listing.text for listing in seen])
    found["bag of words"] = TextClassifier(
        "bag of words", words.transform, seen_words, train, policy, classifier(seed, WORDS_C), classifier(seed)
    )
    return found


class Probe:
    """A classifier of the decision alone."""

    def __init__(self, name: str, model: Any, policy: Policy) -> None:
        self._name, self._model, self._policy = name, model, policy

    def rate(self, listings: Sequence[Listing], progress: Tick | None = None) -> list[Verdict]:
        """`Prediction`s without ratings and scores."""
        if progress:
            progress(len(listings))
        return [
            Prediction(
                id=listing.id,
                decision="disallow" if chance >= 0.5 else "allow",
                ratings=None,
                scores=None,
                model=self._name,
                policy_version=self._policy.version_label,
                decision_score=float(chance),
            )
            for listing, chance in zip(listings, self._model.predict_proba(listings)[:, 1], strict=True)
        ]


class TextClassifier:
    """A logistic regression on features of the text for the decision, and one for each category with positives.

    `features` maps texts to a matrix, `seen` is that of the train split; the two models are clones to be fitted.
    """

    def __init__(
        self,
        name: str,
        features: Callable[[list[str]], Any],
        seen: Any,
        train: Sequence[Example],
        policy: Policy,
        for_decision: Any,
        for_category: Any,
    ) -> None:
        from sklearn.base import clone

        self._name, self._features, self._policy = name, features, policy
        self._decision = _fit(for_decision, seen, gold_disallowed(train, policy))
        labels = {c: np.array([e.ratings[c] >= VIOLATION for e in train]) for c in policy.category_ids}
        self._categories = {c: _fit(clone(for_category), seen, label) for c, label in labels.items()}

    def rate(self, listings: Sequence[Listing], progress: Tick | None = None) -> list[Verdict]:
        """`Prediction`s with ratings 0 or 3 and scores."""
        asked = self._features([listing.text for listing in listings])
        chances = self._decision.predict_proba(asked)[:, 1]
        columns = {name: model.predict_proba(asked)[:, 1] for name, model in self._categories.items()}
        if progress:
            progress(len(listings))
        verdicts: list[Verdict] = []
        for place, listing in enumerate(listings):
            scores = {name: float(column[place]) for name, column in columns.items()}
            verdicts.append(
                Prediction(
                    id=listing.id,
                    decision="disallow" if chances[place] >= 0.5 else "allow",
                    ratings=Ratings({name: VIOLATION if score >= 0.5 else 0 for name, score in scores.items()}),
                    scores=scores,
                    model=self._name,
                    policy_version=self._policy.version_label,
                    decision_score=float(chances[place]),
                )
            )
        return verdicts


class _Constant:
    """The same chance for everything."""

    def __init__(self, chance: float) -> None:
        self._chance = chance

    def predict_proba(self, asked: Any) -> Array:
        rows = asked.shape[0] if hasattr(asked, "shape") else len(asked)
        return np.tile([1 - self._chance, self._chance], (rows, 1))


def _fit(model: Any, seen: Any, labels: Array) -> Any:
    """The fitted model; the label itself when only one occurs."""
    if labels.all() or not labels.any():
        return _Constant(float(labels[0]))
    return model.fit(seen, labels)
