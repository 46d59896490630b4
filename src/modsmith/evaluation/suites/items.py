"""What suites are made of: items, and the choice of a few that stand for all."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from modsmith.corpus import Example
from modsmith.errors import UserError
from modsmith.files import file_hash, read_text
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import Ratings


class NotRunError(Exception):
    """The suite cannot be run here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One listing of a suite. `example.slice` is the row of the suite's table it counts in."""

    example: Example
    origin: str = ""
    """Id of the unchanged example in the same suite, where this one was made from it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a loader may draw from."""

    test: Sequence[Example]
    """The corpus's examples under evaluation."""
    policy: Policy
    data: Path | None
    """Folder of public sets, which are read there and never copied."""
    size: int
    """About how many listings to return, at most."""
    seed: int = 0
    opened: dict[str, str] = field(default_factory=dict)
    """Name -> hash of every file of the data folder that the loader asked for."""

    def draw(self, name: str) -> random.Random:
        """A source of chance of its own for each suite."""
        return random.Random(f"{self.seed}:{name}")

    def file(self, name: str) -> Path:
        """A file of the data folder. Raises `NotRunError`."""
        if self.data is None:
            raise NotRunError(f"it needs {name}: name the folder that holds it with --data or MODSMITH_DATA")
        if not (self.data / name).is_file():
            raise NotRunError(f"there is no {name} in {self.data}")
        self.opened[name] = file_hash(self.data / name)
        return self.data / name

    def rows(self, name: str, columns: Sequence[str]) -> list[dict[str, str]]:
        """The rows of a CSV file of the data folder. Raises `NotRunError` when it lacks one of the columns."""
        csv.field_size_limit(10_000_000)
        try:
            lines = read_text(self.file(name), "data file").splitlines(keepends=True)
            reader = csv.DictReader(lines)
            if missing := set(columns) - set(reader.fieldnames or ()):
                raise NotRunError(f"{self.file(name)} has no column {sorted(missing)[0]!r}")
            return list(reader)
        except (csv.Error, UserError) as error:
            raise NotRunError(f"{self.file(name)} cannot be read: {error}") from error


def foreign(
    policy: Policy, id: str, text: str, slice: str, source: str, ratings: dict[str, int] | None = None, group: str = ""
) -> Example:
    """An item of a public set. Raises `NotRunError` when the policy lacks the category it would be rated in."""
    if unknown := sorted(set(ratings or ()) - set(policy.category_ids)):
        raise NotRunError(f"its labels are about {unknown[0]}, and the policy has no such category")
    return Example(
        listing=Listing(id=id, title=text.strip()),
        ratings=Ratings.full(policy.category_ids, ratings),
        rationale="",
        evidence="",
        group=group or id,
        kind="ordinary",
        category=next(iter(ratings or ()), ""),
        source=source,
        generator=source,
        slice=slice,
    )


def spread(
    examples: Sequence[Example], size: int, draw: random.Random, row: Callable[[Example], str] = lambda e: e.slice
) -> list[Example]:
    """At most `size` examples, taken in turn from every row, units (twins) whole, in the given order."""
    units: dict[str, list[Example]] = {}
    for example in examples:
        units.setdefault(example.unit, []).append(example)
    rows: dict[str, list[str]] = {}
    for name, members in units.items():
        rows.setdefault(row(members[0]), []).append(name)
    for names in rows.values():
        draw.shuffle(names)
    turns = sorted((turn, place, name) for place, names in enumerate(rows.values()) for turn, name in enumerate(names))
    chosen: set[str] = set()
    count = 0
    for _, _, name in turns:
        if count + len(units[name]) <= size:
            chosen.add(name)
            count += len(units[name])
    return [example for example in examples if example.unit in chosen]


def changed(example: Example, slice: str, **listing: object) -> Item:
    """The example with some fields of its listing changed, beside its origin."""
    new = replace(example.listing, id=f"{example.id}~{slice}", **listing)  # type: ignore[arg-type]
    return Item(replace(example, listing=new, slice=slice, kind="ordinary", twin=""), example.id)


def unchanged(examples: Sequence[Example], slice: str = "unchanged") -> Iterator[Item]:
    """The originals, as a row of their own."""
    return (Item(replace(example, slice=slice, kind="ordinary", twin="")) for example in examples)


def originals(context: Context, count: int, draw: random.Random) -> list[Example]:
    """About `count` test listings to be changed: without a disguise, in English, two violating for each allowed one."""
    plain = [e for e in context.test if not e.evasion and e.listing.language in ("", "en")]
    bad = [e for e in plain if e.violates and e.evidence]
    good = [e for e in plain if e.ratings.top == 0]
    if not bad or not good:
        raise NotRunError("the test listings hold no violating or no allowed one to be changed")
    single = [replace(example, kind="ordinary") for example in bad]  # the sides of a twin may be drawn alone
    chosen = spread(single, max(1, round(count * 2 / 3)), draw, lambda e: e.category)
    groups = {example.group for example in chosen}
    siblings = [replace(example, kind="ordinary") for example in good if example.group in groups] or good
    return chosen + spread(siblings, max(1, round(count / 3)), draw, lambda e: e.category)
