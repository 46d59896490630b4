"""Every disguise of the corpus, and stacked ones, on listings that are plain.

The suite `injection` is about orders to the moderator; here they stand in stacks only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from modsmith.corpus import Example
from modsmith.corpus.compose import EVASIONS, disguise, small_talk
from modsmith.corpus.compose.disguise import MOVING, ORDERS
from modsmith.evaluation.suites.items import Context, Item, changed, originals, unchanged

STACKS: tuple[tuple[str, ...], ...] = (
    ("look-alike letters", "split words"),
    ("zero-width characters", "padding"),
    ("leetspeak", "spacing", "injected orders"),
)


def load(context: Context) -> list[Item]:
    """The originals, then each of them in every disguise."""
    draw = context.draw("obfuscation")
    rows = [(name,) for name in EVASIONS if name not in ORDERS] + list(STACKS)
    plain_ones = originals(context, context.size // (len(rows) + 1), draw)
    talk = small_talk(context.test)
    return [
        *unchanged(plain_ones),
        *(
            disguised(example, row, draw, talk)
            for row in rows
            for example in plain_ones
            if example.shell or row[0] not in MOVING
        ),
    ]


def disguised(example: Example, names: Sequence[str], draw: random.Random, talk: Sequence[str]) -> Item:
    """The example in the disguises `names`, one after the other."""
    worn = disguise(example, names, draw, talk).listing
    return changed(
        example,
        " + ".join(names),
        title=worn.title,
        description=worn.description,
        tags=worn.tags,
        files=worn.files,
    )
