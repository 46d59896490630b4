"""What the audit asks, and the limits past which a corpus fails.

| check | measure | limit |
|---|---|---|
| surface only | AUC of a classifier that sees length, formatting, punctuation or function words only, 5-fold by group | 0.60 each |
| bag of words on twins | share of twins in which bag of words ranks the violation higher, 5-fold by group | reported |
| near duplicates | pairs of listings in different splits with a Jaccard similarity of word triples >= 0.8 (MinHash) | 0 |
| groups | groups that stand in two splits | 0 |
| labels | examples without a reason, or without a verbatim quote (rated >= 2) | 0 |
| rationales | share of those rated >= 2 whose rationale is silent about the category, in words (`reasons`) | 0.20 |
| provenance | mutual information of the label with generator, shell, language and length band, Miller-Madow corrected | 0.02 bit |
| meta-talk | listings or rationales in which a language model talks about itself or refuses, read through disguises | 0 |
"""  # noqa: E501 - table rows

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modsmith.corpus.audit.reasons import is_silent
from modsmith.corpus.audit.variety import length_shares, variety
from modsmith.corpus.example import Example
from modsmith.corpus.similar import SimilarIndex, Sketch
from modsmith.corpus.surface import SHORTCUTS, WORDS_C, bag_of_words, classifier
from modsmith.listing import Listing
from modsmith.normalise import normalise
from modsmith.policy import Policy
from modsmith.ratings import BORDERLINE

AUC_LIMIT = 0.60
INFORMATION_LIMIT = 0.02
"""Bits."""
SILENT_LIMIT = 0.20
"""Share of rationales; `reasons` takes about one good rationale in nine for silent, and two in three of another's."""
FOLDS = 5
_SHOWN = 5
"""Most places that a failed check names."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the corpus. It passes when `value` is at most `limit`; without a limit it only reports."""

    name: str
    value: float
    limit: float | None = None
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.limit is None or self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Audit:
    """All answers, and tables that stand beside them without a limit."""

    checks: tuple[Check, ...]
    variety: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of this corpus and of the listings it is compared with: distinct n-grams, spread, lengths."""
    lengths: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of the same sets: the share of listings in each band of length."""
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def audit_corpus(
    examples: Sequence[Example],
    policy: Policy,
    counts: dict[str, Any],
    real: Sequence[Listing] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Audit:
    """Ask every question of the module's table. `real` are listings from the field to compare the variety with."""
    steps: list[Callable[[], Iterator[Check]]] = [
        lambda: _surface(examples, seed),
        lambda: _twins(examples, seed),
        lambda: _duplicates(examples),
        lambda: _labels(examples, policy),
        lambda: _provenance(examples),
        lambda: _meta_talk(examples),
    ]
    checks: list[Check] = []
    for done, step in enumerate(steps):
        if progress:
            progress(done, len(steps) + 1)
        checks += step()
    sets: dict[str, Sequence[Listing]] = {"this corpus": [example.listing for example in examples]}
    if real:
        sets["real listings"] = real
    tables, lengths = variety(sets, seed), length_shares(sets, seed)
    if progress:
        progress(len(steps) + 1, len(steps) + 1)
    return Audit(tuple(checks), tables, lengths, counts)


# --- what the surface gives away -------------------------------------------------------------------------------------


def _surface(examples: Sequence[Example], seed: int) -> Iterator[Check]:
    violates = np.array([example.violates for example in examples])
    twins = np.array([example.kind == "twin" for example in examples])
    for name, make in SHORTCUTS.items():
        chance_N = _cross_validated(examples, violates, lambda make=make: make(seed), seed)  # type: ignore[misc]
        note = f"{auc(violates[twins], chance_N[twins]):.2f} on twins alone" if twins.any() else ""
        yield Check(f"label from {name} (AUC)", auc(violates, chance_N), AUC_LIMIT, note)


def _twins(examples: Sequence[Example], seed: int) -> Iterator[Check]:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    twins = [example for example in examples if example.kind == "twin"]
    if not twins:
        return
    violates = np.array([example.violates for example in twins])

    def words() -> Any:
        texts = FunctionTransformer(lambda listings: [listing.text for listing in listings])
        return make_pipeline(texts, bag_of_words(), classifier(seed, WORDS_C))

    chance_N = _cross_validated(twins, violates, words, seed)
    sides: dict[str, dict[bool, float]] = {}
    for example, chance in zip(twins, chance_N, strict=True):
        sides.setdefault(example.unit, {})[example.violates] = float(chance)
    pairs = [pair for pair in sides.values() if len(pair) == 2]
    ranked = float(np.mean([pair[True] > pair[False] for pair in pairs])) if pairs else float("nan")
    yield Check("twins that bag of words ranks right", ranked, note="the judge must beat it")


def _cross_validated(
    examples: Sequence[Example], labels: NDArray[Any], make: Callable[[], Any], seed: int
) -> NDArray[Any]:
    """P(label) (N,) of every example from a classifier that has seen none of its group."""
    from sklearn.model_selection import StratifiedGroupKFold

    listings = np.array([example.listing for example in examples], dtype=object)
    groups = [example.group for example in examples]
    chance_N = np.full(len(examples), float(labels.mean()))
    folds = min(FOLDS, len(set(groups)))
    if folds < 2 or labels.all() or not labels.any():
        return chance_N
    for seen, asked in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(listings, labels, groups):
        if labels[seen].any() and not labels[seen].all():
            model = make().fit(list(listings[seen]), labels[seen])
            chance_N[asked] = model.predict_proba(list(listings[asked]))[:, 1]
    return chance_N


def auc(labels: NDArray[Any], chances: NDArray[Any]) -> float:
    """Area under the ROC curve; 0.5 when only one label occurs."""
    from sklearn.metrics import roc_auc_score

    return 0.5 if labels.all() or not labels.any() else float(roc_auc_score(labels, chances))


# --- splits ----------------------------------------------------------------------------------------------------------


def _duplicates(examples: Sequence[Example]) -> Iterator[Check]:
    pairs = list(near_duplicates([example.listing for example in examples], [str(e.split) for e in examples]))
    note = "; ".join(f"{examples[i].id} and {examples[j].id}" for i, j in pairs[:_SHOWN])
    yield Check("near duplicates across splits", len(pairs), 0, note)
    splits: dict[str, set[str]] = {}
    for example in examples:
        splits.setdefault(example.group, set()).add(str(example.split))
    torn = [group for group, found in splits.items() if len(found) > 1]
    yield Check("groups across splits", len(torn), 0, "; ".join(torn[:_SHOWN]))


def near_duplicates(listings: Sequence[Listing], parts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places (i < j) of listings in different `parts` whose word triples overlap by `SIMILAR` or more."""
    index = SimilarIndex()
    for place, listing in enumerate(listings):
        sketch = Sketch(listing)
        for other in index.like(sketch, among=lambda other, own=parts[place]: parts[other] != own):  # type: ignore[misc]
            yield other, place
        index.add(sketch)


# --- labels ----------------------------------------------------------------------------------------------------------


def _labels(examples: Sequence[Example], policy: Policy) -> Iterator[Check]:
    bad = [f"{example.id} ({problem})" for example in examples if (problem := example.problem())]
    yield Check("examples without a reason or a verbatim quote", len(bad), 0, "; ".join(bad[:_SHOWN]))
    concerned = [example for example in examples if example.ratings.top >= BORDERLINE]
    silent = [example.id for example in concerned if is_silent(example, policy)]
    share = len(silent) / len(concerned) if concerned else 0.0
    yield Check("rationales silent about the category (share)", share, SILENT_LIMIT, "; ".join(silent[:_SHOWN]))


# --- provenance ------------------------------------------------------------------------------------------------------


def _provenance(examples: Sequence[Example]) -> Iterator[Check]:
    labels = [example.violates for example in examples]
    columns: dict[str, list[Hashable]] = {
        "generator": [example.generator for example in examples],
        "shell": [example.shell for example in examples],
        "language": [example.listing.language for example in examples],
        "length band": [len(example.listing.text).bit_length() for example in examples],
    }
    for name, values in columns.items():
        yield Check(f"label from {name} (bit)", mutual_information(values, labels), INFORMATION_LIMIT)


def mutual_information(values: Sequence[Hashable], labels: Sequence[bool]) -> float:
    """Mutual information in bit, with the bias of the plug-in estimate taken off (Miller 1955): with K values it is
    (K - 1) / 2N nat too high for a binary label even when the two are independent. Never below 0."""
    total = len(values)
    joint, left, right = Counter(zip(values, labels, strict=True)), Counter(values), Counter(labels)
    plug_in = sum(
        count / total * np.log2(count * total / (left[value] * right[label])) for (value, label), count in joint.items()
    )
    bias = (len(left) - 1) * (len(right) - 1) / (2 * total * np.log(2))
    return max(0.0, float(plug_in - bias))


# --- traces of a language model --------------------------------------------------------------------------------------

_META_TALK = re.compile(
    "|".join(
        (
            r"\bas an? (?:ai|artificial|language model)\b",
            r"\bi(?:'m| am) (?:sorry|unable)\b.{0,40}\b(?:assist|comply|create|write)",
            r"\bi (?:cannot|can't|can not|won't) (?:assist|help with that|comply|create that|generate)\b",
            r"\bhere(?:'s| is) (?:an?|the|your) (?:revised|rewritten|modified|compliant|violating) (?:version|listing)",
            r"\b(?:violating|compliant) (?:twin|listing|version)\b",
            r"\bcertainly! here\b",
            r"\[insert |\{\{",
        )
    ),
    re.IGNORECASE | re.DOTALL,
)


def is_meta_talk(text: str) -> bool:
    """Does a language model talk about itself or its task in this text, or refuse?"""
    return bool(_META_TALK.search(text))


def _meta_talk(examples: Sequence[Example]) -> Iterator[Check]:
    found = []
    for one in examples:
        said = [one.listing.text, one.rationale]
        if one.evasion:  # a disguise may hide the words from the patterns; what it orders the moderator is none of them
            said.append(normalise(one.listing.text))
        if any(is_meta_talk(text.replace("’", "'")) for text in said):
            found.append(one.id)
    yield Check("refusals and meta-talk", len(found), 0, "; ".join(found[:_SHOWN]))
