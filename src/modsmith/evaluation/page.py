"""The report as one page that loads nothing. Listing text is untrusted: the page escapes it and forbids every script
but its own by hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modsmith.evaluation import report_plots as plots
from modsmith.evaluation.board import Board
from modsmith.evaluation.findings import find
from modsmith.evaluation.labels import CATEGORY_COLUMNS, COLUMNS, METRICS, metric_of
from modsmith.evaluation.look import page_environment
from modsmith.evaluation.page_items import MISTAKES_SHOWN, said_of, show, shown_mistakes
from modsmith.evaluation.provenance import provenance_rows
from modsmith.evaluation.report_plots import spaced


def render_page(summary: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """The HTML page. Its one script is allowed by hash, so that no text could run even if it escaped its element."""
    board, finding = Board.of(summary), find(summary)
    environment = page_environment("modsmith.evaluation")
    environment.globals |= {
        "plots": plots,
        "spaced": spaced,
        "columns": COLUMNS,
        "category_columns": CATEGORY_COLUMNS,
        "metric_of": metric_of,
    }
    systems, known = board.models + board.probes, summary.get("items") or {}
    environment.globals |= {"provenance_rows": provenance_rows, "said_of": said_of, "most": MISTAKES_SHOWN}
    environment.filters |= {"shown": lambda key: show(known[key], systems), "words": words_of}
    pairs = plots.paired_rows(summary.get("paired") or [])
    return environment.get_template("report.html.j2").render(
        summary=summary,
        board=board,
        finding=finding,
        metrics=METRICS,
        more=[m for m in METRICS if m not in COLUMNS and any(board.get(name, m) for name in board.systems)],
        failed=failed_in_suites(summary),
        items=shown_mistakes(summary, board),
        pairs=pairs,
        pair_ticks=plots.difference_ticks(row for _, row in pairs),
        panels=plots.training_panels(training),
    )


def failed_in_suites(summary: Mapping[str, Any]) -> dict[str, float]:
    """System -> share of its answers over all suites that could not be used; systems without one are left out."""
    asked: dict[str, int] = {}
    failed: dict[str, float] = {}
    for suite in (summary.get("suites") or {}).values():
        for name, result in (suite.get("systems") or {}).items():
            if (share := result.get("failure_rate")) is not None:
                asked[name] = asked.get(name, 0) + suite["listings"]
                failed[name] = failed.get(name, 0.0) + share * suite["listings"]
    return {name: failed[name] / count for name, count in asked.items() if count}


def words_of(value: Any) -> str:
    """A provenance value as text: nested objects as `key value` pairs."""
    if isinstance(value, Mapping):
        return ", ".join(f"{spaced(key)} {words_of(item)}" for key, item in value.items())
    return ", ".join(map(words_of, value)) if isinstance(value, list) else "n/a" if value is None else str(value)
