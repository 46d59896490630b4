"""The labelled listings a moderator learns from and is measured on."""

from modsmith.corpus.build import build_corpus
from modsmith.corpus.example import KINDS, SPLITS, Example, Kind, Split
from modsmith.corpus.load import STANDARD, WRITTEN, load_corpus
from modsmith.corpus.split import assign_splits
from modsmith.corpus.table import corpus_hash, count, export_corpus, of_split, to_dataset

__all__ = [
    "KINDS",
    "SPLITS",
    "STANDARD",
    "WRITTEN",
    "Example",
    "Kind",
    "Split",
    "assign_splits",
    "build_corpus",
    "corpus_hash",
    "count",
    "export_corpus",
    "load_corpus",
    "of_split",
    "to_dataset",
]
