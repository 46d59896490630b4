"""Marks around the evidence, so that a quote survives everything that is done to the text around it.

Writers put the deciding words into double square brackets. Inside, two characters of the private use area stand for the
brackets: no template, no change of case and no disguise touches them. `take_quote` takes them out at the very end and
returns the words between them as they then stand in the text.
"""

from __future__ import annotations

import re

OPEN, CLOSE = "\ue000", "\ue001"
_QUOTE = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_MARKS = str.maketrans("", "", OPEN + CLOSE)


def mark(text: str) -> str:
    """Turn a writer's [[brackets]] into marks. Raises `ValueError` when they do not come in pairs."""
    marked = re.sub(r"\[\[(.+?)\]\]", rf"{OPEN}\1{CLOSE}", text)
    if "[[" in marked or "]]" in marked:
        raise ValueError(f"the brackets [[ ]] around the evidence do not match in {text!r}")
    return marked


def plain(text: str) -> str:
    """The text without marks."""
    return text.translate(_MARKS)


def take_quote(text: str) -> str:
    """The first marked words that stand on one line, or "" when none do."""
    quotes = (found.strip() for found in _QUOTE.findall(text))
    return next((quote for quote in quotes if quote and "\n" not in quote), "")
