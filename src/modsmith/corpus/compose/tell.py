"""Telling an offer through a shell: from parts to labelled examples."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from modsmith.corpus.compose.evasion import EVASIONS, Parts
from modsmith.corpus.compose.marks import plain
from modsmith.corpus.compose.offers import Offer, Side
from modsmith.corpus.compose.shells import Shell
from modsmith.corpus.example import Example, Split
from modsmith.listing import Listing

_TAGS_SHARE, _FILES_SHARE = 0.6, 0.5
"""Shares of listings that show tags and file names, where the offer has them."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One way to tell an offer. The same telling gives the same text, whatever else is told."""

    offer: Offer
    shell: Shell
    evasion: str = ""
    """A name in `EVASIONS`, or "" for none."""
    number: int = 0
    """Counts the tellings of one offer."""
    seed: int = 0
    draft: int = 0
    """Another draft draws other wordings for the same shell and disguise."""


def tell(telling: Telling, chatter: Sequence[str], split: Split | None = None, slice: str = "") -> list[Example]:
    """One example for each side of the offer, alike in everything but what the sides' words say.

    `chatter` holds neutral sentences of other offers for the disguises that pad. Every choice is drawn from the seed,
    the offer's id and the number, and each side draws the same: the same wording, order, price, fields and disguise.
    """
    offer, shell = telling.offer, telling.shell
    name = f"{offer.id}.{telling.number:02d}"
    examples = []
    for letter, side in zip("ab", offer.sides, strict=False):
        draw = random.Random(f"{telling.seed}:{name}:{telling.draft}")
        parts, price = _fill(offer, side, shell, draw)
        rationale = side.rationales[draw.randrange(6) % len(side.rationales)]
        if telling.evasion:
            parts = EVASIONS[telling.evasion](parts, draw, chatter)
        examples.append(
            Example(
                listing=Listing(
                    id=name + (letter if len(offer.sides) > 1 else ""),
                    title=plain(parts.title),
                    description=plain(parts.body).strip(),
                    price=price,
                    tags=tuple(map(plain, parts.tags)),
                    files=tuple(map(plain, parts.files)),
                    language=shell.language,
                ),
                ratings=side.ratings,
                rationale=plain(rationale),
                evidence=parts.quote,
                group=f"offer-{offer.id}",  # written listings of the same hand have numbers of their own
                twin=name if offer.kind == "twin" else "",
                kind=offer.kind,
                category=offer.category,
                source="composed",
                generator=offer.hand,
                voice=shell.voice,
                shell=shell.id,
                evasion=telling.evasion,
                slice=slice,
                split=split,
            )
        )
    return examples


def _fill(offer: Offer, side: Side, shell: Shell, draw: random.Random) -> tuple[Parts, str]:
    """The shell filled with one side's parts, and the price. Draws the same number of times for every side."""
    wording = side.wordings[shell.language]
    # Indices are drawn from a common multiple, not from the list's length: both sides then pick alike.
    picks = [draw.randrange(60) for _ in range(3)]
    name, opening, say = (
        options[pick % len(options)]
        for options, pick in zip((wording.names, wording.openings, wording.says), picks, strict=True)
    )
    order = sorted(range(5), key=lambda _: draw.random())
    details = [wording.details[place] for place in order if place < len(wording.details)]
    price = _price(offer.price, shell.language, draw)
    tags = offer.tags if draw.random() < _TAGS_SHARE else ()
    files = side.files if draw.random() < _FILES_SHARE else ()
    title, body = shell.render(name=name, opening=opening, say=say, details=details, price=price)
    show_price = draw.random() < 0.8
    return Parts(title, body, opening, name, say, tags, files), price if show_price else ""


def _price(bounds: tuple[int, int] | None, language: str, draw: random.Random) -> str:
    amount, form = draw.random(), draw.random()
    if bounds is None:
        return ""
    value = round(bounds[0] + amount * (bounds[1] - bounds[0]))
    if language != "en":
        return f"{value} €"
    return (
        f"${value}" if form < 0.7 else f"${value}.00" if form < 0.8 else f"{value} USD" if form < 0.9 else f"€{value}"
    )
