"""Splits by group: nothing of one moment of writing stands on two sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from modsmith.corpus.example import Example, Split

SHARES: dict[Split, float] = {"train": 0.75, "validation": 0.1, "test": 0.15}
LARGE = 60
"""Groups from which on a (category, kind) is split by each group's own draw, whatever else there is."""


def assign_splits(examples: Sequence[Example], seed: int = 0) -> list[Example]:
    """Give every example a split, in the given order of examples.

    Groups are drawn within each (category, kind), so every split holds its share of both. In large ones a group's place
    depends on its name and `seed` alone: listings that join later move none, and nothing that a model was trained on
    turns up in a test. In small ones the shares are met exactly, and new groups may move those at a boundary. Examples
    that already have a split keep it, and with it their whole group; a group that names two splits raises `ValueError`.
    """
    fixed: dict[str, Split] = {}
    strata: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for example in examples:
        if example.split is not None and fixed.setdefault(example.group, example.split) != example.split:
            raise ValueError(f"group {example.group} stands in two splits")
    for example in examples:
        if example.group not in fixed:
            strata[example.category, example.kind].setdefault(example.group)
    split_of = dict(fixed)
    for groups in strata.values():
        drawn = {group: _split_at(_draw(group, seed)) for group in groups} if len(groups) >= LARGE else None
        split_of = (drawn or draw_splits(list(groups), seed)) | split_of
    return [replace(example, split=split_of[example.group]) for example in examples]


def draw_splits(groups: Sequence[str], seed: int = 0) -> dict[str, Split]:
    """A split for each of the names, in the shares above. Test comes first, so that the smallest strata are still
    measured."""
    ordered = sorted(groups, key=lambda group: _draw(group, seed))
    return {group: _split_at((index + 0.5) / len(ordered)) for index, group in enumerate(ordered)}


def _draw(group: str, seed: int) -> float:
    """A number from 0 to 1 that the name alone decides."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8], "big") / 2**64


def _split_at(position: float) -> Split:
    """The split that owns `position` (0..1) when the shares are laid end to end."""
    if position < SHARES["test"]:
        return "test"
    return "validation" if position < SHARES["test"] + SHARES["validation"] else "train"
