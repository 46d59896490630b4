"""`Listing`: what a seller publishes, and how listings are read and written."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from modsmith.errors import UserError
from modsmith.files import read_text


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing of a digital-goods marketplace.

    Only `title` or `description` has to say something. Keys that modsmith does not know are kept in `extra` and
    never shown to the model.
    """

    id: str
    title: str = ""
    description: str = ""
    price: str = ""
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    language: str = ""
    seller: str = ""
    url: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], default_id: str = "") -> Listing:
        """Build a listing from a JSON object. Raises `ValueError` with one sentence when a field has the wrong type."""
        if not isinstance(record, Mapping):
            raise ValueError(f"a listing is an object with a title and a description, not {type(record).__name__}")
        values: dict[str, Any] = {}
        for name in _TEXT_FIELDS:
            values[name] = _text(record.get(name), name)
        for name in _LIST_FIELDS:
            values[name] = _texts(record.get(name), name)
        values["id"] = values["id"] or default_id
        if not any(values[name] for name in ("title", "description", "tags", "files")):
            raise ValueError("the listing is empty: give it a title or a description")
        kept = record.get("extra")
        given = {**(kept if isinstance(kept, dict) else {}), **record}
        return cls(**values, extra={key: given[key] for key in given if key not in _KNOWN and key != "extra"})

    def to_record(self) -> dict[str, Any]:
        """A JSON-ready object; empty fields are left out, `extra` keys stand beside the others again."""
        record = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "extra"}
        return {key: value for key, value in record.items() if value} | self.extra

    @property
    def text(self) -> str:
        """Every field a model sees, one a line: what a quote has to be found in."""
        return "\n".join([self.title, self.description, *self.tags, *self.files, self.price])


_KNOWN = {f.name for f in fields(Listing)} - {"extra"}
_LIST_FIELDS = ("tags", "files")
_TEXT_FIELDS = tuple(sorted(_KNOWN - set(_LIST_FIELDS)))


_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def _text(value: Any, name: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool):
        # Half a surrogate pair is legal in JSON, but no UTF-8 file and no tokenizer takes it.
        return _LONE_SURROGATES.sub("\ufffd", str(value)).strip()
    raise ValueError(f"{name} must be text, not {type(value).__name__}")


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)):
        return tuple(text for item in value if (text := _text(item, name)))
    raise ValueError(f"{name} must be a list of texts, not {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no listing: where it stood and the sentence that says why."""

    line: int
    error: str
    id: str | None = None


def read_listings(source: Path | str, columns: Mapping[str, str] | None = None) -> Iterator[Listing | BadLine]:
    """Read listings from `.jsonl`, `.csv`, `.tsv` or `.parquet`, in order; `-` reads JSONL from standard input.

    `columns` maps our field names to the file's column names (`{"title": "name"}`). Malformed lines come back as
    `BadLine` in their place so that the rest can go on; a file that cannot be read at all raises `UserError`.
    """
    columns = dict(columns or {})
    if unknown := set(columns) - _KNOWN:
        raise UserError(
            f"unknown field {sorted(unknown)[0]!r} in the column map; the fields are {', '.join(sorted(_KNOWN))}"
        )
    if str(source) == "-":
        return _read_jsonl(sys.stdin.buffer.read(), columns)
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _read_csv(path, columns, "\t" if suffix == ".tsv" else ",")
    if suffix == ".parquet":
        return _read_parquet(path, columns)
    try:
        return _read_jsonl(path.read_bytes(), columns)
    except OSError as error:
        raise UserError(f"cannot read listings {path}: {error.strerror or error}") from error


def _listing_or_bad(record: Any, line: int, columns: Mapping[str, str]) -> Listing | BadLine:
    if columns and isinstance(record, dict):
        record = {**record, **{ours: record.get(theirs) for ours, theirs in columns.items()}}
        record = {key: value for key, value in record.items() if key in columns or key not in columns.values()}
    given_id = record.get("id") if isinstance(record, dict) else None
    try:
        return Listing.from_record(record, default_id=f"line-{line}")
    except ValueError as error:
        return BadLine(line, str(error), None if given_id is None else _LONE_SURROGATES.sub("\ufffd", str(given_id)))


def _read_jsonl(data: bytes, columns: Mapping[str, str]) -> Iterator[Listing | BadLine]:
    for line, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            record = json.loads(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield BadLine(line, f"not UTF-8 (byte {error.start} of the line)")
        except (ValueError, RecursionError) as error:  # not only JSONDecodeError: an integer may be too long to read
            yield BadLine(line, f"not JSON: {error}")
        else:
            yield _listing_or_bad(record, line, columns)


def _check_columns(path: Path, columns: Mapping[str, str], present: list[str]) -> None:
    for ours, theirs in columns.items():
        if theirs not in present:
            raise UserError(f"{path} has no column {theirs!r} (asked for as {ours}); it has {', '.join(present)}")
    if not columns and not {"title", "description"} & set(present):
        raise UserError(
            f"{path} has neither a title nor a description column; name them with --map title=COLUMN "
            f"(it has {', '.join(present)})"
        )


def _read_csv(path: Path, columns: Mapping[str, str], delimiter: str) -> Iterator[Listing | BadLine]:
    csv.field_size_limit(10_000_000)
    reader = csv.DictReader(io.StringIO(read_text(path, "listings"), newline=""), delimiter=delimiter)
    try:
        _check_columns(path, columns, [name for name in reader.fieldnames or [] if name])
    except csv.Error as error:
        raise UserError(f"cannot read listings {path}, line 1: {error}") from error
    return _csv_rows(reader, path, columns)


def _csv_rows(reader: csv.DictReader[str], path: Path, columns: Mapping[str, str]) -> Iterator[Listing | BadLine]:
    line = reader.line_num
    try:
        for row in reader:
            line = reader.line_num
            surplus = row.pop(None, None)  # type: ignore[call-overload]
            if any(surplus or ()):
                yield BadLine(line, "the row has more fields than the header; put fields with separators in quotes")
            else:
                yield _listing_or_bad({key: value for key, value in row.items() if key}, line, columns)
    except csv.Error as error:
        raise UserError(f"cannot read listings {path}, line {line + 1}: {error}; is a quote left open?") from error


def _read_parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Listing | BadLine]:
    import pyarrow.lib
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.lib.ArrowException) as error:
        raise UserError(f"cannot read listings {path}: {error}") from error
    _check_columns(path, columns, table.column_names)
    return (_listing_or_bad(row, line, columns) for line, row in enumerate(table.to_pylist(), start=1))
