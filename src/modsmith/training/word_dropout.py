"""Leaving words of a listing out while training, others at every pass.

A small model soon knows a few thousand listings by heart: it then decides by any of their words, and the loss has
nothing left to teach. Leaving a random part of the words out at every pass (random deletion, 1901.11196) takes the
known texts away and leaves what the label hangs on: the words of the quote, and those that tell the two sides of a twin
apart, always stay. What the two sides share is left out of both.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from modsmith.corpus import Example
from modsmith.training.plan import Pass

_PIECE = re.compile(r"\S+\s*")


def drop_words(batch: Sequence[Pass], share: float, draw: random.Random) -> list[Pass]:
    """The passes of a batch, in order, with about `share` of the words of their titles and descriptions left out: a
    word that is drawn goes wherever it stands. Line breaks stay, and so does a text that would have nothing left."""
    if not share:
        return list(batch)
    units: dict[str, list[Example]] = {}
    for item in batch:
        units.setdefault(item.example.unit, []).append(item.example)
    dropped = {name: _draw(unit, share, draw) for name, unit in units.items()}
    return [replace(item, example=_without(item.example, dropped[item.example.unit])) for item in batch]


def _draw(unit: Sequence[Example], share: float, draw: random.Random) -> set[str]:
    words = [set(_words(example.listing.title) + _words(example.listing.description)) for example in unit]
    quoted = {word for example in unit for word in _words(example.evidence)}
    free = set.intersection(*words) - quoted
    return {word for word in sorted(free) if draw.random() < share}


def _without(example: Example, dropped: set[str]) -> Example:
    listing = example.listing
    title, description = (_drop(text, dropped) for text in (listing.title, listing.description))
    shorter = replace(listing, title=title, description=description)
    # A quote that begins or ends within a word has words of its own, which do not protect the whole one.
    return example if example.evidence not in shorter.text else replace(example, listing=shorter)


def _drop(text: str, dropped: set[str]) -> str:
    kept = [
        piece if piece.strip().lower() not in dropped else "\n" * piece.count("\n") for piece in _PIECE.findall(text)
    ]
    return "".join(kept) if any(piece.strip() for piece in kept) else text


def _words(text: str) -> list[str]:
    return text.lower().split()
