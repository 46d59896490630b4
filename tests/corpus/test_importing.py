from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest

from modsmith.corpus.example import WEAK
from modsmith.corpus.importing import as_screened, import_listings
from modsmith.errors import UserError

ROWS = [
    {"name": "Ink brushes", "body": "Forty brushes", "shop": "s1"},
    {"name": "INK  brushes", "body": "forty brushes", "shop": "s2"},
    {"name": "x", "body": "", "shop": "s3"},
    {"name": ["a"], "body": {"no": "text"}, "shop": "s3"},
    {"name": "Chess diary", "body": "Sixty pages", "shop": "s1"},
]
MAP = {"title": "name", "description": "body", "seller": "shop"}


def test_what_is_dropped_is_counted_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n{broken\n", encoding="utf-8")
    found = import_listings(str(path), MAP, ["spam"])
    assert [example.listing.title for example in found.examples] == ["Ink brushes", "Chess diary"]
    assert found.dropped == {"repeated": 1, "too short": 1, "malformed": 2}
    assert "line 4" in found.first_error


def test_imported_listings_are_weakly_allowed_and_grouped_by_seller(tmp_path: Path) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text("\n".join(map(json.dumps, [ROWS[0], ROWS[4]])), encoding="utf-8")
    one, two = import_listings(str(path), MAP, ["spam", "iptv"]).examples
    assert one.group == two.group and one.id != two.id
    assert one.ratings == {"spam": 0, "iptv": 0} and one.source == f"{WEAK}: shop.jsonl"
    assert one.problem() is None
    assert one.weak and not one.screened
    seen = as_screened(one)
    assert seen.weak and seen.screened and seen.source.endswith(": shop.jsonl")


def test_nothing_to_import_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("headline\n", encoding="utf-8")
    with pytest.raises(UserError, match="neither a title nor a description"):
        import_listings(str(path), {}, ["spam"])


def test_a_dataset_of_the_hub_is_read_by_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = datasets.Dataset.from_list([{"name": "Ink brushes", "body": "Forty brushes", "n": 3}])
    table.to_parquet(tmp_path / "train.parquet")
    found = import_listings(f"hf:{tmp_path}", {"title": "name", "description": "body"}, ["spam"])
    assert [example.listing.description for example in found.examples] == ["Forty brushes"]


def test_a_dataset_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot load the dataset"):
        import_listings(f"hf:{tmp_path / 'none'}", {}, ["spam"])
