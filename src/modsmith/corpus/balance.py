"""Which wording of a telling, and which of the written listings, say least about the label by their function words.

An offer has several wordings. Writers of violations say "nobody", "any" and "their" a little more often, so of two
draws of wording the less telling one is kept. Presence of a function word w weighs its log-odds,

    weight(w) = log((V_w + 1) / (V + 2)) - log((A_w + 1) / (A + 2)),

with V_w of V violating and A_w of A allowed listings of the training split holding it: naive Bayes, whose counts are
the same on every machine. The idea is that of adversarial filtering (AFLite, 2002.04108), for one cue, with nothing
thrown away.

Where a build holds only some of the written listings, they are drawn so that words, writers and lengths stand on both
labels alike (`take_evenly`): all of them together lean, and a small sample would lean by chance.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modsmith.corpus.example import Example
from modsmith.corpus.surface import FUNCTION_WORDS
from modsmith.listing import Listing

_WORD = re.compile(r"[a-z']+")


def function_words(listing: Listing) -> frozenset[str]:
    """The function words that a listing holds."""
    return FUNCTION_WORDS & set(_WORD.findall(listing.text.lower().replace("’", "'")))


def word_weights(examples: Sequence[Example]) -> dict[str, float]:
    """Log-odds of "violating" for each function word that occurs, rounded to a thousandth."""
    holding = {True: Counter[str](), False: Counter[str]()}
    total = Counter(example.violates for example in examples)
    for example in examples:
        holding[example.violates].update(function_words(example.listing))

    def share(word: str, violating: bool) -> float:
        return (holding[violating][word] + 1) / (total[violating] + 2)

    words = sorted(holding[True] | holding[False])
    return {word: round(math.log(share(word, True) / share(word, False)), 3) for word in words}


def least_telling(drafts: Sequence[Sequence[Example]], weights: Mapping[str, float]) -> Sequence[Example]:
    """Of several drafts of the same sides, the one whose violating sides have the lowest and whose allowed sides the
    highest sum of weights; the first of equals."""

    def gap(draft: Sequence[Example]) -> float:
        score = 0.0
        for example in draft:
            total = math.fsum(weights.get(word, 0.0) for word in function_words(example.listing))
            score += total if example.violates else -total
        return round(score, 6)

    return min(drafts, key=gap)


RIVALS = 200
"""Units of one stratum among which the next is chosen."""
_WEIGHTS = {"hand": 3, "length": 2}
"""A listing has one writer and one length, and a dozen function words."""


def take_evenly(units: Sequence[Sequence[Example]], limit: int, violating: int) -> list[int]:
    """Places of units, taken in the given order until they hold `limit` examples, of which at most `violating` violate;
    a unit that does not fit is passed over.

    Strata (split, category, kind) keep their shares. Which unit of its stratum is next is chosen among the first
    `RIVALS` left: the one that most opposes what leans so far. What leans is, for each function word, writer and band
    of length f, A * V_f - V * A_f: V_f of the violating and A_f of the allowed examples taken hold it, V and A are
    those of all units. In whole numbers, so the same on every machine.
    """
    total = Counter(example.violates for unit in units for example in unit)
    left: dict[tuple[object, str, str], list[int]] = {}
    for place, unit in enumerate(units):
        left.setdefault(_stratum(unit), []).append(place)
    steps_UF = _steps([_lean(unit, total) for unit in units])
    lean_F = np.zeros(steps_UF.shape[1], np.int64)
    taken: list[int] = []
    for unit in units:
        if limit <= 0:
            break
        row = left[_stratum(unit)]
        place = row.pop(int(np.argmin(steps_UF[row[:RIVALS]] @ lean_F)))
        size, bad = len(units[place]), sum(example.violates for example in units[place])
        if size <= limit and bad <= violating:
            taken.append(place)
            limit, violating = limit - size, violating - bad
            lean_F += steps_UF[place]
    return sorted(taken)


def _stratum(unit: Sequence[Example]) -> tuple[object, str, str]:
    return unit[0].split, unit[0].category, unit[0].kind


def _lean(unit: Sequence[Example], total: Mapping[bool, int]) -> Counter[str]:
    """What taking the unit adds to A * V_f - V * A_f."""
    steps: Counter[str] = Counter()
    for example in unit:
        step = total[False] if example.violates else -total[True]
        for word in function_words(example.listing):
            steps[word] += step
        steps[f"hand {example.generator}"] += _WEIGHTS["hand"] * step
        steps[f"length {len(example.listing.text).bit_length()}"] += _WEIGHTS["length"] * step
    return steps


def _steps(leans: Sequence[Mapping[str, int]]) -> NDArray[np.int64]:
    """The steps of U units, a row each, over all F features: 8 * U * F bytes."""
    names = {name: column for column, name in enumerate(sorted(set().union(*leans)))}
    steps_UF = np.zeros((len(leans), len(names)), np.int64)
    for row, lean in enumerate(leans):
        steps_UF[row, [names[name] for name in lean]] = list(lean.values())
    return steps_UF
