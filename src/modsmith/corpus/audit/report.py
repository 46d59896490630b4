"""The audit for people (terminal, page) and for machines (JSON)."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modsmith.corpus.audit.checks import Audit, Check
from modsmith.files import atomic_write, write_json

if TYPE_CHECKING:
    import jinja2
    from rich.console import Console


def print_audit(audit: Audit, console: Console) -> None:
    """One line a check, then the variety table."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", "check", "found", "limit", "", box=None, header_style="dim", pad_edge=False)
    for check in audit.checks:
        state = (
            Text("·", "dim") if check.limit is None else Text("pass", "green") if check.ok else Text("FAIL", "bold red")
        )
        limit = "" if check.limit is None else _number(check.limit)
        table.add_row(state, check.name, _number(check.value), limit, Text(check.note, "dim"))
    console.print(table)
    console.print()
    names = list(audit.variety)
    side = Table("variety", *names, box=None, header_style="dim", pad_edge=False)
    for row in audit.variety[names[0]]:
        side.add_row(row, *(_number(audit.variety[name][row]) for name in names))
    console.print(side)


def write_audit(audit: Audit, folder: Path, title: str) -> Path:
    """Write `audit.json` and the self-contained page `audit.html`. Returns the page."""
    record = {
        "ok": audit.ok,
        "checks": [dataclasses.asdict(check) | {"ok": check.ok} for check in audit.checks],
        "variety": audit.variety,
        "lengths": audit.lengths,
        "counts": audit.counts,
    }
    write_json(folder / "audit.json", _finite(record))
    plots = {"bars": _bars(audit), "columns": _columns(audit)}
    page = _environment().get_template("audit.html.j2").render(audit=audit, title=title, **plots)
    with atomic_write(folder / "audit.html") as file:
        file.write(page)
    return folder / "audit.html"


def _bars(audit: Audit) -> dict[str, list[tuple[str, int, float]]]:
    """The plots of the page: name, count and width in percent of the longest bar."""
    plots = {}
    for name in ("by_category", "by_kind", "by_language", "by_source", "by_evasion", "by_slice"):
        counted = sorted(audit.counts.get(name, {}).items(), key=lambda pair: -pair[1])
        most = max((count for _, count in counted), default=1)
        plots[name.removeprefix("by_")] = [(str(key), count, 100 * count / most) for key, count in counted]
    return plots


def _columns(audit: Audit) -> list[tuple[str, list[tuple[str, float, float]]]]:
    """The plot of lengths: for each band its name and, for each set, name, share and height in percent of the
    highest column."""
    highest = max((share for shares in audit.lengths.values() for share in shares.values()), default=0.0) or 1.0
    bands = next(iter(audit.lengths.values()), {})
    return [
        (band, [(name, shares[band], 100 * shares[band] / highest) for name, shares in audit.lengths.items()])
        for band in bands
    ]


def _gauge(check: Check) -> float:
    """Where the value stands between nothing and the limit, in percent, for the page's bars; an AUC starts at 0.5."""
    if check.limit is None:
        return 0.0
    start = 0.5 if "(AUC)" in check.name else 0.0
    span = check.limit - start
    return 100.0 * (check.value > 0) if span <= 0 else min(100.0, max(0.0, 100 * (check.value - start) / span))


def _number(value: Any) -> str:
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) >= 1):
        return f"{value:,.0f}"
    return "n/a" if value is None or math.isnan(value) else f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("modsmith.corpus.audit", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(number=_number, gauge=_gauge)
    return environment
