"""What is already there: nothing that is generated or added may repeat it."""

from __future__ import annotations

from collections.abc import Iterable

from modsmith.corpus.example import Example
from modsmith.corpus.similar import SimilarIndex, Sketch, same_text
from modsmith.listing import Listing


class Repeats:
    """Everything in a corpus, and what was accepted since. Within its own group a listing is meant to be alike:
    there only the very same text is a repeat."""

    def __init__(self, known: Iterable[tuple[str, Listing]]) -> None:
        self._index = SimilarIndex()
        self._groups: list[str] = []
        self._texts: set[tuple[str, str]] = set()
        for group, listing in known:
            self._add(group, listing, Sketch(listing))

    def _add(self, group: str, listing: Listing, sketch: Sketch) -> None:
        self._index.add(sketch)
        self._groups.append(group)
        self._texts.add((group, same_text(listing)))

    def take(self, example: Example) -> bool:
        """Add the example unless it repeats something; says whether it was added."""
        group, sketch = example.group, Sketch(example.listing)
        if (group, same_text(example.listing)) in self._texts:
            return False
        if self._index.like(sketch, among=lambda place: self._groups[place] != group):
            return False
        self._add(group, example.listing, sketch)
        return True
