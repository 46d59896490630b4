"""What is asked for: seeds, the axes drawn for each, and the jobs in order. The same seed gives the same plan, and a
larger count only adds to its end."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from modsmith.corpus.example import COLLECTED, Example
from modsmith.corpus.generate.axes import TASKS, Axes, Task, draw_axes
from modsmith.corpus.generate.shape import layout_of, words_of
from modsmith.corpus.limits import broken_limit
from modsmith.corpus.load import STANDARD, WRITTEN, load_corpus
from modsmith.errors import UserError
from modsmith.listing import BadLine, Listing, read_listings
from modsmith.policy import Policy
from modsmith.ratings import BORDERLINE, VIOLATION

NOT_SCREENED = "weakly allowed and not screened (modsmith corpus import screens)"
"""Why a listing is no seed that was on sale, which neither a person nor a moderator has looked at."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A listing to start from."""

    listing: Listing
    group: str
    violates: bool
    category: str = ""
    """The category its group was written for; empty when unknown."""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One listing to be written."""

    task: Task
    seed: Seed
    axes: Axes
    round: int
    """How often the seed was used for this task before."""
    base: Listing
    """The listing to work on: the seed's, or its retelling."""

    @property
    def name(self) -> str:
        return f"{self.seed.listing.id}-{self.task}-{self.round}"

    def on(self, retelling: Listing, tone: str) -> Job:
        """The same job on what the seed was relaundered into."""
        axes = replace(self.axes, tone=tone, words=words_of(retelling), layout=layout_of(retelling.description))
        return replace(self, base=retelling, axes=axes)


@dataclass(frozen=True, slots=True)
class Seeds:
    """What a source holds."""

    allowed: tuple[Seed, ...]
    violating: tuple[Seed, ...]
    known: tuple[tuple[str, Listing], ...]
    """Group and listing of everything in the source, all splits: nothing generated may repeat them."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Why listings of the source are no seeds, counted."""

    @property
    def fingerprint(self) -> str:
        seeds = self.allowed + self.violating
        text = "\n".join(f"{seed.listing.id} {seed.violates} {seed.listing.text}" for seed in seeds)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def parse_tasks(text: str) -> tuple[Task, ...]:
    """ "violate,comply" as tasks, each once. Raises `UserError`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or any(name not in TASKS for name in names):
        raise UserError(f"--tasks {text!r}: name one or more of {', '.join(TASKS)}, with commas between them")
    return tuple(task for task in TASKS if task in names)


def load_seeds(source: str, policy: Policy) -> Seeds:
    """Seeds from a corpus (its train split) or a file of plain listings, which count as allowed unless they are marked
    as collected: what nobody has rated or screened is no seed. Raises `UserError`."""
    plain = _plain_listings(source)
    if plain is not None:
        found = [
            (Seed(one, str(one.extra.get("group") or one.id), False), NOT_SCREENED if _collected(one) else "")
            for one in plain
        ]
    else:
        found = [(_seed(example), _unfit(example)) for example in load_corpus(source, policy)]
    left_out: Counter[str] = Counter()
    seeds: list[Seed] = []
    for seed, reason in found:
        if not reason and (limit := broken_limit(seed.listing.text)):
            reason = f"breaks a limit: {limit}"
        if reason:
            left_out[reason] += 1
        else:
            seeds.append(seed)
    return Seeds(
        allowed=tuple(seed for seed in seeds if not seed.violates),
        violating=tuple(seed for seed in seeds if seed.violates),
        known=tuple((seed.group, seed.listing) for seed, _ in found),
        left_out=left_out,
    )


def _seed(example: Example) -> Seed:
    category = example.category
    if example.violates and example.ratings.get(category, 0) < VIOLATION:
        category = max(example.ratings, key=example.ratings.__getitem__)
    return Seed(example.listing, example.group, example.violates, category, example.voice)


def _unfit(example: Example) -> str:
    if example.split != "train":
        return f"{example.split} split"
    if example.evasion:
        return "disguised"
    if example.weak and not example.screened:
        return NOT_SCREENED
    return "borderline" if example.ratings.top == BORDERLINE else ""


def _collected(listing: Listing) -> bool:
    """Does it come straight from `modsmith corpus collect`?"""
    return listing.extra.get("label") == COLLECTED


def _plain_listings(source: str) -> list[Listing] | None:
    """The listings of a file without ratings; `None` when the source is a corpus."""
    path = Path(source)
    if source in (STANDARD, WRITTEN) or path.suffix.lower() not in (".jsonl", ".csv", ".tsv") or not path.is_file():
        return None
    listings = list(read_listings(path))
    if not listings:
        raise UserError(f"{source} holds no listings to start from")
    if isinstance(listings[0], Listing) and "ratings" in listings[0].extra:
        return None
    good: list[Listing] = []
    seen: set[str] = set()
    for one in listings:
        if isinstance(one, BadLine):
            raise UserError(f"{source}, line {one.line}: {one.error}")
        if "ratings" in one.extra:
            raise UserError(f"{source}: {one.id} has ratings, but the first line has none; give all of them or none")
        if one.id in seen:
            raise UserError(f"{source}: the id {one.id} is used twice")
        seen.add(one.id)
        good.append(one)
    return good


def plan_jobs(seeds: Seeds, policy: Policy, tasks: Sequence[Task], count: int, seed: int) -> list[list[Job]]:
    """`count` jobs in units. A unit is done in order: what a seed is relaundered into is then made to violate, so that
    both sides of that twin were written by the model. Raises `UserError` when the source has nothing for a task."""
    for task in tasks:
        if not (seeds.violating if task == "comply" else seeds.allowed):
            wanted = "violating" if task == "comply" else "allowed"
            why = "".join(f"; {count} left out: {reason}" for reason, count in seeds.left_out.most_common(2))
            raise UserError(
                f"the source has no {wanted} listings in its train split for the task {task}; leave it out{why}"
            )
    units: list[list[Job]] = []
    missing = count
    for unit in _units(seeds, policy, tasks, seed):
        if missing <= 0:
            break
        units.append(list(islice(unit, missing)))
        missing -= len(units[-1])
    return units


def _units(seeds: Seeds, policy: Policy, tasks: Sequence[Task], seed: int) -> Iterator[list[Job]]:
    streams: list[tuple[list[Task], list[Seed]]] = []
    for names, found in (((TASKS[2], TASKS[0]), seeds.allowed), ((TASKS[1],), seeds.violating)):
        if wanted := [task for task in names if task in tasks]:
            shuffled = list(found)
            random.Random(f"{seed}:{wanted[0]}").shuffle(shuffled)
            streams.append((wanted, shuffled))
    turn = 0
    while True:
        for wanted, row in streams:
            one, number = row[turn % len(row)], turn // len(row)
            # A minimal change is most natural where the seed already comes close; others take the categories in turn.
            known = one.category in policy.category_ids
            category = one.category if known else policy.category_ids[(turn + number) % len(policy.categories)]
            axes = {task: draw_axes(task, one.listing, category, seed, number) for task in wanted}
            yield [Job(task, one, axes[task], number, one.listing) for task in wanted]
        turn += 1
