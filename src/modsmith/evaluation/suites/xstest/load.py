"""The safe prompts of XSTest, by type."""

from __future__ import annotations

from modsmith.evaluation.suites.items import Context, Item, foreign, spread


def load(context: Context) -> list[Item]:
    """Safe prompts only. Raises `NotRunError` without the file."""
    rows = context.rows("xstest.csv", ("id", "prompt", "type", "label"))
    safe = [
        foreign(context.policy, f"xstest-{row['id']}", row["prompt"], row["type"].replace("_", " "), "XSTest")
        for row in rows
        if row["label"] == "safe"
    ]
    return [Item(example) for example in spread(safe, context.size, context.draw("xstest"))]
