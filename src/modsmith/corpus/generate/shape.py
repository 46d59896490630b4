"""Length and layout of a listing: what a generated one has to share with its seed."""

from __future__ import annotations

import re

from modsmith.listing import Listing

LENGTH_FACTOR = 1.5
LENGTH_SLACK = 6
"""Words by which even the shortest listing may grow or shrink."""

_LAYOUTS = (
    ("table", re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)),
    ("headings", re.compile(r"^ {0,3}#{1,6} ", re.MULTILINE)),
    ("list", re.compile(r"^\s*(?:[-*+•–✓✔]|\d+[.)])\s.*\n(?:.*\n)?\s*(?:[-*+•–✓✔]|\d+[.)])\s", re.MULTILINE)),
    ("paragraphs", re.compile(r"\n\s*\n")),
    ("lines", re.compile(r"\n")),
)


def layout_of(description: str) -> str:
    """ "table", "headings", "list" (two neighbouring items), "paragraphs", "lines", "one block" or "empty"; the first
    that fits."""
    text = description.strip()
    if not text:
        return "empty"
    return next((name for name, pattern in _LAYOUTS if pattern.search(text)), "one block")


def words_of(listing: Listing) -> int:
    """Words of title and description."""
    return len(f"{listing.title} {listing.description}".split())


def length_bounds(words: int) -> tuple[int, int]:
    """The fewest and the most words of a listing whose seed has `words`."""
    fewest = min(words - LENGTH_SLACK, int(words / LENGTH_FACTOR))
    return max(1, fewest), max(words + LENGTH_SLACK, int(words * LENGTH_FACTOR))


def fields_of(listing: Listing) -> tuple[str, ...]:
    """Which of price, tags and files are filled."""
    return tuple(name for name in ("price", "tags", "files") if getattr(listing, name))
