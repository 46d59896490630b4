"""Listings of somebody else's as weakly allowed examples: read, counted, and what cannot be used named."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modsmith.corpus.example import SCREENED, WEAK, Example
from modsmith.errors import UserError
from modsmith.listing import BadLine, Listing, read_listings
from modsmith.normalise import normalise
from modsmith.ratings import Ratings

_HUB = "hf:"


@dataclass(slots=True)
class Imported:
    """What could be used, and why the rest could not."""

    examples: list[Example] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    first_error: str = ""


def import_listings(
    source: str, columns: Mapping[str, str], categories: Sequence[str], min_words: int = 2, limit: int | None = None
) -> Imported:
    """Read a CSV, TSV, JSONL or Parquet file, or `hf:NAME` or `hf:NAME:SPLIT` (a Hugging Face dataset), as examples
    rated 0 everywhere.

    Dropped, and counted by reason: malformed rows, listings of fewer than `min_words` words, and repetitions (equal
    after `normalise`). A group is a seller where one is given, so that a seller never crosses splits.
    Raises `UserError` when the source cannot be read or nothing is left.
    """
    found = Imported()
    seen: set[bytes] = set()
    ids: set[str] = set()
    name = source.removeprefix(_HUB) if source.startswith(_HUB) else Path(source).name
    for row, listing in enumerate(_read(source, columns), start=1):
        if limit is not None and len(found.examples) >= limit:
            break
        if isinstance(listing, BadLine):
            found.dropped["malformed"] += 1
            found.first_error = found.first_error or f"line {listing.line}: {listing.error}"
            continue
        text = f"{listing.title}\n{listing.description}"
        key = hashlib.sha256(normalise(text).encode()).digest()
        if len(re.findall(r"\w+", text)) < min_words:
            found.dropped["too short"] += 1
        elif key in seen:
            found.dropped["repeated"] += 1
        else:
            seen.add(key)
            own = listing.id if listing.id and listing.id not in ids else f"{name}:{row}"
            ids.add(own)
            found.examples.append(_example(listing, own, name, categories))
    if not found.examples:
        told = ", ".join(f"{count} {reason}" for reason, count in found.dropped.items()) or "the source is empty"
        raise UserError(
            f"nothing to import from {source}: {told}; name its columns with --map title=...,description=..."
        )
    return found


def as_screened(example: Example) -> Example:
    """The same weakly allowed example, marked as one in which a moderator has found nothing."""
    return replace(example, source=SCREENED + example.source.removeprefix(WEAK))


def _read(source: str, columns: Mapping[str, str]) -> Iterator[Listing | BadLine]:
    if not source.startswith(_HUB):
        return read_listings(source, columns)
    name, _, split = source.removeprefix(_HUB).partition(":")
    return _read_hub(name, split or "train", columns)


def _read_hub(name: str, split: str, columns: Mapping[str, str]) -> Iterator[Listing | BadLine]:
    import datasets

    try:
        rows = datasets.load_dataset(name, split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        raise UserError(f"cannot load the dataset {name}, split {split}: {' '.join(str(error).split())}") from error
    for line, row in enumerate(rows, start=1):
        record: dict[str, Any] = {ours: row.get(theirs) for ours, theirs in columns.items()} if columns else dict(row)
        try:
            yield Listing.from_record(record, default_id=f"{name}:{line}")
        except ValueError as error:
            yield BadLine(line, str(error))


def _example(listing: Listing, own: str, name: str, categories: Sequence[str]) -> Example:
    record = listing.to_record() | {"id": own}
    return Example(
        listing=Listing.from_record(record),
        ratings=Ratings.full(categories, {}),
        rationale="Was on sale and nobody has rated it.",
        evidence="",
        group=f"{name}:{listing.seller}" if listing.seller else own,
        kind="ordinary",
        category="",
        source=f"{WEAK}: {name}",
        generator="sellers",
    )
