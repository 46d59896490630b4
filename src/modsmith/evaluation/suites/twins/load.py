"""Complete pairs of twins, by category."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from modsmith.evaluation.suites.items import Context, Item, NotRunError, spread


def load(context: Context) -> list[Item]:
    """Both sides of every pair. Raises `NotRunError` without any."""
    twins = [replace(example, slice=example.category) for example in context.test if example.kind == "twin"]
    sides = Counter(example.unit for example in twins)
    pairs = [example for example in twins if sides[example.unit] == 2]
    if not pairs:
        raise NotRunError("the test listings hold no complete pair of twins")
    return [Item(example) for example in spread(pairs, context.size, context.draw("twins"))]
