"""The mistakes themselves, to be read: which items a system got wrong, worst first, and the items with their text.

The text of public sets is not ours to show: of their items nothing is kept but the id, the class that the suite's card
names, the gold ratings and what the systems rated; no quote and no reasoning, which may repeat the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.evaluation.judged import CORPUS, Judged, say
from modsmith.evaluation.outcomes import Array, Outcomes, compare, is_answered
from modsmith.policy import Policy
from modsmith.ratings import BORDERLINE, Verdict

MISTAKES = 60
"""Most mistakes on the corpus kept per system."""
SUITE_MISTAKES = 12
"""Most mistakes on each suite kept per system."""
TYPES = ("miss", "false alarm", "no answer", "wrong category")


def find_mistakes(sets: Sequence[Judged], system: str, policy: Policy) -> dict[str, Any]:
    """`{"from", "counts": {set: {type: n}}, "worst": [{"item": key, "type", "categories"}]}` of one system.

    Worst first, the corpus before the suites: by policy cost times how far the score was off (1 without scores), then
    by gold rating; after them right decisions to disallow whose category is wrong. `categories` are those at fault:
    the system's in a false alarm, else the gold ones.
    """
    counts: dict[str, dict[str, int]] = {}
    worst: list[dict[str, Any]] = []
    for judged in sets:
        outcomes = compare(judged.examples, judged.verdicts[system], policy)
        places = _worst_first(outcomes, judged.examples)
        types = [_type(outcomes, n) for n in places]
        counts[judged.name] = dict(Counter(types))
        most = MISTAKES if judged.name == CORPUS else SUITE_MISTAKES
        worst += [
            {"item": judged.key(judged.examples[n]), "type": kind, "categories": _at_fault(outcomes, n, kind)}
            for n, kind in zip(places[:most], types[:most], strict=True)
        ]
    return {"from": {"system": system, "data": [judged.name for judged in sets]}, "counts": counts, "worst": worst}


def describe_items(sets: Sequence[Judged], keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Key -> the item: its listing, gold ratings, quote and rationale, and what every system said of it."""
    wanted, found = set(keys), {}
    for judged in sets:
        for n, example in enumerate(judged.examples):
            if (key := judged.key(example)) in wanted:
                said = {name: _said(verdicts[n], judged.text_stays) for name, verdicts in judged.verdicts.items()}
                found[key] = _item(example, judged) | {"said": said}
    return found


def _item(example: Example, judged: Judged) -> dict[str, Any]:
    listing, ours = example.listing, not judged.text_stays
    return {
        "set": judged.name,
        "id": example.id,
        "group": example.group,
        "kind": example.kind,
        "slice": example.slice,
        "gold": {name: level for name, level in example.ratings.items() if level},
        "listing": {
            "title": listing.title,
            "description": listing.description,
            "price": listing.price,
            "tags": list(listing.tags),
            "files": list(listing.files),
        }
        if ours
        else None,
        "quote": example.evidence if ours else "",
        "rationale": example.rationale if ours else "",
    }


def _said(verdict: Verdict, text_stays: bool) -> dict[str, Any]:
    said = say(verdict)
    if said["scores"]:
        said["scores"] = {name: round(score, 4) for name, score in said["scores"].items()}
    if text_stays:
        return said
    quotes = list(verdict.evidence) if is_answered(verdict) else []
    return said | {"evidence": quotes, "reasoning": verdict.reasoning}


def _worst_first(outcomes: Outcomes, examples: Sequence[Example]) -> list[int]:
    off_N = np.ones(len(examples)) if outcomes.score_N is None else abs(outcomes.score_N - outcomes.gold_N)
    wrong_category_N = outcomes.gold_N & ~_names_a_gold_category(outcomes)
    return sorted(
        np.flatnonzero(~outcomes.right_N | wrong_category_N).tolist(),
        key=lambda n: (-outcomes.cost_N[n] * off_N[n], -int(outcomes.gold_NC[n].max()), examples[n].id),
    )


def _names_a_gold_category(outcomes: Outcomes) -> Array:
    """(N,) Is a violating category flagged? Where no category is flagged, none is wrong."""
    if outcomes.flagged_NC is None:
        return np.ones(len(outcomes.gold_N), dtype=bool)
    named = (outcomes.flagged_NC & outcomes.violates_NC).any(1)
    return np.asarray(named | ~outcomes.flagged_NC.any(1))


def _type(outcomes: Outcomes, n: int) -> str:
    if not outcomes.answered_N[n]:
        return "no answer"
    if outcomes.right_N[n]:
        return "wrong category"
    return "miss" if outcomes.gold_N[n] else "false alarm"


def _at_fault(outcomes: Outcomes, n: int, kind: str) -> list[str]:
    blamed = outcomes.gold_NC[n] >= BORDERLINE
    if kind == "false alarm" and outcomes.flagged_NC is not None and outcomes.rated_NC is not None:
        blamed = outcomes.flagged_NC[n] | (outcomes.rated_NC[n] >= BORDERLINE)
    return [name for name, blame in zip(outcomes.categories, blamed, strict=True) if blame]
