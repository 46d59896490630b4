"""Small examples and verdicts for the measuring half of the evaluation station."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modsmith.corpus import Example
from modsmith.listing import Listing
from modsmith.policy import Category, Costs, Policy
from modsmith.ratings import Ratings, Verdict

NAMES = ["spam", "iptv", "phishing"]


def make_policy(**changes: Any) -> Policy:
    categories = [
        Category(id="spam", definition="Nothing is delivered.", costs=Costs(miss=1.0, false_alarm=3.0)),
        Category(id="iptv", definition="Unauthorised streams."),
        Category(id="phishing", definition="Deceives.", costs=Costs(miss=2.0, false_alarm=1.0)),
    ]
    return Policy(name="test", version="1", categories=categories, **changes)


def make_example(
    id: str, gold: dict[str, int] | None = None, group: str = "", kind: Any = "ordinary", **listing: Any
) -> Example:
    return Example(
        listing=Listing(id, **({"title": f"title {id}"} | listing)),
        ratings=Ratings.full(NAMES, gold),
        rationale="because",
        evidence="",
        group=group or id,
        kind=kind,
        category="",
        source="test",
        generator="test",
    )


def make_verdict(id: str, rated: dict[str, int] | None = None, scores: dict[str, float] | None = None) -> Verdict:
    """A parsed answer, decided by the default policy."""
    ratings = Ratings.full(NAMES, rated)
    full = None if scores is None else dict.fromkeys(NAMES, 0.0) | scores
    return Verdict(id, make_policy().decide(ratings, full), ratings, full)


def unparsed(id: str) -> Verdict:
    return Verdict(id, "review", ratings=None, scores=None, parse_ok=False)


def random_set(
    seed: int, n: int = 60, with_scores: bool = True, bad: float = 0.0
) -> tuple[list[Example], list[Verdict]]:
    """Examples of every kind in groups of one or two, and a judge that is right more often than not."""
    rng = np.random.default_rng(seed)
    examples: list[Example] = []
    for place in range(n // 2):
        group = f"g{place}"
        if rng.random() < 0.5:
            own = str(rng.choice(NAMES))
            golds = [{own: int(rng.integers(0, 2))}, {own: int(rng.integers(3, 5))}]
            examples += [make_example(f"{group}{'ab'[side]}", golds[side], group, "twin") for side in (0, 1)]
        else:
            kinds = ["near_miss", "borderline", "multi", "ordinary"]
            for side in "ab":
                gold = {name: int(rng.choice(5, p=[0.6, 0.1, 0.1, 0.1, 0.1])) for name in NAMES}
                examples.append(make_example(f"{group}{side}", gold, group + side, str(rng.choice(kinds))))
    verdicts = []
    for example in examples:
        if rng.random() < bad:
            verdicts.append(unparsed(example.id))
            continue
        rated = {name: int(np.clip(level + rng.integers(-2, 3), 0, 4)) for name, level in example.ratings.items()}
        scores = {name: round(float(np.clip(level / 4 + rng.normal() / 4, 0, 1)), 1) for name, level in rated.items()}
        verdicts.append(make_verdict(example.id, rated, scores if with_scores else None))
    return examples, verdicts


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The builders of this file, as one object."""
    return SimpleNamespace(
        names=NAMES,
        policy=make_policy,
        example=make_example,
        verdict=make_verdict,
        unparsed=unparsed,
        random_set=random_set,
    )
