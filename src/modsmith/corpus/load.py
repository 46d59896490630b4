"""`load_corpus`: a corpus by name or path, checked and split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modsmith.corpus.build import STANDARD_SEED, STANDARD_SIZE, build_corpus, read_written
from modsmith.corpus.example import Example
from modsmith.corpus.read import read_corpus
from modsmith.corpus.split import assign_splits
from modsmith.errors import UserError
from modsmith.policy import Policy

WRITTEN = "written"
"""The listings written whole that ship with modsmith."""
STANDARD = "standard"
"""The written listings and the composed ones, built afresh from what ships with modsmith; the same every time."""


def load_corpus(source: str | Path, policy: Policy, reasons: bool = True) -> list[Example]:
    """Load a corpus and give every example a split.

    `source` is "standard" or "written" (both built in), a folder of YAML files or of
    `train`/`validation`/`test` Parquet files, a YAML file, a JSONL file or a Parquet file. Splits that the file already
    names are kept; the rest is split by group. With `reasons=False`, rationale and evidence may be missing: enough to
    measure on. Raises `UserError` on the first bad example, naming file and place.
    """
    if str(source) == STANDARD:
        examples: Sequence[Example] = build_corpus(policy, STANDARD_SIZE, STANDARD_SEED)
    elif str(source) == WRITTEN:
        examples = read_written(policy)
    else:
        examples = read_corpus(Path(source), policy)
    check_examples(examples, str(source), reasons)
    try:
        return assign_splits(examples)
    except ValueError as error:
        raise UserError(f"corpus {source}: {error}") from error


def check_examples(examples: Sequence[Example], source: str, reasons: bool = True) -> None:
    """Raises `UserError` when there is none, an id stands twice, or an example may not be trained on."""
    if not examples:
        raise UserError(f"corpus {source} holds no examples")
    seen: set[str] = set()
    for example in examples:
        if reasons and (problem := example.problem()):
            raise UserError(f"corpus {source}, example {example.id}: {problem}")
        if example.id in seen:
            raise UserError(f"corpus {source}: the id {example.id} is used twice")
        seen.add(example.id)
