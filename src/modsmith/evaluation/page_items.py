"""Single items on the page: a listing with its gold quote marked, and a table of what every system said of it.

Listing text is untrusted: it becomes `Markup` only by being escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from modsmith.evaluation.board import Board
from modsmith.evaluation.judged import CORPUS
from modsmith.evaluation.report_plots import Estimate, spaced

MISTAKES_SHOWN = 300
"""Most mistakes of one system on the page, whatever wrote the summary."""
TELLING = 0.15
"""A category that nobody rates above 0 or gives this probability is left out of an item's table."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What one system got wrong about an item."""

    place: int
    """Of the system, among `Board.shown`."""
    name: str
    type: str
    rank: int
    """0 for the system's worst mistake."""
    said: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One item, ready for the template."""

    item: Mapping[str, Any]
    title: Markup
    fields: list[tuple[str, Markup]]
    """(name, text) of the listing's other fields, those that are empty left out."""
    where: str
    """The set and slice, in words."""
    gold: str
    columns: list[str]
    rows: list[tuple[str, str, list[str]]]
    """(system, decision and score, a cell for each of `columns`)."""
    wrong: list[Wrong] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """What the slice filter compares: `set|slice`."""
        return f"{self.item.get('set') or CORPUS}|{self.item.get('slice') or ''}"


def shown_mistakes(summary: Mapping[str, Any], board: Board) -> list[Shown]:
    """Every item that a shown system gets wrong, once, in the order of the best system's list and then the others'."""
    found: dict[str, Shown] = {}
    order = sorted(board.shown, key=lambda name: name != board.best)
    for name in order:
        worst = ((board.systems[name].get("mistakes") or {}).get("worst") or [])[:MISTAKES_SHOWN]
        for rank, one in enumerate(worst):
            item = (summary.get("items") or {}).get(one["item"])
            if item is None:
                continue
            shown = found.setdefault(one["item"], show(item, board.models + board.probes))
            said = said_of(item, name)
            shown.wrong.append(Wrong(board.shown.index(name), name, one["type"], rank, said))
            shown.categories.extend(c for c in one.get("categories") or [] if c not in shown.categories)
    return list(found.values())


def show(item: Mapping[str, Any], systems: Sequence[str]) -> Shown:
    """Make one item ready. `systems` in the order of the table's rows."""
    said = {name: (item.get("said") or {}).get(name) for name in systems}
    said = {name: one for name, one in said.items() if one}
    gold = item.get("gold") or {}
    columns = list(dict.fromkeys([*gold, *(name for one in said.values() for name in _telling(one or {}))]))
    listing, quote = item.get("listing"), str(item.get("quote") or "")
    fields: list[tuple[str, Markup]] = []
    for name in ("description", "price", "tags", "files"):
        value = (listing or {}).get(name)
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        if text.strip():
            fields.append((name, marked(text, quote)))
    return Shown(
        item=item,
        title=marked(str((listing or {}).get("title") or ""), quote),
        fields=fields,
        where=_where(item),
        gold=levels(gold, "allowed"),
        columns=columns,
        rows=[(name, decided(one or {}), [_cell(one or {}, c) for c in columns]) for name, one in said.items()],
    )


def marked(text: str, quote: str) -> Markup:
    """The text, escaped, with the first place where the quote stands marked."""
    before, found, after = text.partition(quote) if quote else (text, "", "")
    return Markup("{}<mark>{}</mark>{}").format(before, found, after) if found else escape(text)


def said_of(item: Mapping[str, Any], system: str) -> str:
    """`iptv 1 · allow, score 0.12`."""
    one = (item.get("said") or {}).get(system) or {}
    ratings = one.get("ratings")
    return decided(one) if ratings is None else f"{levels(ratings, 'nothing')} · {decided(one)}"


def decided(said: Mapping[str, Any]) -> str:
    """`allow, score 0.12`."""
    score = Estimate.read(said.get("score"))
    return f"{said.get('decision') or 'no answer'}{f', score {score.text}' if score else ''}"


def levels(ratings: Any, none: str) -> str:
    """`{"iptv": 4, "spam": 0}` -> "iptv 4"."""
    found = [f"{spaced(name)} {level}" for name, level in (ratings or {}).items() if level]
    return ", ".join(found) or none


def _telling(said: Mapping[str, Any]) -> list[str]:
    ratings, scores = said.get("ratings") or {}, said.get("scores") or {}
    return [name for name in ratings or scores if ratings.get(name) or (scores.get(name) or 0) >= TELLING]


def _cell(said: Mapping[str, Any], category: str) -> str:
    ratings, score = said.get("ratings") or {}, Estimate.read((said.get("scores") or {}).get(category))
    parts = [str(ratings[category])] if category in ratings else []
    return " · ".join(parts + ([score.text] if score else []))


def _where(item: Mapping[str, Any]) -> str:
    kind = [spaced(str(item.get("kind") or ""))] if item.get("set", CORPUS) == CORPUS else []
    suite = [] if item.get("set", CORPUS) == CORPUS else [f"suite {spaced(str(item['set']))}"]
    return " · ".join(part for part in [*suite, *kind, spaced(str(item.get("slice") or ""))] if part)
