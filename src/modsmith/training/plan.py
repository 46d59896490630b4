"""The order of training: every pass over every example, fixed before the first step.

A plan is a plain list, so a resumed run sees exactly what the interrupted one would have seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modsmith.corpus import Example
from modsmith.prompt import Mode


@dataclass(frozen=True, slots=True)
class Pass:
    """One example, seen once, in one mode."""

    example: Example
    mode: Mode


def plan_passes(
    examples: Sequence[Example],
    epochs: float,
    batch_size: int,
    think_share: float,
    seed: int,
    length: Callable[[Example], int],
    composed_share: float = 1.0,
) -> list[list[Pass]]:
    """Order `epochs` passes over `examples` in batches of at most `batch_size`.

    A pass takes every hand-written listing, and of the composed ones a `composed_share` drawn anew.

    The two sides of a twin come in the same batch and the same mode: what differs between them is then what the
    gradient sees. Listings that nobody has rated (`Example.weak`) come in direct mode only: they have no reason to
    learn. Batches hold listings of similar length (less padding), in random order; some are one short, so that no twin
    is torn.
    """
    draw = random.Random(seed)
    units: dict[str, list[Example]] = {}
    for example in examples:
        units.setdefault(example.unit, []).append(example)
    batches: list[list[Pass]] = []
    composed = {name for name, unit in units.items() if unit[0].source == "composed"} if composed_share < 1 else set()
    missing = round(epochs * sum(composed_share if one.unit in composed else 1 for one in examples))
    while missing > 0:
        order = [name for name in sorted(units) if name not in composed or draw.random() < composed_share]
        draw.shuffle(order)
        stretch = 8 * batch_size  # units are sorted by length within stretches, so that batches still mix
        epoch: list[list[Pass]] = []
        for start in range(0, len(order), stretch):
            names = sorted(order[start : start + stretch], key=lambda name: max(map(length, units[name])))
            epoch += _fill_batches([units[name] for name in names], batch_size, think_share, draw)
        draw.shuffle(epoch)
        for batch in epoch:
            if missing > 0:
                batches.append(batch)
                missing -= len(batch)
    return batches


def plan_curriculum(
    examples: Sequence[Example],
    plain_epochs: float,
    epochs: float,
    batch_size: int,
    think_share: float,
    seed: int,
    length: Callable[[Example], int],
    composed_share: float = 1.0,
) -> list[list[Pass]]:
    """First the plain cases, where the category alone gives the answer away, then everything.

    Plain are violating and ordinary listings without a disguise, the shorter half of them: the first thing to learn is
    which category a listing is about, and it is learnt soonest where little else is said, without reasoning.
    """
    plain = [one for one in examples if (one.violates or one.kind == "ordinary") and not one.evasion]
    plain = sorted(plain, key=length)[: (len(plain) + 1) // 2]
    first = plan_passes(plain, plain_epochs, batch_size, 0.0, seed, length)
    return first + plan_passes(examples, epochs, batch_size, think_share, seed + 1, length, composed_share)


def _fill_batches(
    units: list[list[Example]], batch_size: int, think_share: float, draw: random.Random
) -> list[list[Pass]]:
    batches: list[list[Pass]] = []
    waiting: list[Pass] = []
    for unit in units:
        thinks = draw.random() < think_share  # drawn for weak ones too: they must not shift the others' modes
        mode: Mode = "think" if thinks and not any(example.weak for example in unit) else "direct"
        if len(waiting) + len(unit) > batch_size:
            batches.append(waiting)
            waiting = []
        waiting = waiting + [Pass(example, mode) for example in unit]
    return [*batches, waiting] if waiting else batches


def take_units(examples: Sequence[Example], limit: int | None, seed: int = 0) -> list[Example]:
    """At most about `limit` examples, twins whole, in turn from every (category, kind), in the given order."""
    if limit is None or limit >= len(examples):
        return list(examples)
    draw = random.Random(seed)
    found: dict[tuple[str, str], dict[str, None]] = {}
    for example in examples:
        found.setdefault((example.category, example.kind), {}).setdefault(example.unit)
    strata = [list(units) for units in found.values()]
    for names in strata:
        draw.shuffle(names)
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[example.unit] = sizes.get(example.unit, 0) + 1
    chosen: set[str] = set()
    count = 0
    # Strata are drained in proportion to their size: the subset keeps the corpus's mix.
    ranked = sorted(((index + 0.5) / len(names), name) for names in strata for index, name in enumerate(names))
    for _, name in ranked:
        if count + sizes[name] > limit:
            break
        chosen.add(name)
        count += sizes[name]
    return [example for example in examples if example.unit in chosen]
