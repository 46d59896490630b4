"""Reading a corpus from files: a folder of YAML files, JSONL or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from modsmith.corpus.example import KINDS, SPLITS, Example
from modsmith.errors import UserError
from modsmith.files import read_text
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import Ratings

_GROUP_KEYS = {"group", "kind", "voice", "language", "listings"}
_LISTING_KEYS = {"title", "description", "price", "tags", "files", "ratings", "rationale", "evidence"}


def read_corpus(path: Path, policy: Policy) -> list[Example]:
    """Every example of a folder or file, unchecked and with the splits that it names itself. Raises `UserError`."""
    categories = policy.category_ids
    if path.is_dir():
        tables = [table for split in SPLITS if (table := path / f"{split}.parquet").is_file()]
        if tables:
            return [example for table in tables for example in _read_parquet(table, categories)]
        return list(read_folder(path, categories, path.name))
    if not path.is_file():
        raise UserError(f"there is no corpus at {path}; give a built-in name, a folder, or a .jsonl or .parquet file")
    if path.suffix in (".yaml", ".yml"):
        return list(_read_yaml(path, categories, path.name, category=""))
    if path.suffix == ".parquet":
        return _read_parquet(path, categories)
    return list(_read_jsonl(path, categories))


def read_folder(folder: Path, categories: Sequence[str], source: str) -> Iterator[Example]:
    """`folder/CATEGORY/HAND-anything.yaml`; the folder `ordinary` holds listings of no category."""
    files = sorted(folder.rglob("*.yaml"))
    if not files:
        raise UserError(f"corpus folder {folder} holds neither Parquet splits nor YAML files")
    for file in files:
        category = file.parent.name if file.parent.name in categories else ""
        yield from _read_yaml(file, categories, source, category)


def _read_yaml(file: Path, categories: Sequence[str], source: str, category: str) -> Iterator[Example]:
    try:
        groups = yaml.load(read_text(file, "corpus file"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-02-31
        raise UserError(f"corpus file {file}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(groups, list):
        raise UserError(f"corpus file {file}: expected a list of groups")
    hand = file.stem.split("-")[0]
    for number, group in enumerate(groups, start=1):
        place = f"corpus file {file}, group {group.get('group', number) if isinstance(group, dict) else number}"
        yield from _read_group(group, place, categories, source, category, f"hand-{hand}")


def _read_group(
    group: Any, place: str, categories: Sequence[str], source: str, category: str, generator: str
) -> Iterator[Example]:
    if not isinstance(group, dict) or set(group) != _GROUP_KEYS:
        raise UserError(f"{place}: a group has exactly the keys {', '.join(sorted(_GROUP_KEYS))}")
    name = group["group"]
    if isinstance(name, bool) or not isinstance(name, (str, int)) or name == "":
        raise UserError(f"{place}: the group name must be text")
    if group["kind"] not in KINDS:
        raise UserError(f"{place}: kind must be one of {', '.join(KINDS)}")
    listings = group["listings"]
    wanted = 2 if group["kind"] == "twin" else 1
    if not isinstance(listings, list) or len(listings) != wanted:
        raise UserError(f"{place}: a group of kind {group['kind']} has {wanted} listing(s)")
    for index, record in enumerate(listings):
        if not isinstance(record, dict):
            raise UserError(f"{place}: a listing is a mapping with the keys {', '.join(sorted(_LISTING_KEYS))}")
        if unknown := [key for key in record if key not in _LISTING_KEYS]:
            raise UserError(f"{place}: a listing's keys are {', '.join(sorted(_LISTING_KEYS))}, not {unknown[0]!r}")
        suffix = "ab"[index] if wanted == 2 else ""
        try:
            yield Example(
                listing=Listing.from_record(
                    {key: record.get(key) for key in ("title", "description", "price", "tags", "files")}
                    | {"id": f"{name}{suffix}", "language": group["language"]}
                ),
                ratings=Ratings.full(categories, record.get("ratings")),
                rationale=" ".join(str(record.get("rationale") or "").split()),
                evidence=str(record.get("evidence") or "").strip(),
                group=str(name),
                kind=group["kind"],
                category=category,
                source=source,
                generator=generator,
                voice=str(group["voice"]),
            )
        except ValueError as error:
            raise UserError(f"{place}: {error}") from error


def _read_jsonl(path: Path, categories: Sequence[str]) -> Iterator[Example]:
    for line, raw in enumerate(read_text(path, "corpus").split("\n"), start=1):
        if not raw.strip():
            continue
        try:
            yield Example.from_record(json.loads(raw), categories, path.name, line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"corpus {path}, line {line}: {error}") from error


def _read_parquet(path: Path, categories: Sequence[str]) -> list[Example]:
    import pyarrow.lib
    import pyarrow.parquet as parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, pyarrow.lib.ArrowException) as error:
        raise UserError(f"cannot read corpus {path}: {error}") from error
    try:
        return [Example.from_record(row, categories, path.name, line) for line, row in enumerate(rows, start=1)]
    except ValueError as error:
        raise UserError(f"corpus {path}: {error}") from error
