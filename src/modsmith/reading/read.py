"""`read_plainly(text) -> Reading`: what the model reads, and the verbatim original behind a quote of it.

Deterministic, idempotent, linear in the length of the text. Ordinary text is left as it is; so is every disguise that
cannot be told from ordinary text. Never raises.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from modsmith.reading.draft import Draft
from modsmith.reading.letters import dressed, invisible, look_alikes, stacked_marks
from modsmith.reading.words import cut, leetspeak, set_apart_by_signs, set_apart_by_spaces

STEPS = (invisible, dressed, stacked_marks, look_alikes, leetspeak, set_apart_by_signs, set_apart_by_spaces, cut)
MOST_ROUNDS = 12
"""One disguise may hide another, so the steps are repeated until nothing changes. A word has 30 letters at most:
joined from ever larger parts, it is whole by then."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is read. `offsets[i]` is where character i of `text` began in `source`, and its last entry the end
    of `source`."""

    source: str
    text: str
    offsets: Sequence[int]

    def original(self, quote: str) -> str:
        """The verbatim span of the source behind a quote of the reading, or "" when it is not there.

        White space, case and quote marks may differ, as may the brackets that `prompt.neutralise` exchanges.
        """
        wanted = _flat(quote)[0]
        flat, places = _flat(self.text)
        at = flat.find(wanted)
        if not wanted or at < 0:
            return ""
        return self._span(places[at], places[at + len(wanted) - 1] + 1)

    def reads(self, quote: str) -> str:
        """How a verbatim span of the source reads in its place; a quote that is not there is read by itself."""
        at = self.source.find(quote)
        if at < 0:
            return read_plainly(quote).text
        size = len(self.text)
        start, end = (bisect_left(self.offsets, place, hi=size) for place in (at, at + len(quote)))
        return self.text[start:end]

    def _span(self, start: int, end: int) -> str:
        first, last = self.offsets[start], self.offsets[end]
        if last == self.offsets[end - 1]:  # the quote ends inside a character that reads as several
            last = self.offsets[bisect_right(self.offsets, last)]
        return self.source[first:last].strip()


def read_plainly(text: str) -> Reading:
    """Undo the disguises. Every line is read by itself."""
    pieces: list[str] = []
    offsets: list[int] = []
    place = 0
    changed = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        draft = _read_line(line)
        changed |= draft.text != line
        pieces.append(draft.text)
        offsets += (place + offset for offset in draft.offsets[:-1])
        place += len(line)
    if not changed:
        return Reading(text, text, range(len(text) + 1))
    return Reading(text, "".join(pieces), [*offsets, len(text)])


def _read_line(line: str) -> Draft:
    draft = Draft(line, range(len(line) + 1))
    if line.isspace():
        return draft
    for _ in range(MOST_ROUNDS):
        before = draft
        for step in STEPS:
            draft = draft.edited(step(draft.text))
        if draft.text == before.text:
            break
    return draft


_QUOTE_MARK = re.compile('["“”«»]')
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters. `prompt.neutralise` drops them, so no quote holds them."""


def _flat(text: str) -> tuple[str, list[int]]:
    """The text as quotes are compared, and where each character of it stands in `text`."""
    flat: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if CONTROL.match(character):
            folded = ""
        elif character.isspace():
            folded = " " if flat and flat[-1] != " " else ""
        else:
            folded = {"‹": "<", "❲": "["}.get(character) or (
                "'" if _QUOTE_MARK.match(character) else character.casefold()
            )
        flat += folded
        places += [place] * len(folded)
    if flat and flat[-1] == " ":
        flat.pop()
        places.pop()
    return "".join(flat), places
