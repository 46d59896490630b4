"""A listing that is already written, put into disguises.

Marks are set around the evidence, as the corpus's own builder has them, so that it stays the quote: as it then stands
in the listing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from modsmith.corpus.compose.evasion import EVASIONS, Parts, inject
from modsmith.corpus.compose.marks import CLOSE, OPEN, plain
from modsmith.corpus.example import Example

ORDERS = ("injected orders", "forged answer")
"""Disguises that speak to the moderator."""
MOVING = ("only in the tags", "only in a file name")
"""Disguises that leave nothing but the evidence. It decides alone only where it was written to: in listings told
through a shell."""


def disguise(
    example: Example, names: Sequence[str], draw: random.Random, talk: Sequence[str], orders: Sequence[str] = ()
) -> Example:
    """The example in the disguises `names`, one after the other. `talk` holds innocent sentences, of which the
    listing's own are not used; `orders` are said in place of those of the corpus's builder."""
    listing = example.listing
    talk = [sentence for sentence in talk if sentence not in listing.description]
    marked = f"{OPEN}{example.evidence}{CLOSE}" if example.evidence else ""
    title, body = listing.title, listing.description
    if marked and example.evidence in body:
        body = body.replace(example.evidence, marked, 1)
    elif marked and example.evidence in title:
        title = title.replace(example.evidence, marked, 1)
    opening = draw.choice(talk) if talk else ""
    parts = Parts(title, body, opening, listing.title or example.category, marked, listing.tags, listing.files)
    for name in names:
        told = orders and name in ORDERS
        parts = inject(parts, draw, orders) if told else EVASIONS[name](parts, draw, talk)
    disguised = replace(
        listing,
        title=plain(parts.title),
        description=plain(parts.body),
        tags=tuple(map(plain, parts.tags)),
        files=tuple(map(plain, parts.files)),
    )
    evidence = parts.quote or (example.evidence if example.evidence in disguised.text else "")
    return replace(example, listing=disguised, evidence=evidence, evasion=" + ".join(names))


def small_talk(examples: Sequence[Example]) -> list[str]:
    """Innocent sentences of ordinary allowed listings in English, for padding."""
    plain_ones = [one for one in examples if not one.evasion and one.listing.language in ("", "en")]
    talk = [one for one in plain_ones if one.kind == "ordinary" and one.ratings.top == 0]
    return list(dict.fromkeys(
        sentence.strip() for one in talk for sentence in one.listing.description.split("\n")
        if 30 <= len(sentence.strip()) <= 400
    ))  # fmt: skip
