"""What a completion is paid for. Plain functions in TRL's signature, `f(completions, **columns) -> list[float]`.

Columns, one entry a completion: `gold` (JSON object, category -> rating), `listing` (the text a quote has to stand in),
`mode` ("think" or "direct"); TRL adds `completion_ids`.

The parts, and what each can give (weights come from the settings):

    decision    +1 right; +0.3 the other side of "review" with the same binary reading; wrong: minus the policy's cost,
                at least 1; unparsable: -1. So a well-formed wrong answer never beats an unparsable one.
    severity    0 for the gold ratings down to -1: mean distance / 4 over the categories that gold or answer rate
                above 0
    grounding   think mode: +1 for a reasoning with a quote that stands in the listing; -1 for an invented quote, for
                the whole listing as "evidence", or for a reasoning that contradicts the answer; only paid when the
                decision is right, so that quoting well is no consolation
    length      0, and down to -1 over the last fifth before the completion cap
    brier       0 down to -1: the rating read as a confidence (rating / 4 = P(violation)), its mean squared error over
                the categories that gold or answer rate above 0. The calibration half of RLCR (2507.16806); off by
                default, since it pays for hedging with 2 where severity pays for the right tier

Unparsable completions get 0 from every part but `decision`: parsing is a gate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modsmith.policy import Policy
from modsmith.prompt import Answer, Mode, parse_answer
from modsmith.ratings import BORDERLINE, VIOLATION, Ratings

Reward = Callable[..., list[float]]

SAME_SIDE = 0.3
"""Paid for "review" in place of "allow" and the reverse: not right, but nothing was let through or taken down."""
QUOTE_MAX_SHARE = 0.6
"""A quote longer than this share of the listing's text points at nothing."""
QUOTE_MIN_CHARACTERS = 8
LENGTH_FREE_SHARE = 0.8
"""Up to this share of the cap, length costs nothing."""


def build_rewards(policy: Policy, max_completion_tokens: int) -> dict[str, Reward]:
    """The reward functions, bound to a policy, by name; each function's `__name__` is that name."""
    categories = policy.category_ids

    def parsed(completions: Sequence[Any], columns: Mapping[str, Any]) -> list[tuple[Answer, Ratings, str, Mode]]:
        rows = zip(completions, columns["gold"], columns["listing"], columns["mode"], strict=True)
        return [
            (
                parse_answer(_text(completion), categories, mode),
                Ratings.full(categories, json.loads(gold)),
                listing,
                mode,
            )
            for completion, gold, listing, mode in rows
        ]

    def decision(completions: Sequence[Any], **columns: Any) -> list[float]:
        return [decision_reward(policy, answer.ratings, gold) for answer, gold, _, _ in parsed(completions, columns)]

    def severity(completions: Sequence[Any], **columns: Any) -> list[float]:
        return [
            0.0 if answer.ratings is None else -severity_distance(answer.ratings, gold)
            for answer, gold, _, _ in parsed(completions, columns)
        ]

    def grounding(completions: Sequence[Any], **columns: Any) -> list[float]:
        return [
            grounding_reward(policy, answer, gold, listing) if mode == "think" else 0.0
            for answer, gold, listing, mode in parsed(completions, columns)
        ]

    def length(completions: Sequence[Any], **columns: Any) -> list[float]:
        ids = columns.get("completion_ids")
        sizes = [len(one) for one in ids] if ids else [len(_text(one)) // 4 for one in completions]
        return [
            0.0 if answer.ratings is None else -length_penalty(size, max_completion_tokens)
            for (answer, *_), size in zip(parsed(completions, columns), sizes, strict=True)
        ]

    def brier(completions: Sequence[Any], **columns: Any) -> list[float]:
        return [
            0.0 if answer.ratings is None else -brier_score(answer.ratings, gold)
            for answer, gold, _, _ in parsed(completions, columns)
        ]

    return {"decision": decision, "severity": severity, "grounding": grounding, "length": length, "brier": brier}


def decision_reward(policy: Policy, ratings: Ratings | None, gold: Ratings) -> float:
    """+1, +0.3, or minus the cost of this mistake in units of the policy's smallest cost (so at least 1)."""
    if ratings is None:
        return -1.0
    said, right = policy.decide(ratings), policy.decide(gold)
    if said == right:
        return 1.0
    if policy.is_disallowed(said) == policy.is_disallowed(right):
        return SAME_SIDE
    unit = min(min(category.costs.miss, category.costs.false_alarm) for category in policy.categories)
    bar = BORDERLINE if policy.review_counts_as_disallowed else VIOLATION
    if policy.is_disallowed(right):
        return -max(category.costs.miss for category in policy.categories if gold[category.id] >= bar) / unit
    return -max(category.costs.false_alarm for category in policy.categories if ratings[category.id] >= bar) / unit


def severity_distance(ratings: Ratings, gold: Ratings) -> float:
    """Mean |rating - gold| / 4 over the categories where either is above 0; 0 when none is."""
    distances = [abs(ratings[name] - gold[name]) for name in gold if ratings[name] or gold[name]]
    return sum(distances) / (4 * len(distances)) if distances else 0.0


def brier_score(ratings: Ratings, gold: Ratings) -> float:
    """Mean (rating / 4 - [gold >= 3])^2 over the categories where either is above 0; 0 when none is."""
    errors = [(ratings[name] / 4 - (gold[name] >= VIOLATION)) ** 2 for name in gold if ratings[name] or gold[name]]
    return sum(errors) / len(errors) if errors else 0.0


def grounding_reward(policy: Policy, answer: Answer, gold: Ratings, listing: str) -> float:
    """See the module's table. A reasoning without any quote earns 0."""
    if answer.ratings is None or policy.decide(answer.ratings) != policy.decide(gold):
        return 0.0
    if contradicts(answer, policy):
        return -1.0
    quotes = answer.quotes
    if not quotes:
        return 0.0
    text = _flat(listing)
    for quote in map(_flat, quotes):
        if quote not in text or len(quote) > QUOTE_MAX_SHARE * len(text):
            return -1.0
    return 1.0 if all(len(quote) >= QUOTE_MIN_CHARACTERS for quote in map(_flat, quotes)) else 0.0


_CLEARS = re.compile(
    r"\b(?:nothing (?:here )?(?:wrong|prohibited|violating|breaks)|harmless|is allowed|no violation|"
    r"does not (?:break|violate)|within the rules|is fine)\b",
    re.IGNORECASE,
)
_ACCUSES = re.compile(
    r"(?<!not )(?<!never )(?<!no )\b(?:violates|a (?:clear |severe )?violation|breaks the rule|is prohibited|"
    r"is disallowed|not allowed|must be (?:removed|disallowed))\b",
    re.IGNORECASE,
)


def contradicts(answer: Answer, policy: Policy) -> bool:
    """Does the reasoning say something else than the answer?

    Caught: a rating named in the reasoning ("gambling: 0") that differs from the answer's, words that clear the listing
    above a violating answer, and words that accuse it above an all-clear answer. Text inside quotes does not count.
    """
    if answer.ratings is None:
        return False
    own_words = re.sub(r'["“][^"“”]*["”]', " ", answer.reasoning)
    for name in policy.category_ids:
        pattern = rf"\b{re.escape(name).replace('_', '[_ -]')}\b\s*(?:is|rated|rating|=|:)*\s*([0-4])\b"
        if any(int(level) != answer.ratings[name] for level in re.findall(pattern, own_words, re.IGNORECASE)):
            return True
    if answer.ratings.top >= VIOLATION:
        return bool(_CLEARS.search(own_words)) and not _ACCUSES.search(own_words)
    return answer.ratings.top < BORDERLINE and bool(_ACCUSES.search(own_words)) and not _CLEARS.search(own_words)


def length_penalty(tokens: int, cap: int) -> float:
    """0 up to 80 % of the cap, then a line up to 1 at the cap."""
    free = LENGTH_FREE_SHARE * cap
    return min(1.0, max(0.0, (tokens - free) / (cap - free)))


def total_reward(parts: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The weighted sum that GRPO sees."""
    return sum(weights.get(name, 0.0) * value for name, value in parts.items())


def _text(completion: Any) -> str:
    """TRL hands over plain text or a list with one assistant message."""
    return completion if isinstance(completion, str) else completion[-1]["content"]


def _flat(text: str) -> str:
    return " ".join(re.sub('["“”«»]', "'", text).split()).lower()
