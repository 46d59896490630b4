"""Which wording of a telling says least about its label by its function words.

An offer has several wordings. Writers of violations say "nobody", "any" and "their" a little more often, so of two
draws of wording the less telling one is kept. Presence of a function word w weighs its log-odds,

    weight(w) = log((V_w + 1) / (V + 2)) - log((A_w + 1) / (A + 2)),

with V_w of V violating and A_w of A allowed listings of the training split holding it: naive Bayes, whose counts are
the same on every machine. The idea is that of adversarial filtering (AFLite, 2002.04108), for one cue, with nothing
thrown away.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

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
