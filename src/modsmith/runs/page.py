"""One run as one HTML file that loads nothing: the verdict, the alarms, curves, ratings, and completions to read.

Listings and completions are untrusted text: everything is escaped, and the page's one script is allowed by its hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modsmith.evaluation.look import page_environment
from modsmith.evaluation.report_plots import curves, spaced
from modsmith.files import atomic_write
from modsmith.ratings import LEVELS
from modsmith.runs.curves import panels
from modsmith.runs.record import RunRecord
from modsmith.runs.samples import ORDERS, Sample, choose_samples, mark_quotes, read_samples
from modsmith.runs.words import age, facts, headline

RATING_ROWS = 50
"""Steps whose predicted and gold ratings the page adds up: the newest ones."""


def write_page(run: RunRecord, path: Path) -> Path:
    """Write the page. Raises `UserError` when the completions cannot be read or `path` cannot be written."""
    samples = read_samples(run.folder, run.settings.get("reward_weights") or {})
    environment = page_environment("modsmith.runs")
    environment.globals |= {"curves": curves, "mark_quotes": mark_quotes, "levels_text": levels_text}
    text = environment.get_template("run.html.j2").render(
        run=run,
        headline=headline(run),
        facts=facts(run),
        alarms=run.alarms,
        panels=panels(run.rows),
        ratings=rating_counts(run.rows),
        rating_rows=RATING_ROWS,
        samples=choose_samples(samples),
        samples_in_all=len(samples),
        order=order_values,
        orders=list(ORDERS),
        age=age(run.age_seconds),
    )
    with atomic_write(path) as file:
        file.write(text)
    return path


def order_values(sample: Sample) -> dict[str, str]:
    """The sample's value in every order, as text that the script reads; empty where it has none."""
    return {name: "" if (value := key(sample)) is None else f"{value:.6g}" for name, key in ORDERS.items()}


def rating_counts(rows: Sequence[Mapping[str, Any]]) -> list[list[int]] | None:
    """Gold top rating x predicted top rating (the last column: unparsed), summed over the newest rows."""
    tables = [row["ratings/top"] for row in rows if row.get("ratings/top")][-RATING_ROWS:]
    if not tables:
        return None
    return [[sum(table[i][j] for table in tables) for j in range(len(LEVELS) + 1)] for i in range(len(LEVELS))]


def levels_text(ratings: Mapping[str, int] | None, none: str = "all 0") -> str:
    """`iptv 4, spam 2`."""
    if ratings is None:
        return "cannot be read"
    return ", ".join(f"{spaced(name)} {level}" for name, level in ratings.items() if level) or none
