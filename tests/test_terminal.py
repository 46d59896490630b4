"""Progress where nobody watches a terminal."""

from __future__ import annotations

import pytest

from modsmith import terminal


def test_a_log_gets_a_line_a_minute_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now)
    with terminal.file_progress("judging") as tell:
        now += 59
        tell(10, 100)
        assert capsys.readouterr().err == ""
        now += 61
        tell(20, 100)
        assert capsys.readouterr().err == "judging: 20 of 100, about 8 min left\n"
        now += 1
        tell(21, 100)
        now += 60
        tell(30, 100)
    assert capsys.readouterr().err == "judging: 30 of 100, about 7 min left\n"
