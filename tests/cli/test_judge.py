"""The real command, in a process of its own, with the shipped model."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest


def modsmith(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "modsmith", *arguments], input=given, capture_output=True, timeout=300)


LINES = [
    {
        "id": "a",
        "title": "Watercolour brushes",
        "description": "40 brushes, instant download",
        "price": "$9",
        "colour": "red",
    },
    {"id": "b", "title": "VIP betting tips", "description": "Three sure odds every morning, monthly access"},
]


def test_standard_input_to_standard_output_with_a_bad_line() -> None:
    given = f"{json.dumps(LINES[0])}\n{{broken\n\n{json.dumps(LINES[1])}\n".encode() + b'{"title": "\xff"}\n'
    result = modsmith("judge", "-", "--out", "-", given=given)
    records = [json.loads(line) for line in result.stdout.decode().splitlines()]
    assert result.returncode == 1 and b"2 malformed" in result.stderr
    assert [record["id"] for record in records] == ["a", None, "b", None]
    assert [record.get("line") for record in records] == [None, 2, None, 5]
    for record in (records[0], records[2]):
        assert record["decision"] in ("allow", "review", "disallow") and record["parse_ok"]
        assert len(record["ratings"]) == len(record["scores"]) == 9
        assert all(0 <= score <= 1 for score in record["scores"].values())


def test_one_text_is_printed_for_people() -> None:
    result = modsmith("judge", "--text", "Watercolour brushes\n40 brushes for your tablet")
    assert result.returncode == 0
    shown = result.stdout.decode()
    assert "Watercolour brushes" in shown and "weapon_components" in shown and "P(violation)" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["judge", "nowhere.jsonl"], "there is no file nowhere.jsonl"),
        (["judge"], "give either a file"),
        (["judge", "--text", "x", "--mode", "loud"], "choose direct or think"),
        (["judge", "--text", "x", "--policy", "none.yaml"], "cannot read policy none.yaml"),
        (["judge", "--text", "x", "--model", "nobody/no-such-model"], "check the name and the network"),
        (["judge", "--text", "x", "--map", "title"], "field=column"),
        (["train", "sft", "--out", "x", "--config", "none.yaml"], "cannot read config none.yaml"),
        (["train", "sft", "--out", "x", "--set", "epochs=never"], "key epochs"),
        (["eval", "nothing.jsonl", "--out", "x"], "there is no corpus at nothing.jsonl"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str) -> None:
    result = modsmith(*arguments)
    lines = result.stderr.decode().strip().splitlines()
    assert result.returncode == 2
    assert len(lines) == 1 and lines[0].startswith("modsmith: ") and sentence in lines[0]


def test_help_answers_at_once() -> None:
    modsmith("--help")
    began = time.monotonic()
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, modsmith.cli; print([m for m in ('torch', 'trl', 'pandas', 'pydantic') if m in sys.modules])",
        ],
        capture_output=True,
        timeout=60,
    )
    assert loaded.stdout.decode().strip() == "[]", "the command line imports something heavy before it is needed"
    assert time.monotonic() - began < 30


def test_a_table_is_read_by_its_columns(tmp_path: Path) -> None:
    table = tmp_path / "shop.csv"
    table.write_text('sku,name,body\n7,"Sheet music, cello","Twelve pages, PDF"\n', encoding="utf-8")
    out = tmp_path / "out.jsonl"
    result = modsmith("judge", str(table), "--out", str(out), "--map", "id=sku,title=name,description=body")
    assert result.returncode == 0
    assert [json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()] == ["7"]
