"""A corpus as a table: `datasets.Dataset`, Parquet, JSONL, its hash and its counts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modsmith.corpus.example import SPLITS, Example
from modsmith.errors import UserError
from modsmith.files import atomic_write, write_json

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


def to_dataset(examples: Sequence[Example]) -> datasets.Dataset:
    """The examples as a Hugging Face `Dataset`, one row each, columns as in `Example.to_record`."""
    import datasets

    return datasets.Dataset.from_list([example.to_record() for example in examples])


def corpus_hash(examples: Sequence[Example]) -> str:
    """Sixteen hex digits over what is learnt and where, in order: what a model card names as its training data.
    Provenance that changes no lesson (who wrote it, in which voice) does not count."""
    digest = hashlib.sha256()
    for example in examples:
        record = example.to_record()
        lesson = {key: record[key] for key in _LESSON}
        digest.update(json.dumps(lesson, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()[:16]


_LESSON = ("id", "title", "description", "price", "tags", "files", "ratings", "rationale", "evidence", "group", "split")


def export_corpus(examples: Sequence[Example], folder: Path, policy_version: str) -> list[Path]:
    """Write `train`, `validation` and `test` as Parquet and JSONL, and `corpus.json` with counts and hash.

    With the data card beside them `datasets.load_dataset(folder)` reads them. Returns the files written.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    written: list[Path] = []
    schema = _schema(examples[0]) if examples else None
    for split in SPLITS:
        records = [example.to_record() for example in examples if example.split == split]
        with atomic_write(folder / f"{split}.jsonl") as file:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with atomic_write(folder / f"{split}.parquet", "wb") as file:
            parquet.write_table(pa.Table.from_pylist(records, schema), file)
        written += [folder / f"{split}.jsonl", folder / f"{split}.parquet"]
    write_json(folder / "corpus.json", {"hash": corpus_hash(examples), "policy": policy_version, **count(examples)})
    return [*written, folder / "corpus.json"]


def _schema(example: Example) -> pa.Schema:
    """One schema for every split: a split without rows, or whose lists are all empty, would infer another."""
    import pyarrow as pa

    types = {"ratings": pa.struct([(name, pa.int64()) for name in example.ratings])}
    types |= dict.fromkeys(("tags", "files"), pa.list_(pa.string()))
    return pa.schema([(name, types.get(name, pa.string())) for name in example.to_record()])


def count(examples: Sequence[Example]) -> dict[str, Any]:
    """Counts by split, kind, category, rating, language and generator."""
    ratings: dict[str, Counter[int]] = {}
    for example in examples:
        for name, level in example.ratings.items():
            ratings.setdefault(name, Counter())[level] += 1
    return {
        "examples": len(examples),
        "violating": sum(example.violates for example in examples),
        "groups": len({example.group for example in examples}),
        "by_split": dict(Counter(str(example.split) for example in examples)),
        "by_kind": dict(Counter(example.kind for example in examples)),
        "by_category": dict(Counter(example.category or "(none)" for example in examples)),
        "by_language": dict(Counter(example.listing.language for example in examples)),
        "by_source": dict(Counter(example.source for example in examples)),
        "by_generator": dict(Counter(example.generator for example in examples)),
        "by_evasion": dict(Counter(example.evasion or "(none)" for example in examples)),
        "by_slice": dict(Counter(example.slice or "(none)" for example in examples)),
        "ratings": {name: {str(level): found[level] for level in range(5)} for name, found in ratings.items()},
    }


def of_split(examples: Sequence[Example], split: str) -> list[Example]:
    """The examples of one split ("all" for every one). Raises `UserError` when there are none."""
    chosen = [example for example in examples if split == "all" or example.split == split]
    if not chosen:
        raise UserError(f"the corpus has no examples in split {split!r}; the splits are {', '.join(SPLITS)} and all")
    return chosen
