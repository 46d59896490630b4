"""What was asked and what was said: a set of items with every system's verdicts, and its records for `items.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modsmith.corpus import Example
from modsmith.evaluation.outcomes import Outcomes, compare, decision_score, is_answered
from modsmith.policy import Policy
from modsmith.ratings import Verdict

CORPUS = "corpus"
"""The name of the set that is no suite: the corpus under evaluation."""
DIGITS = 6
"""Significant digits of a score in `items.jsonl`: enough that figures computed from it agree to four decimals."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Items that the systems were asked about: the corpus under evaluation, or a suite."""

    name: str
    """`CORPUS`, or the suite's."""
    examples: Sequence[Example]
    verdicts: dict[str, list[Verdict]]
    """By system, in the order of `examples`."""
    text_stays: bool = False
    """The text belongs to a public set and is never written anywhere; items go by their ids."""
    origins: Sequence[str] = ()
    """Of each item, the id of the unchanged one it was made from, or "". Empty: none was made from another."""

    def key(self, example: Example) -> str:
        """Names an item among all sets: its id, after the suite's name where there is one."""
        return example.id if self.name == CORPUS else f"{self.name}/{example.id}"

    def outcomes(self, policy: Policy) -> dict[str, Outcomes]:
        """Every system's outcomes. Raises `ValueError` as `outcomes.compare`."""
        return {name: compare(self.examples, verdicts, policy) for name, verdicts in self.verdicts.items()}


def item_records(judged: Judged, policy: Policy) -> Iterator[dict[str, Any]]:
    """One record an item, with what every system said of it: what a sceptic recomputes the figures from.

    `{"set", "id", "origin", "group", "twin", "kind", "slice", "gold", "disallowed", "systems": {name: said}}`, where
    `said` is `say`'s and `right`. No text: a listing is found by its id in the corpus or the public set.
    """
    outcomes = judged.outcomes(policy)
    for n, example in enumerate(judged.examples):
        first = next(iter(outcomes.values()))
        yield {
            "set": judged.name,
            "id": example.id,
            "origin": judged.origins[n] if judged.origins else "",
            "group": example.group,
            "twin": example.unit if example.kind == "twin" else "",
            "kind": example.kind,
            "slice": example.slice,
            "gold": dict(example.ratings),
            "disallowed": bool(first.gold_N[n]),
            "systems": {
                name: say(judged.verdicts[name][n]) | {"right": bool(outcome.right_N[n])}
                for name, outcome in outcomes.items()
            },
        }


def say(verdict: Verdict) -> dict[str, Any]:
    """`{"decision", "score", "ratings", "scores"}`: the decision score, the rating and P(rating >= 3) of every
    category. What a system does not give is `None`; an answer that cannot be used has the decision "no answer"."""
    if not is_answered(verdict):
        return {"decision": "no answer", "score": None, "ratings": None, "scores": None}
    scores = verdict.scores
    return {
        "decision": verdict.decision,
        "score": significant(decision_score(verdict)),
        "ratings": None if verdict.ratings is None else dict(verdict.ratings),
        "scores": scores and {name: significant(score) for name, score in scores.items()},
    }


def significant(value: float | None) -> float | None:
    """Rounded to `DIGITS` significant digits."""
    return None if value is None else float(f"{value:.{DIGITS}g}")
