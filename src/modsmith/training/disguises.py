"""Disguises put on listings while training, others at every pass: what a seller does to get by changes no rating.

The corpus disguises a sixth of what it composes and hardly any of the listings written whole, so a model that has seen
each a few times takes a disguise for a trait of those it stood on. Both sides of a twin wear the same one. Disguises
and orders that stand in the test split or in a suite alone are never used.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from modsmith.corpus.build import UNSEEN_EVASIONS
from modsmith.corpus.compose import EVASIONS, disguise, read_orders
from modsmith.corpus.compose.disguise import MOVING
from modsmith.training.plan import Pass

_WEIGHTS = {"injected orders": 4, "padding": 2}
"""How often each is worn, beside 1 for the others: letters are mostly read through before the model sees them."""
_NAMES = [name for name in EVASIONS if name not in (*UNSEEN_EVASIONS, *MOVING)]


def wear_disguises(batch: Sequence[Pass], share: float, draw: random.Random, talk: Sequence[str]) -> list[Pass]:
    """The passes of a batch, in order, with about `share` of the units (a twin, or one listing) in a disguise. What
    wears one already is left as it is. `talk` holds innocent sentences."""
    if not share:
        return list(batch)
    orders = [order.text for order in read_orders() if not order.test]
    worn: dict[str, tuple[str, int] | None] = {}
    for item in batch:
        if item.example.unit not in worn:
            (name,) = draw.choices(_NAMES, [_WEIGHTS.get(name, 1) for name in _NAMES])
            worn[item.example.unit] = (name, draw.getrandbits(32)) if draw.random() < share else None
    dressed = []
    for item in batch:
        chosen = worn.get(item.example.unit)
        if chosen and not item.example.evasion:
            name, seed = chosen
            item = replace(item, example=disguise(item.example, [name], random.Random(seed), talk, orders))
        dressed.append(item)
    return dressed
