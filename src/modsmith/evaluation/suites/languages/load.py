"""The test split, by language."""

from __future__ import annotations

from dataclasses import replace

from modsmith.evaluation.suites.items import Context, Item, NotRunError, spread


def load(context: Context) -> list[Item]:
    """Every language in turn. Raises `NotRunError` when there is only one."""
    rows = [replace(example, slice=example.listing.language or "not named") for example in context.test]
    if len({example.slice for example in rows}) < 2:
        raise NotRunError("the test listings are all in one language")
    return [Item(example) for example in spread(rows, context.size, context.draw("languages"))]
