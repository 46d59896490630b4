from __future__ import annotations

import json
from pathlib import Path

import pytest

from modsmith.corpus.collect.lines import LineFile
from modsmith.errors import UserError


def read(path: Path) -> list[dict]:
    with LineFile(path, "listings") as file:
        return list(file.read())


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "f.jsonl"
    with LineFile(path, "listings") as file:
        file.append({"id": "a", "title": "é\u2028"})
        file.append({"id": "b", "title": "\ud800"})
    assert [record["id"] for record in read(path)] == ["a", "b"]


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_line_cut_short_is_taken_away(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "f.jsonl"
    second = json.dumps({"id": "b", "title": "x"}) + "\n"
    path.write_text('{"id": "a"}\n' + second[:cut])
    assert [record["id"] for record in read(path)] == ["a"]
    with LineFile(path, "listings") as file:
        list(file.read())
        file.append({"id": "c"})
    assert [record["id"] for record in read(path)] == ["a", "c"]


def test_a_whole_last_line_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"id": "a"}')
    with LineFile(path, "listings") as file:
        assert len(list(file.read())) == 1
        file.append({"id": "b"})
    assert [record["id"] for record in read(path)] == ["a", "b"]


@pytest.mark.parametrize("content", ["# My notes\nmore\n", "one word", '[1]\n{"id": "a"}\n'])
def test_a_file_of_somebody_else_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(content)
    with pytest.raises(UserError, match="line 1"):
        read(path)
    assert path.read_text() == content


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with LineFile(path, "listings"), pytest.raises(UserError, match="another crawl"):
        LineFile(path, "listings")
    read(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write listings"):
        LineFile(tmp_path, "listings")
