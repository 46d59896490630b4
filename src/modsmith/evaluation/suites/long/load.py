"""A listing set into a long innocent text: at its head, in its middle, at its tail."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate

from modsmith.corpus import Example
from modsmith.corpus.compose import small_talk
from modsmith.evaluation.suites.items import Context, Item, NotRunError, changed, originals, unchanged

CHARACTERS = 6000
"""Length of the innocent text: six windows of the judge."""
PLACES = {"head": 0.0, "middle": 0.5, "tail": 1.0}


def load(context: Context) -> list[Item]:
    """The originals, then each at every place. Raises `NotRunError` without enough innocent text."""
    draw = context.draw("long")
    chosen = originals(context, context.size // (len(PLACES) + 1), draw)
    talk = small_talk(context.test)
    if sum(map(len, talk)) < 2 * CHARACTERS:
        raise NotRunError("the test listings hold too little ordinary text to hide a violation in")
    items = list(unchanged(chosen))
    for place, share in PLACES.items():
        items += [changed(e, place, description=_hidden(e, share, talk, draw)) for e in chosen]
    return items


def _hidden(example: Example, share: float, talk: Sequence[str], draw: random.Random) -> str:
    """The description after about `share` of the innocent text, between two paragraphs."""
    around: list[str] = []
    while sum(map(len, around)) < CHARACTERS:
        around.append(draw.choice(talk))
    before = [0, *accumulate(map(len, around))]
    cut = min(range(len(before)), key=lambda place: abs(before[place] - share * before[-1]))
    return "\n\n".join([*around[:cut], example.listing.description, *around[cut:]])
