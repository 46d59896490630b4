from __future__ import annotations

import json
from pathlib import Path

import pytest

from modsmith.errors import UserError
from modsmith.judge import Judge
from modsmith.judge.files import judge_file


def _write(path: Path, count: int, bad: int | None = None) -> Path:
    lines = [json.dumps({"id": f"l{i}", "title": "rarest" if i % 2 else "fern", "shop": i}) for i in range(count)]
    if bad is not None:
        lines[bad] = '{"id": "broken", "title": '
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_malformed_line_becomes_an_error_record_in_its_place(word_judge: Judge, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = judge_file(word_judge, str(_write(tmp_path / "in.jsonl", 5, bad=2)), str(out))
    records = _records(out)
    assert [record["id"] for record in records] == ["l0", "l1", None, "l3", "l4"]
    assert records[2]["line"] == 3 and "not JSON" in str(records[2]["error"])
    assert (result.judged, result.bad_lines, result.decisions) == (4, 1, {"allow": 2, "disallow": 2})
    assert set(records[0]) >= {
        "id", "decision", "ratings", "scores", "reasoning", "evidence", "parse_ok", "model", "policy_version",
    }  # fmt: skip


def test_an_interrupted_file_goes_on_where_it_stopped(
    word_judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = str(_write(tmp_path / "in.jsonl", 300)), tmp_path / "out.jsonl"
    out.write_text("yesterday's verdicts\n")
    rate = Judge.rate
    calls = 0

    def killed(self: Judge, *args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return rate(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(word_judge), "rate", killed)
    with pytest.raises(KeyboardInterrupt):
        judge_file(word_judge, source, str(out))
    assert out.read_text() == "yesterday's verdicts\n"
    partial = tmp_path / ".out.jsonl.partial"
    with partial.open("a") as file:
        file.write('{"id": "l256", "decis')  # as a kill -9 in the middle of a write leaves it
    monkeypatch.undo()

    seen: list[tuple[int, int]] = []
    result = judge_file(word_judge, source, str(out), progress=lambda done, total: seen.append((done, total)))
    assert result.resumed == 256 and seen[0] == (256, 300) and seen[-1] == (300, 300)
    assert [record["id"] for record in _records(out)] == [f"l{i}" for i in range(300)]
    assert result.decisions == {"allow": 150, "disallow": 150}
    assert not partial.exists()


def test_other_work_starts_afresh(word_judge: Judge, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    (tmp_path / ".out.jsonl.partial").write_text('{"work": "of another model"}\n{"id": "l0"}\n')
    assert judge_file(word_judge, str(_write(tmp_path / "in.jsonl", 3)), str(out)).resumed == 0
    assert [record["id"] for record in _records(out)] == ["l0", "l1", "l2"]


def test_an_output_that_cannot_be_written_is_one_sentence(word_judge: Judge, tmp_path: Path) -> None:
    source = str(_write(tmp_path / "in.jsonl", 2))
    (tmp_path / "file").write_text("")
    for out in (tmp_path, tmp_path / "file" / "out.jsonl"):
        with pytest.raises(UserError, match="cannot write"):
            judge_file(word_judge, source, str(out))
