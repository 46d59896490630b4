"""A line in the making: edits are applied in one go, and every character remembers where it stood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Edit = tuple[int, int, str]
"""Start, end and new text. Either nothing is left, or one character becomes any number, or the length stays."""


@dataclass(frozen=True, slots=True)
class Draft:
    """`offsets[i]` is where character i began in the original; one more entry gives where the last one ended."""

    text: str
    offsets: Sequence[int]

    def edited(self, edits: Iterable[Edit]) -> Draft:
        """Apply edits that stand in order and do not overlap. Without any, the draft itself."""
        pieces: list[str] = []
        offsets: list[int] = []
        done = 0
        for start, end, new in edits:
            pieces += (self.text[done:start], new)
            offsets += self.offsets[done:start]
            same = len(new) == end - start
            offsets += self.offsets[start:end] if same else [self.offsets[start]] * len(new)
            done = end
        if not done:
            return self
        return Draft("".join([*pieces, self.text[done:]]), [*offsets, *self.offsets[done:]])
