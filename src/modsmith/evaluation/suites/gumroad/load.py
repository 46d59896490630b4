"""Real live listings, by the shop's own category."""

from __future__ import annotations

from modsmith.evaluation.suites.items import Context, Item, foreign, spread


def load(context: Context) -> list[Item]:
    """Listings of one seller are one group. Raises `NotRunError` without the file."""
    rows = context.rows("gumroad_listings.csv", ("id", "seller", "category", "title_and_snippet"))
    listings = [
        foreign(
            context.policy,
            f"gumroad-{row['id']}",
            row["title_and_snippet"],
            row["category"].split("/")[0].replace("-", " "),
            "Gumroad",
            group=f"gumroad-{row['seller']}",
        )
        for row in rows
        if row["title_and_snippet"].strip()
    ]
    return [Item(example) for example in spread(listings, context.size, context.draw("gumroad"))]
