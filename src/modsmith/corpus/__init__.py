"""The labelled listings a moderator learns from and is measured on."""

from modsmith.corpus.example import KINDS, SPLITS, Example, Kind, Split
from modsmith.corpus.read import BUILT_IN, load_corpus
from modsmith.corpus.split import assign_splits
from modsmith.corpus.table import corpus_hash, count, export_corpus, of_split, to_dataset

__all__ = [
    "BUILT_IN",
    "KINDS",
    "SPLITS",
    "Example",
    "Kind",
    "Split",
    "assign_splits",
    "corpus_hash",
    "count",
    "export_corpus",
    "load_corpus",
    "of_split",
    "to_dataset",
]
