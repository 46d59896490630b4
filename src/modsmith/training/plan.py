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
) -> list[list[Pass]]:
    """Order `epochs` passes over `examples` in batches of at most `batch_size`.

    The two sides of a twin come in the same batch and the same mode: what differs between them is then what the
    gradient sees. Batches hold listings of similar length (less padding), in random order; some are one short, so that
    no twin is torn.
    """
    draw = random.Random(seed)
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    batches: list[list[Pass]] = []
    missing = round(epochs * len(examples))
    while missing > 0:
        order = sorted(groups)
        draw.shuffle(order)
        stretch = 8 * batch_size  # groups are sorted by length within stretches, so that batches still mix
        epoch: list[list[Pass]] = []
        for start in range(0, len(order), stretch):
            names = sorted(order[start : start + stretch], key=lambda name: max(map(length, groups[name])))
            epoch += _fill_batches([groups[name] for name in names], batch_size, think_share, draw)
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
) -> list[list[Pass]]:
    """First the plain cases, where the category alone gives the answer away, then everything."""
    plain = [example for example in examples if example.violates or example.kind == "ordinary"]
    first = plan_passes(plain, plain_epochs, batch_size, think_share, seed, length)
    return first + plan_passes(examples, epochs, batch_size, think_share, seed + 1, length)


def _fill_batches(
    groups: list[list[Example]], batch_size: int, think_share: float, draw: random.Random
) -> list[list[Pass]]:
    batches: list[list[Pass]] = []
    waiting: list[Pass] = []
    for group in groups:
        mode: Mode = "think" if draw.random() < think_share else "direct"
        if len(waiting) + len(group) > batch_size:
            batches.append(waiting)
            waiting = []
        waiting = waiting + [Pass(example, mode) for example in group]
    return [*batches, waiting] if waiting else batches


def take_groups(examples: Sequence[Example], limit: int | None, seed: int = 0) -> list[Example]:
    """At most about `limit` examples, whole groups, in turn from every (category, kind), in the given order."""
    if limit is None or limit >= len(examples):
        return list(examples)
    draw = random.Random(seed)
    strata: dict[tuple[str, str], list[str]] = {}
    for example in examples:
        names = strata.setdefault((example.category, example.kind), [])
        if example.group not in names:
            names.append(example.group)
    for names in strata.values():
        draw.shuffle(names)
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[example.group] = sizes.get(example.group, 0) + 1
    total = sum(map(len, strata.values()))
    chosen: set[str] = set()
    count = 0
    # Strata are drained in proportion to their size: the subset keeps the corpus's mix.
    ranked = sorted(((index + 0.5) / len(names), name) for names in strata.values() for index, name in enumerate(names))
    for _, name in ranked[:total]:
        if count + sizes[name] > limit:
            break
        chosen.add(name)
        count += sizes[name]
    return [example for example in examples if example.group in chosen]
