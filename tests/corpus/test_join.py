"""Other listings beside a built corpus: what joins, what is dropped, and in which split it stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modsmith.corpus import Example, load_corpus
from modsmith.corpus.card import write_card
from modsmith.corpus.join import join_files
from modsmith.errors import UserError
from modsmith.policy import Policy


def _write(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _record(name: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "title": text, "ratings": {}, "rationale": "Harmless.", **more}


@pytest.fixture
def built(plant_corpus_file: Path, plant_policy: Policy) -> list[Example]:
    return load_corpus(plant_corpus_file, plant_policy)


def test_repetitions_are_dropped_with_a_count(built: list[Example], tmp_path: Path, plant_policy: Policy) -> None:
    again = [built[0].to_record() | {"id": "again", "group": "elsewhere", "split": None}]
    fresh = [_record("n1", "A clay pot with a saucer"), _record("n2", "Twelve seed labels of slate")]
    mine, other = _write(tmp_path / "mine.jsonl", again + fresh), _write(tmp_path / "other.jsonl", fresh[:1])
    examples, added = join_files(built, [mine, other], plant_policy)
    assert [example.id for example in examples[len(built) :]] == ["n1", "n2"]
    assert [(file.name, file.joined, file.repeated) for file in added] == [("mine.jsonl", 2, 1), ("other.jsonl", 0, 1)]
    assert examples[: len(built)] == built
    assert (examples, added) == join_files(built, [mine, other], plant_policy)


def test_half_a_twin_does_not_join(built: list[Example], tmp_path: Path, plant_policy: Policy) -> None:
    sides = [
        built[0].to_record() | {"id": "ta", "group": "t", "split": None},
        _record("tb", "Nothing like the first", group="t", kind="twin"),
    ]
    examples, added = join_files(built, [_write(tmp_path / "mine.jsonl", sides)], plant_policy)
    assert examples == built and added[0].repeated == 2


def test_splits_go_by_group_and_guesses_are_for_training(
    built: list[Example], tmp_path: Path, plant_policy: Policy
) -> None:
    held = next(example for example in built if example.split == "test")
    rows = [
        _record("g1", "A retold listing of that group", group=held.group, split="train", source="generated"),
        _record("g2", "A listing that names its split", split="validation"),
        *(_record(f"w{n}", f"Nobody rated pot number {n}", source="weakly allowed: shop.csv") for n in range(20)),
        *(_record(f"r{n}", f"Somebody rated basket number {n}") for n in range(20)),
    ]
    examples, _ = join_files(built, [_write(tmp_path / "mine.jsonl", rows)], plant_policy)
    split = {example.id: example.split for example in examples}
    assert (split["g1"], split["g2"]) == ("test", "validation")
    assert {split[f"w{n}"] for n in range(20)} == {"train"}
    assert {split[f"r{n}"] for n in range(20)} == {"train", "validation", "test"}


def test_ids_stay_apart(built: list[Example], tmp_path: Path, plant_policy: Policy) -> None:
    files = []
    for number, text in enumerate(("A clay pot", "Slate labels", "A watering can of zinc")):
        (tmp_path / str(number)).mkdir()
        files.append(_write(tmp_path / str(number) / "mine.jsonl", [_record(built[0].id, text)]))
    examples, _ = join_files(built, files, plant_policy)
    own = built[0].id
    assert [example.id for example in examples[-3:]] == [own and f"mine:{own}", f"mine-2:{own}", f"mine-3:{own}"]


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([{"id": "a", "title": "A pot"}], "line 1: an example needs `ratings`"),
        ([_record("a", "A pot", rationale="")], "example a: the rationale is missing"),
        ([_record(n, f"Pot {n}", group="g", split=s) for n, s in (("a", "train"), ("b", "test"))], "two splits"),
    ],
)
def test_what_cannot_join_is_one_sentence(
    built: list[Example], tmp_path: Path, plant_policy: Policy, records: list[dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        join_files(built, [_write(tmp_path / "mine.jsonl", records)], plant_policy)


def test_the_card_counts_what_was_added_and_claims_no_licence(
    built: list[Example], tmp_path: Path, plant_policy: Policy
) -> None:
    rows = [_record("w", "Nobody rated this pot", source="weakly allowed, screened: shop.csv", language="en")]
    rows.append(_record("j", "陶器の鉢、十二個の札", language="ja"))
    examples, added = join_files(built, [_write(tmp_path / "mine.jsonl", rows)], plant_policy)
    card = write_card(examples, tmp_path, plant_policy, "modsmith corpus build", added).read_text("utf-8")
    assert "| mine.jsonl | 2 | 0 |" in card and "license: other" in card and "whoever added them" in card
    assert "| weakly allowed, screened: shop.csv | 1 |" in card
    assert "1 listings are mostly in another script than Latin" in card
    plain = write_card(built, tmp_path, plant_policy, "modsmith corpus build").read_text("utf-8")
    assert "license: apache-2.0" in plain and "0 listings are mostly in another script" in plain
