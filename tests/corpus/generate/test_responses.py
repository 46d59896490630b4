"""The log survives a kill in the middle of a line, and nothing else passes for an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus.generate.responses import Answer, ResponseLog, plain_answer, request_key, spoken
from modsmith.errors import UserError

ANSWERS = {f"k{number}": Answer(f"line\nbreak \u2028 {number} \ud83d", "m", number, 2) for number in range(5)}


def test_every_cut_keeps_the_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "responses.jsonl"
    with ResponseLog(path) as log:
        for key, answer in ANSWERS.items():
            log.put(key, answer)
    data = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(data) if byte == 10]
    for cut in [*range(0, len(data), 7), *ends, len(data)]:
        path.write_bytes(data[:cut])
        with ResponseLog(path) as log:
            assert len(list(log)) == sum(end <= cut for end in ends)
            log.put("new", Answer("x", "m", 1, 1))
        with ResponseLog(path) as log:
            assert log.get("new") == Answer("x", "m", 1, 1)
            assert len(list(log)) == sum(end <= cut for end in ends) + 1


@pytest.mark.parametrize("line", ["{", "[]", '{"key": "a"}', '{"text": "a"}', "\xff", ""])
def test_a_foreign_line_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(line.encode("latin-1") + b"\n")
    with pytest.raises(UserError, match=r"line 1 is no answer"), ResponseLog(path):
        pass


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"), ResponseLog(tmp_path / "file" / "responses.jsonl"):
        pass


def test_keys() -> None:
    one = [{"role": "user", "content": "a"}]
    keys = [
        request_key("j", "m", one),
        request_key("k", "m", one),
        request_key("j", "n", one),
        request_key("j", "m", []),
    ]
    assert len(set(keys)) == 4 and keys[0] == request_key("j", "m", list(one))
    assert request_key("j", "m", [{"role": "user", "content": "half \ud83d"}])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('```json\n{"a": 1}\n```\n', '{"a": 1}'),
        ("<think>\n```x```\n</think>\n\n```\nyes\n```", "yes"),
        ("Sure:\n```\nyes\n```", "Sure:\n```\nyes\n```"),
        ("<think>never ends", "<think>never ends"),
    ],
)
def test_plain_answers(text: str, plain: str) -> None:
    assert plain_answer(text) == plain


def test_what_is_spoken() -> None:
    assert (
        spoken('{"a": "1. Drill\\n2. Press", "b": ["\\u006bid", 3], "c": {"d": "x"}}') == "1. Drill\n2. Press\nkid\nx"
    )
    assert spoken('{"a": "1. Drill\\n2. Pr').splitlines()[-2:] == ["1. Drill", "2. Pr"]


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert isinstance(spoken(text), str) and isinstance(plain_answer(text), str)
