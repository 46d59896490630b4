"""A corpus as a table: one schema in every file, a hash that notices every change, honest counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from modsmith.corpus import SPLITS, Example, Split, corpus_hash, count, export_corpus, of_split, to_dataset
from modsmith.errors import UserError
from modsmith.listing import Listing
from modsmith.ratings import Ratings

IDS = ["spam", "iptv"]


def example(name: str, level: int = 0, split: Split = "train", tags: tuple[str, ...] = ()) -> Example:
    return Example(
        listing=Listing(name, f"title {name}", language="en", tags=tags),
        ratings=Ratings.full(IDS, {"iptv": level}),
        rationale="r",
        evidence="",
        group=name[0],
        kind="twin",
        category="iptv" if level else "",
        source="s",
        generator="hand-a",
        split=split,
    )


EXAMPLES = [example("ga", 3, tags=("x",)), example("gb"), example("h", 4, "test")]


def test_counts() -> None:
    found = count(EXAMPLES)
    assert (found["examples"], found["violating"], found["groups"]) == (3, 2, 2)
    assert found["by_split"] == {"train": 2, "test": 1}
    assert found["by_category"] == {"iptv": 2, "(none)": 1}
    assert found["by_language"] == {"en": 3}
    assert found["ratings"] == {
        "spam": {"0": 3, "1": 0, "2": 0, "3": 0, "4": 0},
        "iptv": {"0": 1, "1": 0, "2": 0, "3": 1, "4": 1},
    }
    assert count([])["examples"] == 0


def test_the_hash_notices_every_change() -> None:
    first = corpus_hash(EXAMPLES)
    assert first == corpus_hash(list(EXAMPLES))
    changes = [
        EXAMPLES[::-1],
        EXAMPLES[:2],
        [replace(EXAMPLES[0], ratings=Ratings.full(IDS, {"iptv": 4})), *EXAMPLES[1:]],
        [replace(EXAMPLES[0], split="test"), *EXAMPLES[1:]],
        [replace(EXAMPLES[0], listing=replace(EXAMPLES[0].listing, title="other")), *EXAMPLES[1:]],
    ]
    assert len({first, *map(corpus_hash, changes)}) == 1 + len(changes)


def test_of_split() -> None:
    assert of_split(EXAMPLES, "test") == EXAMPLES[2:]
    assert of_split(EXAMPLES, "all") == EXAMPLES
    for name in ("validation", "dev"):
        with pytest.raises(
            UserError, match=f"no examples in split '{name}'; the splits are train, validation, test and all"
        ):
            of_split(EXAMPLES, name)


def test_export_writes_every_split_with_one_schema(tmp_path: Path) -> None:
    written = export_corpus(EXAMPLES, tmp_path / "out", "shop@1")
    assert sorted(path.name for path in written) == sorted(path.name for path in (tmp_path / "out").iterdir())
    tables = {split: parquet.read_table(tmp_path / "out" / f"{split}.parquet") for split in SPLITS}
    assert {split: table.num_rows for split, table in tables.items()} == {"train": 2, "validation": 0, "test": 1}
    assert tables["train"].schema == tables["validation"].schema == tables["test"].schema
    assert tables["train"].to_pylist() == [item.to_record() for item in EXAMPLES[:2]]
    lines = (tmp_path / "out" / "test.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [EXAMPLES[2].to_record()]
    summary = json.loads((tmp_path / "out" / "corpus.json").read_text("utf-8"))
    assert (summary["hash"], summary["policy"], summary["examples"]) == (corpus_hash(EXAMPLES), "shop@1", 3)


def test_dataset_has_the_records_rows() -> None:
    dataset = to_dataset(EXAMPLES)
    assert dataset.column_names == list(EXAMPLES[0].to_record())
    assert dataset[2]["ratings"] == {"spam": 0, "iptv": 4}
