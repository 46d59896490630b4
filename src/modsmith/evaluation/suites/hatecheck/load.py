"""HateCheck, by functionality."""

from __future__ import annotations

from modsmith.evaluation.suites.items import Context, Item, foreign, spread


def load(context: Context) -> list[Item]:
    """Hateful cases are harassment 3. Cases from one template are one group. Raises `NotRunError` without the file or
    the category."""
    columns = ("case_id", "functionality", "test_case", "label_gold", "templ_id")
    cases = [
        foreign(
            context.policy,
            f"hatecheck-{row['case_id']}",
            row["test_case"],
            row["functionality"].replace("_", " "),
            "HateCheck",
            {"harassment": 3 if row["label_gold"] == "hateful" else 0},
            f"hatecheck-template-{row['templ_id'] or row['case_id']}",
        )
        for row in context.rows("hatecheck.csv", columns)
    ]
    return [Item(example) for example in spread(cases, context.size, context.draw("hatecheck"))]
