"""Allowed near misses, by the category they nearly miss."""

from __future__ import annotations

from dataclasses import replace

from modsmith.evaluation.suites.items import Context, Item, NotRunError, spread
from modsmith.ratings import BORDERLINE


def load(context: Context) -> list[Item]:
    """Near misses rated under 2. Raises `NotRunError` without any."""
    near = [example for example in context.test if example.kind == "near_miss" and example.ratings.top < BORDERLINE]
    if not near:
        raise NotRunError("the test listings hold no near miss")
    rows = [replace(example, slice=example.category) for example in near]
    return [Item(example) for example in spread(rows, context.size, context.draw("near_miss"))]
