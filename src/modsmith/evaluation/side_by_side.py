"""Two systems item by item, over the corpus and every suite: where only one of them is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modsmith.errors import UserError
from modsmith.evaluation.intervals import mcnemar
from modsmith.evaluation.judged import CORPUS, Judged
from modsmith.evaluation.outcomes import compare
from modsmith.policy import Policy

SHOWN = 100
"""Most items of the corpus kept on either side."""
SHOWN_OF_SUITE = 12
"""Most items of each suite kept on either side."""


def side_by_side(sets: Sequence[Judged], pair: tuple[str, str], policy: Policy) -> dict[str, Any]:
    """`{"a", "b", "sets": [{"from", "set", "listings", "both_right", "both_wrong", "only_a_count", "only_b_count",
    "mcnemar_p", "only_a": [key], "only_b": [key]}]}`: the keys (`Judged.key`) of the items that only one gets right,
    those with the costliest mistake of the other first. Raises `UserError` for unknown names.
    """
    known = sets[0].verdicts
    if unknown := [name for name in pair if name not in known]:
        raise UserError(f"--compare: there is no system {unknown[0]!r}; the systems are {', '.join(known)}")
    return {"a": pair[0], "b": pair[1], "sets": [_of_set(judged, pair, policy) for judged in sets]}


def _of_set(judged: Judged, pair: tuple[str, str], policy: Policy) -> dict[str, Any]:
    ours, theirs = (compare(judged.examples, judged.verdicts[name], policy) for name in pair)
    found: dict[str, Any] = {
        "from": {"systems": list(pair), "data": judged.name},
        "set": judged.name,
        "listings": len(judged.examples),
        "both_right": int((ours.right_N & theirs.right_N).sum()),
        "both_wrong": int((~ours.right_N & ~theirs.right_N).sum()),
        "mcnemar_p": round(mcnemar(ours, theirs), 6),
    }
    most = SHOWN if judged.name == CORPUS else SHOWN_OF_SUITE
    for side, one, other in (("only_a", ours, theirs), ("only_b", theirs, ours)):
        places = np.flatnonzero(one.right_N & ~other.right_N)
        worst = sorted(places.tolist(), key=lambda n: (-other.cost_N[n], judged.examples[n].id))
        found[f"{side}_count"] = len(places)
        found[side] = [judged.key(judged.examples[n]) for n in worst[:most]]
    return found
