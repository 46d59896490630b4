"""Near duplicates among texts: MinHash (Broder 1997) finds candidates, word triples are then compared exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from modsmith.listing import Listing
from modsmith.normalise import normalise

if TYPE_CHECKING:
    from datasketch import MinHash

SIMILAR = 0.8
"""Jaccard similarity of word triples from which two listings are near duplicates."""
_PERMUTATIONS = 128


class Sketch:
    """What is compared of a listing: the set of word triples of title and description, and its MinHash."""

    def __init__(self, listing: Listing) -> None:
        from datasketch import MinHash

        self.triples = triples(f"{listing.title}\n{listing.description}")
        self.hash: MinHash = MinHash(num_perm=_PERMUTATIONS, seed=1)
        self.hash.update_batch([triple.encode() for triple in self.triples])

    def overlap(self, other: Sketch) -> float:
        """Jaccard similarity, 0 to 1."""
        return len(self.triples & other.triples) / len(self.triples | other.triples)


class SimilarIndex:
    """Listings so far, numbered in the order they were added."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._sketches: list[Sketch] = []
        # Below the limit: the index estimates, and what it misses is never compared.
        self._candidates = MinHashLSH(threshold=SIMILAR - 0.1, num_perm=_PERMUTATIONS)

    def add(self, sketch: Sketch) -> int:
        """Add a listing and return its place."""
        place = len(self._sketches)
        self._candidates.insert(place, sketch.hash, check_duplication=False)
        self._sketches.append(sketch)
        return place

    def like(self, sketch: Sketch, among: Callable[[int], bool] = lambda place: True) -> list[int]:
        """Places of listings that overlap by `SIMILAR` or more; only those that `among` takes are compared."""
        places = sorted(int(place) for place in self._candidates.query(sketch.hash))
        return [place for place in places if among(place) and sketch.overlap(self._sketches[place]) >= SIMILAR]


def triples(text: str) -> set[str]:
    """Every three neighbouring words of the normalised text; a shorter text is one entry. Never empty."""
    words = re.findall(r"\w+", normalise(text))
    return {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def same_text(listing: Listing) -> str:
    """What two listings that differ in case and white space only have in common."""
    return " ".join(listing.text.split()).casefold()
