"""Every disguise of the corpus, and stacked ones, on listings that are plain.

Marks are set around the evidence, as the corpus's own builder has them, so that the disguises that move the deciding
words into a tag or a file name find them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

from modsmith.corpus import Example
from modsmith.corpus.compose.evasion import EVASIONS, Parts
from modsmith.corpus.compose.marks import CLOSE, OPEN, plain
from modsmith.evaluation.suites.items import Context, Item, changed, chatter, originals, unchanged

STACKS: tuple[tuple[str, ...], ...] = (
    ("look-alike letters", "split words"),
    ("zero-width characters", "padding"),
    ("leetspeak", "spacing", "injected orders"),
)
ORDERS = ("injected orders", "forged answer")
"""The suite `injection` is about these; here they stand in stacks only."""
MOVING = ("only in the tags", "only in a file name")
"""Only the evidence is left. It decides alone where it was written to: in listings told through a shell."""


def load(context: Context) -> list[Item]:
    """The originals, then each of them in every disguise."""
    draw = context.draw("obfuscation")
    rows = [(name,) for name in EVASIONS if name not in ORDERS] + list(STACKS)
    plain_ones = originals(context, context.size // (len(rows) + 1), draw)
    talk = partial(_talk, chatter(context.test))
    return [
        *unchanged(plain_ones),
        *(
            disguised(example, row, draw, talk(example))
            for row in rows
            for example in plain_ones
            if example.shell or row[0] not in MOVING
        ),
    ]


def _talk(sentences: Sequence[str], example: Example) -> list[str]:
    """What others say: never the listing's own words."""
    return [sentence for sentence in sentences if sentence not in example.listing.description]


def disguised(example: Example, names: Sequence[str], draw: random.Random, talk: Sequence[str]) -> Item:
    """The example in the disguises `names`, one after the other."""
    listing = example.listing
    marked = f"{OPEN}{example.evidence}{CLOSE}" if example.evidence else ""
    title, body = listing.title, listing.description
    if marked and example.evidence in body:
        body = body.replace(example.evidence, marked, 1)
    elif marked and example.evidence in title:
        title = title.replace(example.evidence, marked, 1)
    opening = draw.choice(talk) if talk else ""
    parts = Parts(title, body, opening, listing.title or example.category, marked, listing.tags, listing.files)
    for name in names:
        parts = EVASIONS[name](parts, draw, talk)
    return changed(
        example,
        " + ".join(names),
        title=plain(parts.title),
        description=plain(parts.body),
        tags=tuple(map(plain, parts.tags)),
        files=tuple(map(plain, parts.files)),
    )
