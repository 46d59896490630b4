"""What the second reader sees while it learns: every listing in another shape at each pass, fixed before the first
step.

A judge shows it listings between padding, windows of long ones, and titles with half a sentence. What it has never seen
it would take for innocent, and say so with certainty; so it learns on all of these. The two sides of a twin are shown
alike and in one batch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from modsmith.corpus import Example
from modsmith.corpus.build import UNSEEN_EVASIONS
from modsmith.corpus.compose import EVASIONS, disguise, read_orders
from modsmith.corpus.compose.disguise import MOVING
from modsmith.listing import Listing
from modsmith.prompt import listing_text, split_windows
from modsmith.training.second.settings import SecondSettings

STRETCH = 600
"""Units that are sorted by length together: batches hold texts of like length, and still mix."""
PADDED_TO = (400, 700, 1150)
"""Characters that padding fills a description up to, at most; the last is about a judge's window."""
SNIPPET = (50, 70, 90)
"""Characters after the title that a snippet shows."""
_WEIGHTS = {"injected orders": 3, "padding": 6}
_NAMES = [name for name in EVASIONS if name not in (*UNSEEN_EVASIONS, *MOVING)]


@dataclass(frozen=True, slots=True)
class Shown:
    """A listing as it is shown once."""

    example: Example
    text: str


def training_examples(everything: Sequence[Example]) -> list[Example]:
    """The train splits of several corpora, each text once, without a group or text that one of them holds apart."""
    apart = [example for example in everything if example.split != "train"]
    groups, texts = {example.group for example in apart}, {example.listing.text for example in apart}
    found: dict[str, Example] = {}
    for example in everything:
        if example.group not in groups and example.listing.text not in texts:
            found.setdefault(example.listing.text, example)
    return list(found.values())


def plan_batches(
    examples: Sequence[Example], settings: SecondSettings, talk: Sequence[str], progress: Callable[[int, int], None]
) -> list[list[Shown]]:
    """The batches of a run, in order. `talk` holds innocent sentences; `progress` is told (shown, all)."""
    draw = random.Random(settings.seed)
    orders = [order.text for order in read_orders() if not order.test]
    units: dict[str, list[Example]] = {}
    for example in examples:
        units.setdefault(example.unit, []).append(example)
    wanted = round(settings.passes * len(examples))
    batches: list[list[Shown]] = []
    shown = 0
    while shown < wanted:
        order = sorted(units)
        draw.shuffle(order)
        for start in range(0, len(order), STRETCH):
            made = [_show(units[name], settings, draw, talk, orders) for name in order[start : start + STRETCH]]
            some = _fill(sorted(made, key=lambda unit: max(len(one.text) for one in unit)), settings.batch_size)
            draw.shuffle(some)
            batches += some
            shown += sum(map(len, some))
            progress(min(shown, wanted), wanted)
            if shown >= wanted:
                break
    return batches


def _fill(units: Sequence[Sequence[Shown]], size: int) -> list[list[Shown]]:
    batches: list[list[Shown]] = [[]]
    for unit in units:
        if len(batches[-1]) >= size:
            batches.append([])
        batches[-1] += unit
    return batches


def _show(
    unit: Sequence[Example], settings: SecondSettings, draw: random.Random, talk: Sequence[str], orders: Sequence[str]
) -> list[Shown]:
    """The sides of a unit in one shape."""
    shape, seed = draw.random(), draw.getrandbits(32)
    shares = (settings.padded_share, settings.disguise_share, settings.snippet_share)
    padded, disguised, cut = (sum(shares[: upto + 1]) for upto in range(3))
    found = []
    for example in unit:
        own, shaped = random.Random(seed), example
        if example.evasion or example.weak:
            pass
        elif shape < padded and talk:
            shaped = _padded(example, own, talk)
        elif shape < disguised and talk:
            (name,) = own.choices(_NAMES, [_WEIGHTS.get(name, 1) for name in _NAMES])
            shaped = disguise(example, [name], random.Random(seed), own.sample(talk, min(40, len(talk))), orders)
        elif shape < cut:
            shaped = _snippet(example, own)
        found.append(Shown(example, listing_text(_window(shaped, own))))
    return found


def _padded(example: Example, draw: random.Random, talk: Sequence[str]) -> Example:
    room = draw.randint(100, max(101, draw.choice(PADDED_TO) - len(example.listing.description)))
    around: list[str] = []
    while sum(map(len, around)) < room:
        around.append(draw.choice(talk))
    at = draw.randint(0, len(around))
    text = "\n\n".join([*around[:at], example.listing.description, *around[at:]])
    return replace(example, listing=replace(example.listing, description=text))


def _snippet(example: Example, draw: random.Random) -> Example:
    """As it is, where the first words do not hold the evidence of a violation."""
    listing = example.listing
    text = f"{listing.title} {' '.join(listing.description.split())}"[: len(listing.title) + draw.choice(SNIPPET)]
    if example.violates and example.evidence not in text:
        return example
    return replace(example, listing=Listing(id=listing.id, title=text))


def _window(example: Example, draw: random.Random) -> Listing:
    """The listing, or the window of it that holds the evidence."""
    windows = split_windows(example.listing)
    holding = [window for window in windows if example.evidence and example.evidence in window.text]
    return (holding or [draw.choice(windows)])[0]
