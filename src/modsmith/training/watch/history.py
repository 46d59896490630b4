"""The rows of metrics.jsonl, turned into one series a metric."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of RUN/metrics.jsonl; a last line that was cut off by a kill is left out."""
    path = Path(folder) / "metrics.jsonl"
    rows: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
    return rows


class History:
    """Metric rows in the order they were written. A metric that a row does not have, or has as `None`, is not in its
    series; NaN and infinity are, since one alarm is about them."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._series: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Append one row; `step` is taken to be 0 where it is missing."""
        step = int(row.get("step", 0))
        for key, value in row.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and key != "step":
                self._series.setdefault(key, []).append((step, float(value)))

    def keys(self, prefix: str = "") -> list[str]:
        """The metrics seen so far that begin with `prefix`, in order of first sight."""
        return [key for key in self._series if key.startswith(prefix)]

    def raw(self, key: str) -> list[float]:
        """Every value, not finite ones included."""
        return [value for _, value in self._series.get(key, [])]

    def points(self, key: str) -> list[tuple[int, float]]:
        """(step, value), finite values only."""
        return [point for point in self._series.get(key, []) if math.isfinite(point[1])]

    def values(self, key: str) -> list[float]:
        """Finite values, oldest first."""
        return [value for _, value in self.points(key)]

    def last(self, key: str, count: int) -> list[float]:
        """The last `count` finite values, or none at all when there are fewer."""
        series = self._series.get(key, [])
        values = [value for _, value in series[-count:] if math.isfinite(value)]
        return values if len(values) == count else []


def mean(values: Iterable[float]) -> float:
    """The mean of at least one value."""
    listed = list(values)
    return sum(listed) / len(listed)
