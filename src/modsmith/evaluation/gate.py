"""The release gate: a sheet of criteria, held against a summary, one line for each.

A number that was not measured does not meet its criterion, unless the criterion is `optional`. A criterion is met by
the value itself; with `surely: true` the unfavourable end of its 95 % interval has to meet it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modsmith.errors import UserError
from modsmith.evaluation.board import Board
from modsmith.evaluation.labels import METRICS, metric_of
from modsmith.evaluation.paired import SIGNIFICANT
from modsmith.evaluation.report_plots import Estimate, number, spaced
from modsmith.evaluation.suites.registry import SUITE_METRICS
from modsmith.files import read_text

SHEET = Path(__file__).with_name("sheet.yaml")
Status = Literal["met", "missed", "not measured"]


class Criterion(BaseModel):
    """One line of a sheet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    of: Literal["every category"] | None = None
    """Each category has to meet it, those without a violating test listing too: of them nothing is known."""
    suite: str | None = None
    """Read the row "all" of this suite."""
    above: Literal["every probe"] | None = None
    """Higher than that of every shortcut probe, by the paired test with Holm's correction."""
    surely: bool = False
    optional: bool = False
    why: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Criterion:
        if sum(part is not None for part in (self.at_least, self.at_most, self.above)) != 1:
            raise ValueError(f"criterion {self.metric}: give one of at_least, at_most and above")
        if sum(part is not None for part in (self.of, self.suite, self.above)) > 1:
            raise ValueError(f"criterion {self.metric}: give at most one of `of`, `suite` and `above`")
        known = SUITE_METRICS if self.suite else (*METRICS, "specificity")
        if self.metric not in known:
            raise ValueError(f"there is no metric {self.metric!r}; the metrics are {', '.join(known)}")
        return self

    @property
    def label(self) -> str:
        """What is asked, in words."""
        name = metric_of(self.metric).label
        if self.suite:
            return f"{name}, suite {spaced(self.suite)}"
        return f"{name} of every category" if self.of else name

    @property
    def wanted(self) -> str:
        """The bar, in words."""
        if self.above:
            return f"above {self.above}"
        side, bar = ("at least", self.at_least) if self.at_least is not None else ("at most", self.at_most)
        return f"{'surely ' if self.surely else ''}{side} {bar:g}"


class Sheet(BaseModel):
    """What a model has to reach before it is released."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    criteria: list[Criterion] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One criterion, held against what was measured."""

    label: str
    wanted: str
    status: Status
    found: str
    """The number with its interval, or why there is none."""
    why: str
    optional: bool

    @property
    def blocks(self) -> bool:
        """Does it stop the release?"""
        return self.status == "missed" or (self.status == "not measured" and not self.optional)


def read_sheet(path: Path | None = None) -> Sheet:
    """Read a sheet, the one that ships with modsmith by default. Raises `UserError`."""
    path = path or SHEET
    try:
        return Sheet.model_validate(yaml.safe_load(read_text(path, "sheet")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"sheet {path}{f', {place}' if place else ''}: {message}") from error
    except yaml.YAMLError as error:
        raise UserError(f"sheet {path}: not valid YAML ({' '.join(str(error).split())})") from error


def judge_release(summary: Mapping[str, Any], sheet: Sheet, system: str | None = None) -> dict[str, Any]:
    """`{"sheet", "system", "passed", "lines": [Line as a dict with "blocks"]}` for one system.

    By default that is the one that the summary's own acceptance is about, or else the best model. Raises `UserError`
    when the summary has no such system or no model at all.
    """
    board = Board.of(summary)
    if system is not None and system not in board.systems:
        raise UserError(f"the summary has no system {system!r}; it has {', '.join(board.systems)}")
    judged = (summary.get("acceptance") or {}).get("system")
    name = system or (judged if judged in board.systems else next(iter(board.models), None))
    if name is None:
        raise UserError("the summary holds shortcut probes only; evaluate a model before asking whether it may go out")
    lines = [_hold(criterion, summary, board, name) for criterion in sheet.criteria]
    return {
        "sheet": sheet.name,
        "system": name,
        "passed": not any(line.blocks for line in lines),
        "lines": [asdict(line) | {"blocks": line.blocks} for line in lines],
    }


def _hold(criterion: Criterion, summary: Mapping[str, Any], board: Board, name: str) -> Line:
    if criterion.above:
        status, found = _above_probes(criterion.metric, summary, board, name)
    elif criterion.of:
        status, found = _every_category(criterion, board.systems[name])
    else:
        estimate, missing = _estimate(criterion, summary, board.systems[name], name)
        status = "not measured" if estimate is None else "met" if _meets(criterion, estimate) else "missed"
        found = missing if estimate is None else _shown(criterion, estimate)
    return Line(criterion.label, criterion.wanted, status, found, criterion.why, criterion.optional)


def _estimate(
    criterion: Criterion, summary: Mapping[str, Any], system: Mapping[str, Any], name: str
) -> tuple[Estimate | None, str]:
    if criterion.suite:
        suite = (summary.get("suites") or {}).get(criterion.suite)
        if suite is None:
            return None, "the suite was not asked for"
        if suite.get("not_run"):
            return None, str(suite["not_run"])
        rows = ((suite.get("systems") or {}).get(name) or {}).get("rows") or [{}]
        return Estimate.read(rows[0].get(criterion.metric)), "nothing to measure it on"
    metrics = system.get("metrics") or {}
    if criterion.metric == "specificity":
        fpr = Estimate.read(metrics.get("fpr"))
        if fpr is None:
            return None, METRICS["fpr"].missing
        ends = (None, None) if fpr.ends is None else (1 - fpr.ends[1], 1 - fpr.ends[0])
        return Estimate(1 - fpr.value, *ends), ""
    return Estimate.read(metrics.get(criterion.metric)), METRICS[criterion.metric].missing


def _figure(criterion: Criterion, value: float) -> str:
    """The number, with a third decimal where two would hide on which side of the bar it is."""
    bar = criterion.at_least if criterion.at_least is not None else criterion.at_most
    return f"{value:.3f}" if bar is not None and value != bar and round(value, 2) == round(bar, 2) else number(value)


def _shown(criterion: Criterion, e: Estimate) -> str:
    return f"{_figure(criterion, e.value)} ({e.interval})" if e.interval else _figure(criterion, e.value)


def _meets(criterion: Criterion, e: Estimate) -> bool:
    low, high = e.ends or (e.value, e.value) if not criterion.surely else e.ends or (-float("inf"), float("inf"))
    if criterion.at_least is not None:
        return (low if criterion.surely else e.value) >= criterion.at_least
    assert criterion.at_most is not None
    return (high if criterion.surely else e.value) <= criterion.at_most


def _every_category(criterion: Criterion, system: Mapping[str, Any]) -> tuple[Status, str]:
    rows = system.get("per_category") or {}
    found = {name: Estimate.read((row or {}).get(criterion.metric)) for name, row in rows.items()}
    missing = [name for name, e in found.items() if e is None]
    wrong = sorted((e.value, name) for name, e in found.items() if e is not None and not _meets(criterion, e))
    worst = wrong if criterion.at_least is not None else wrong[::-1]
    if worst:
        listed = ", ".join(f"{spaced(name)} {_figure(criterion, value)}" for value, name in worst)
        return "missed", f"{len(worst)} of {len(rows)} miss it: {listed}"
    if missing or not rows:
        return "not measured", f"not known of {', '.join(map(spaced, missing)) or 'any category'}"
    value, name = min((e.value, name) for name, e in found.items() if e is not None)
    return "met", f"lowest {spaced(name)} {number(value)}"


def _above_probes(metric: str, summary: Mapping[str, Any], board: Board, name: str) -> tuple[Status, str]:
    pairs: Sequence[Mapping[str, Any]] = [
        pair
        for pair in summary.get("paired") or []
        if pair["metric"] == metric and pair["a"] == name and pair["b"] in board.probes
    ]
    if not pairs or {pair["b"] for pair in pairs} != set(board.probes):
        return "not measured", "it was not compared with every probe"
    short = [
        pair["b"]
        for pair in pairs
        if not ((pair.get("difference") or 0) > 0 and (pair.get("p_holm") or 1) < SIGNIFICANT)
    ]
    if short:
        return "missed", f"not clearly above {', '.join(short)}"
    least = min(pairs, key=lambda pair: pair["difference"])
    return "met", f"least above {least['b']}, by {number(least['difference'])}"
