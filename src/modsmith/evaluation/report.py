"""The evaluation report: one summary, read by people as a page, a Markdown file and a terminal table.

Listing text is untrusted: the page escapes it (`page`), and the Markdown file escapes all punctuation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modsmith.evaluation import report_plots as plots
from modsmith.evaluation.board import Board, is_probe
from modsmith.evaluation.findings import find
from modsmith.evaluation.labels import COLUMNS, METRICS, metric_of
from modsmith.evaluation.page import failed_in_suites, render_page, words_of
from modsmith.evaluation.page_items import levels, said_of
from modsmith.evaluation.provenance import provenance_rows
from modsmith.evaluation.report_plots import spaced
from modsmith.files import atomic_write

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Board", "comparison_markdown", "find", "is_probe", "print_comparison", "print_not_run", "write_report"]

# --- tables -----------------------------------------------------------------------------------------------------------


def comparison_markdown(summary: Mapping[str, Any]) -> str:
    """The comparison as a Markdown table: the best model of a column in bold, probes below in italics."""
    board = Board.of(summary)
    lines = ["| System | " + " | ".join(METRICS[metric].label for metric in COLUMNS) + " |"]
    lines.append("|---|" + "---:|" * len(COLUMNS))
    for name in board.models + board.probes:
        cells = [f"*{_markdown(name)}*" if name in board.probes else _markdown(name)]
        for metric in COLUMNS:
            e = board.get(name, metric)
            text = "n/a" if e is None else f"**{e.text}**" if name in board.winners(metric) else e.text
            cells.append(text + (f" <sub>{e.interval}</sub>" if e and e.interval else ""))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def print_comparison(summary: Mapping[str, Any], console: Console) -> None:
    """Print the comparison. A narrow terminal gets fewer intervals, then fewer columns; numbers are never cut."""
    from rich.table import Table
    from rich.text import Text

    board, columns = Board.of(summary), list(COLUMNS)
    room = console.width - max(len(name) for name in board.systems)
    roomy = room >= 14 * len(columns)
    while not roomy and len(columns) > 3 and room < 8 + sum(len(METRICS[metric].label) + 2 for metric in columns):
        columns.pop()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("System", overflow="fold")
    for metric in columns:
        table.add_column(METRICS[metric].label, justify="right", no_wrap=True)
    for name in board.models + board.probes:
        if board.probes[:1] == [name]:
            table.add_row(Text("shortcut probes", style="dim italic"))
        style = "dim" if name in board.probes else ""
        cells = [Text(name, style=style)]
        for metric in columns:
            e = board.get(name, metric)
            cells.append(Text(e.text if e else "n/a", style="bold green" if name in board.winners(metric) else style))
            if e and e.interval and (roomy or metric == "f1"):
                cells[-1].append(f"\n{e.interval}", style="dim")
        table.add_row(*cells)
    console.print(table)


def print_not_run(summary: Mapping[str, Any], console: Console) -> None:
    """Print, loudly, every system and suite that was asked for and not run, and why."""
    from rich.text import Text

    suites = (summary.get("suites") or {}).items()
    missing = [(f"system {name}", why) for name, why in (summary.get("not_run") or {}).items()]
    missing += [(f"suite {spaced(name)}", suite["not_run"]) for name, suite in suites if suite.get("not_run")]
    for name, why in missing:
        console.print(Text("NOT RUN: ", style="bold yellow") + Text(f"{name}: {why}", style="yellow"), soft_wrap=True)


def _markdown(text: Any) -> str:
    """Untrusted text as one line of plain Markdown: no markup, HTML, entity, mention, formula or automatic link."""
    return re.sub(r"([\\`*_{}\[\]<>|~&$@#]|:(?=//)|(?<=www)\.)", r"\\\1", " ".join(str(text).split()), flags=re.I)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_report(summary: dict[str, Any], folder: Path, training: dict[str, Any] | None = None) -> dict[str, Path]:
    """Write `summary.json`, `report.md` and `report.html` into `folder`, each atomically and only once all are made.

    `training` maps a phase ("sft", "grpo") to the rows of its metrics JSONL. NaN and infinity become `null`. The page
    is one file that loads nothing. Returns the paths by "json", "markdown" and "html". Raises `UserError` when the
    summary has no systems or the folder cannot be written.
    """
    plain = _plain(summary)
    texts = {
        "json": ("summary.json", json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"),
        "markdown": ("report.md", _markdown_report(plain)),
        "html": ("report.html", render_page(plain, _plain(training or {}))),
    }
    paths = {}
    for kind, (name, text) in texts.items():
        paths[kind] = Path(folder) / name
        with atomic_write(paths[kind]) as file:
            file.write(text)
    return paths


def _plain(value: Any) -> Any:
    """Plain JSON values: numpy unpacked, what is not finite is `None`, lone surrogates replaced."""
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    return str(value).encode("utf-8", "replace").decode()


def _suites_markdown(summary: Mapping[str, Any], board: Board) -> list[str]:
    suites = summary.get("suites") or {}
    if not suites:
        return []
    names = board.models + board.probes
    lines = ["## Suites", "", "| Suite | Answer | " + " | ".join(map(_markdown, names)) + " |"]
    lines.append("|---|---|" + "---:|" * len(names))
    for suite in suites.values():
        card = suite["card"]
        if suite.get("not_run"):
            cells = [f"not run: {_markdown(suite['not_run'])}", *[""] * (len(names) - 1)]
        else:
            found = [plots.Estimate.read((suite["systems"].get(name) or {}).get("answer")) for name in names]
            cells = [e.text + (f" <sub>{e.interval}</sub>" if e.interval else "") if e else "n/a" for e in found]
        if not suite.get("not_run"):
            failed = [(suite["systems"].get(name) or {}).get("failure_rate") for name in names]
            cells = [
                f"{cell} <sub>{plots.percent(share)} failed</sub>" if share else cell
                for cell, share in zip(cells, failed, strict=True)
            ]
        label = metric_of(card["answer"]).label
        lines.append(f"| {_markdown(card['title'])} | {label} | {' | '.join(cells)} |")
    shares = failed_in_suites(summary)
    told = [plots.percent(shares[name]) if name in shares else "n/a" for name in names]
    lines.append(f"| All suites that were run | Failed answers | {' | '.join(told)} |")
    return [*lines, ""]


def _markdown_report(summary: Mapping[str, Any]) -> str:
    board, finding = Board.of(summary), find(summary)
    parts = [f"# {_markdown(finding.headline)}", ""]
    if gate := summary.get("acceptance"):
        said = "meets" if gate["passed"] else "does not meet"
        parts = [f"# {_markdown(gate['system'])} {said} the {_markdown(gate['sheet'])}", ""]
        parts += [f"{_markdown(finding.headline)}", "", "| Criterion | Wanted | Found | |", "|---|---|---|---|"]
        for line in gate["lines"]:
            parts.append(
                "| " + " | ".join(_markdown(line[key]) for key in ("label", "wanted", "found", "status")) + " |"
            )
        parts.append("")
    for fact in finding.facts:
        note = f" <sub>{fact.note}</sub>" if fact.note else ""
        parts.append(f"- **{fact.lead}: {fact.figure}**{note}. {_markdown(fact.text)}")
    parts += [f"- {_markdown(text)}" for text in finding.cautions]
    parts += ["", "## All systems", "", comparison_markdown(summary)]
    parts += ["Intervals are in small print. Probes, in italics, decide without reading the policy.", ""]
    parts += _suites_markdown(summary, board)
    if pairs := plots.paired_rows(summary.get("paired") or []):
        parts += ["## Paired differences", "", "| Pair | Metric | Difference | | First is |", "|---|---|---:|---|---|"]
        for label, row in pairs:
            shown = row.estimate.full if row.estimate else "n/a"
            parts.append(f"| {_markdown(row.name)} | {_markdown(label)} | {shown} | {row.note} | {row.style} |")
    if board.best and (worst := (board.systems[board.best].get("mistakes") or {}).get("worst")):
        parts += ["", f"## First mistakes of {_markdown(board.best)}", ""]
        for one in worst[:10]:
            item = summary["items"][one["item"]]
            title = (item["listing"] or {}).get("title") or item["id"]
            told = f"gold {levels(item['gold'], 'allowed')}, said {said_of(item, board.best)}"
            parts.append(f"- {_markdown(one['type'])}: {_markdown(title)} ({_markdown(told)})")
    parts += ["", "## Provenance", ""]
    for key, value in provenance_rows(summary.get("provenance") or {}):
        parts.append(f"- {_markdown(spaced(key))}: {_markdown(words_of(value))}")
    return "\n".join(parts) + "\n"
