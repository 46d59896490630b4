"""The test split, by what training has not seen."""

from __future__ import annotations

from dataclasses import replace

from modsmith.evaluation.suites.items import Context, Item, spread


def load(context: Context) -> list[Item]:
    """Every example, in the row of its slice."""
    rows = [replace(example, slice=example.slice or "other") for example in context.test]
    return [Item(example) for example in spread(rows, context.size, context.draw("slices"))]
