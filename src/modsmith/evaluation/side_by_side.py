"""Two systems item by item: where only one of them is right, and what each of them said there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.errors import UserError
from modsmith.evaluation.intervals import mcnemar
from modsmith.evaluation.outcomes import Outcomes, compare, decision_score, is_answered
from modsmith.policy import Policy
from modsmith.ratings import Verdict

SHOWN = 200
"""Most items kept on either side."""


def side_by_side(
    systems: dict[str, list[Verdict]], pair: tuple[str, str], examples: Sequence[Example], policy: Policy
) -> dict[str, Any]:
    """`{"a", "b", "both_right", "both_wrong", "mcnemar_p", "only_a": [...], "only_b": [...]}`: `only_a` are the items
    that only `a` gets right, those with the costliest mistake of the other first. Raises `UserError` for unknown names.
    """
    if unknown := [name for name in pair if name not in systems]:
        raise UserError(f"--compare: there is no system {unknown[0]!r}; the systems are {', '.join(systems)}")
    a, b = pair
    ours, theirs = (compare(examples, systems[name], policy) for name in pair)
    found: dict[str, Any] = {
        "a": a,
        "b": b,
        "both_right": int((ours.right_N & theirs.right_N).sum()),
        "both_wrong": int((~ours.right_N & ~theirs.right_N).sum()),
        "mcnemar_p": round(mcnemar(ours, theirs), 6),
    }
    for side, one, other in (("only_a", ours, theirs), ("only_b", theirs, ours)):
        places = np.flatnonzero(one.right_N & ~other.right_N)
        worst = sorted(places.tolist(), key=lambda n: (-other.cost_N[n], examples[n].id))
        found[f"{side}_count"] = len(places)
        found[side] = [_item(examples[n], systems[a][n], systems[b][n]) for n in worst[:SHOWN]]
    return found


def _item(example: Example, a: Verdict, b: Verdict) -> dict[str, Any]:
    return {
        "id": example.id,
        "title": example.listing.title,
        "kind": example.kind,
        "gold": {name: level for name, level in example.ratings.items() if level},
        "a": _said(a),
        "b": _said(b),
    }


def _said(verdict: Verdict) -> dict[str, Any]:
    answered = is_answered(verdict)
    score = decision_score(verdict) if answered else None
    ratings = verdict.ratings if answered else None
    return {
        "decision": verdict.decision if answered else "no answer",
        "score": None if score is None else round(score, 4),
        "ratings": None if ratings is None else {name: level for name, level in ratings.items() if level},
    }


def item_records(
    systems: dict[str, list[Verdict]], examples: Sequence[Example], policy: Policy
) -> list[dict[str, Any]]:
    """One record an item, with what every system said of it: what a sceptic recomputes the figures from."""
    outcomes: dict[str, Outcomes] = {name: compare(examples, verdicts, policy) for name, verdicts in systems.items()}
    first = next(iter(outcomes.values()))
    return [
        {
            "id": example.id,
            "group": example.group,
            "kind": example.kind,
            "slice": example.slice,
            "gold": dict(example.ratings),
            "disallowed": bool(first.gold_N[n]),
            "systems": {
                name: _said(systems[name][n]) | {"right": bool(outcome.right_N[n])}
                for name, outcome in outcomes.items()
            },
        }
        for n, example in enumerate(examples)
    ]
