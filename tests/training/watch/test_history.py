from __future__ import annotations

import math
from pathlib import Path

from modsmith.training.watch import History, read_metrics


def test_series() -> None:
    history = History([{"step": 1, "a": 1.0, "b": None, "ok": True}, {"step": 2, "a": math.nan}, {"step": 3, "a": 3}])
    assert history.points("a") == [(1, 1.0), (3, 3.0)]
    assert len(history.raw("a")) == 3
    assert history.last("a", 1) == [3.0] and history.last("a", 2) == []  # one of the last two is no number
    assert history.values("b") == history.values("nothing") == [] and history.keys() == ["a"]


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "los')
    assert read_metrics(tmp_path) == [{"step": 1}]
