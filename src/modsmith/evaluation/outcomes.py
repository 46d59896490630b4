"""One system's verdicts laid beside the gold ratings, as arrays: what every metric is computed from.

Failure rule: an answer that cannot be used is **wrong**, wherever answers are counted. A verdict is unusable when it
did not parse, when it has no ratings (unless it is a `Prediction`), or when a score is not a finite number. Its binary
prediction is the opposite of the gold, so is its flag in every category, and its scores are the worst there are (0 for
what violates, 1 for what does not): leaving hard listings unanswered can never raise a number. The severity
metrics leave it out, since no rating is "the opposite of 2"; the parse rate tells how many they left out.

Shape suffixes: N listings, C categories in the policy's order, G groups.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modsmith.corpus import Example
from modsmith.policy import Policy
from modsmith.ratings import BORDERLINE, LEVELS, VIOLATION, Verdict

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Prediction(Verdict):
    """The verdict of a system that models the decision itself, such as a shortcut probe.

    Its `ratings` may be `None` with `parse_ok` true: it then gives a decision and nothing else, and every metric
    that needs ratings is `None` for it. A plain `Verdict` without ratings is an answer that failed.
    """

    decision_score: float | None = None
    """P(disallowed). `None`: the category scores stand for it, as they do for a plain `Verdict`."""


def is_answered(verdict: Verdict) -> bool:
    """Can this verdict be used, or does it count as wrong?"""
    if not verdict.parse_ok or (verdict.ratings is None and not isinstance(verdict, Prediction)):
        return False
    own = verdict.decision_score if isinstance(verdict, Prediction) else None
    numbers = [*(verdict.scores or {}).values(), *([] if own is None else [own])]
    return all(math.isfinite(number) for number in numbers)


def decision_score(verdict: Verdict) -> float | None:
    """How strongly the verdict leans to "disallowed", 0..1: its own `decision_score`, else P(any category), or `None`.

    P(any) is the sum of the category scores, at most 1, as in `Policy.decide`: listings rarely violate two categories.
    The highest score would understate it wherever a judge is sure of a violation and unsure of its name.
    """
    if isinstance(verdict, Prediction) and verdict.decision_score is not None:
        return verdict.decision_score
    return min(1.0, sum(verdict.scores.values())) if verdict.scores else None


def gold_disallowed(examples: Sequence[Example], policy: Policy) -> Array:
    """The binary label (N,): any rating >= 3, or >= 2 when the policy counts review as disallowed."""
    return _gold_ratings(examples, policy).max(1) >= lowest_disallowed(policy)


def lowest_disallowed(policy: Policy) -> int:
    """The lowest rating that makes a listing disallowed on the binary task."""
    return BORDERLINE if policy.review_counts_as_disallowed else VIOLATION


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Gold and prediction side by side. What a system does not give is `None`."""

    categories: list[str]
    groups: int
    group_N: Array
    """Index of each listing's group, 0..G-1, in order of first appearance."""
    kind_N: Array
    answered_N: Array
    gold_N: Array
    """Binary label: disallowed or not."""
    predicted_N: Array
    score_N: Array | None
    """The decision score; `None` unless every answered verdict gives one."""
    uncalibrated_N: Array | None
    """The decision score before calibration; `None` for systems that do not tell it."""
    cost_N: Array
    """What the mistake on this listing costs by the policy; 0 where there is none."""
    gold_NC: Array
    rated_NC: Array | None
    """Predicted ratings, -1 where not answered; `None` for systems that give decisions only."""
    flagged_NC: Array | None
    """Score at or over the category's threshold, or rating >= 3 without scores; `None` as `rated_NC`."""
    score_NC: Array | None
    """P(rating >= 3) per category; `None` unless every answered verdict gives them."""
    pairs: list[tuple[int, int]]
    """Both sides of every complete pair of twins, as positions."""

    @property
    def violates_NC(self) -> Array:
        return np.asarray(self.gold_NC >= VIOLATION)

    @property
    def right_N(self) -> Array:
        return np.asarray(self.gold_N == self.predicted_N)


def compare(examples: Sequence[Example], verdicts: Sequence[Verdict], policy: Policy) -> Outcomes:
    """Lay verdicts beside examples.

    Raises `ValueError` when there are no examples, when the verdicts are not the examples' in the same order, or when
    ratings or scores lack a category of the policy.
    """
    if not examples:
        raise ValueError("there are no examples to evaluate")
    if len(examples) != len(verdicts):
        raise ValueError(f"{len(verdicts)} verdicts for {len(examples)} examples; give one verdict per example")
    for place, (example, verdict) in enumerate(zip(examples, verdicts, strict=True)):
        if example.id != verdict.id:
            raise ValueError(f"verdict {place} is of listing {verdict.id!r}, but example {place} is {example.id!r}")
    names = policy.category_ids
    answered = np.array([is_answered(verdict) for verdict in verdicts])
    gold_NC = _gold_ratings(examples, policy)
    gold = gold_NC.max(1) >= lowest_disallowed(policy)
    decided = np.array([policy.is_disallowed(verdict.decision) for verdict in verdicts])
    predicted = np.where(answered, decided, ~gold)

    used = [verdict for verdict in verdicts if is_answered(verdict)]
    rated_NC = flagged_NC = score_NC = score_N = uncalibrated_N = None
    if all(verdict.ratings is not None for verdict in used):
        rated_NC = np.array([_row(v, v.ratings, names) if is_answered(v) else [-1] * len(names) for v in verdicts])
        if not np.isin(rated_NC[answered], LEVELS).all():
            raise ValueError("a verdict has a rating that is not a whole number from 0 to 4")
        flagged_NC = np.where(answered[:, None], _flags(verdicts, rated_NC, policy), gold_NC < VIOLATION)
    if used and all(verdict.scores for verdict in used):
        worst_NC = np.where(gold_NC >= VIOLATION, 0.0, 1.0)
        rows = [_row(v, v.scores, names) if is_answered(v) else [0.0] * len(names) for v in verdicts]
        score_NC = np.where(answered[:, None], np.array(rows, dtype=float), worst_NC)
    own = [decision_score(verdict) if is_answered(verdict) else 0.0 for verdict in verdicts]
    if used and all(score is not None for score in own):
        score_N = np.where(answered, np.array(own, dtype=float), np.where(gold, 0.0, 1.0))

    if used and all(verdict.uncalibrated for verdict in used):
        raw = [min(1.0, sum((verdict.uncalibrated or {}).values())) for verdict in verdicts]
        uncalibrated_N = np.where(answered, np.array(raw, dtype=float), np.where(gold, 0.0, 1.0))

    index: dict[str, int] = {}
    group_N = np.array([index.setdefault(example.group, len(index)) for example in examples])
    return Outcomes(
        categories=names,
        groups=len(index),
        group_N=group_N,
        kind_N=np.array([example.kind for example in examples]),
        answered_N=answered,
        gold_N=gold,
        predicted_N=predicted,
        score_N=score_N,
        uncalibrated_N=uncalibrated_N,
        cost_N=_costs(gold, predicted, gold_NC, rated_NC, flagged_NC, answered, policy),
        gold_NC=gold_NC,
        rated_NC=rated_NC,
        flagged_NC=flagged_NC,
        score_NC=score_NC,
        pairs=_twin_pairs(examples),
    )


def _gold_ratings(examples: Sequence[Example], policy: Policy) -> Array:
    return np.array([_row(example, example.ratings, policy.category_ids) for example in examples])


def _row(owner: Example | Verdict, values: Any, names: Sequence[str]) -> list[Any]:
    try:
        return [values[name] for name in names]
    except KeyError as error:
        raise ValueError(f"listing {owner.id!r} has no value for category {error.args[0]!r} of the policy") from error


def _flags(verdicts: Sequence[Verdict], rated_NC: Array, policy: Policy) -> Array:
    limits = {category.id: category.thresholds.disallow for category in policy.categories}
    flags = rated_NC >= VIOLATION
    for place, verdict in enumerate(verdicts):
        if verdict.scores and is_answered(verdict):
            scores = _row(verdict, verdict.scores, list(limits))
            flags[place] = [score >= limit for score, limit in zip(scores, limits.values(), strict=True)]
    return flags


def _costs(
    gold: Array, predicted: Array, gold_NC: Array, rated_NC: Array | None, flagged_NC: Array | None, answered: Array,
    policy: Policy,
) -> Array:  # fmt: skip
    """A miss costs the highest `costs.miss` of the gold violating categories, a false alarm the highest
    `costs.false_alarm` of the flagged ones, or the policy's mean where the system names none (decision-only systems,
    answers that did not parse)."""
    miss_C = np.array([category.costs.miss for category in policy.categories])
    alarm_C = np.array([category.costs.false_alarm for category in policy.categories])
    lowest = lowest_disallowed(policy)
    miss_N = np.where(gold_NC >= lowest, miss_C, 0.0).max(1)
    alarm_N = np.zeros(len(gold))
    if flagged_NC is not None and rated_NC is not None:
        blamed_NC = (flagged_NC | (rated_NC >= lowest)) if lowest < VIOLATION else flagged_NC
        alarm_N = np.where(blamed_NC & answered[:, None], alarm_C, 0.0).max(1)
    alarm_N = np.where(alarm_N > 0, alarm_N, alarm_C.mean())
    return np.where(gold & ~predicted, miss_N, np.where(predicted & ~gold, alarm_N, 0.0))


def _twin_pairs(examples: Sequence[Example]) -> list[tuple[int, int]]:
    sides: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        if example.kind == "twin":
            sides[example.unit].append(place)
    return [(places[0], places[1]) for places in sides.values() if len(places) == 2]
