"""Other listings beside a built corpus: imported, generated, or rated by whoever builds it.

They come on top of what was built, in the order of the files. What repeats a listing that is there already is dropped
and counted. A group that the built corpus knows (a generated twin's seed) keeps its split; other groups keep the one
that the file names, or are drawn. Listings that nobody has rated are for training only: nothing is measured on a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modsmith.corpus.example import Example, Split
from modsmith.corpus.read import read_corpus
from modsmith.corpus.repeats import Repeats
from modsmith.corpus.split import assign_splits
from modsmith.errors import UserError
from modsmith.policy import Policy


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one file."""

    name: str
    """The file's name, without its folder."""
    joined: int
    repeated: int
    """Dropped: near duplicates of another group, the very text of the same one, and the other sides of such twins."""


def join_files(built: Sequence[Example], files: Sequence[Path], policy: Policy) -> tuple[list[Example], list[Added]]:
    """`built` (all with a split) and behind it what the files add: every example with a split and an id of its own.

    The same files in the same order give the same corpus. Raises `UserError` when a file is no corpus, one of its
    examples may not be trained on, or a group names two splits.
    """
    if not files:
        return list(built), []
    repeats = Repeats((example.group, example.listing) for example in built)
    home: dict[str, Split | None] = {example.group: example.split for example in built}
    ids = {example.id for example in built}
    taken = list(built)
    told: list[Added] = []
    for path in files:
        found = read_corpus(path, policy)
        for example in found:
            if problem := example.problem():
                raise UserError(f"corpus {path}, example {example.id}: {problem}")
        gone = _repeated(found, repeats)
        kept = [example for place, example in enumerate(found) if place not in gone]
        for example in kept:
            taken.append(_placed(example, home, ids, path))
            ids.add(taken[-1].id)
        told.append(Added(path.name, len(kept), len(gone)))
    try:
        return assign_splits(taken), told
    except ValueError as error:
        raise UserError(f"cannot add {', '.join(map(str, files))}: {error}") from error


def _repeated(found: Sequence[Example], repeats: Repeats) -> set[int]:
    """Places of what is dropped. Half a twin teaches the wrong thing, so the other side goes too; a twin whose other
    side stands in the built corpus is alone in its file and is judged alone."""
    fresh = [repeats.take(example) for example in found]
    torn = {example.unit for example, is_fresh in zip(found, fresh, strict=True) if not is_fresh}
    return {place for place, example in enumerate(found) if not fresh[place] or example.unit in torn}


def _placed(example: Example, home: dict[str, Split | None], ids: set[str], path: Path) -> Example:
    """The example in its group's split (`None`: to be drawn), under an id that no other has."""
    own: Split | None = "train" if example.weak else example.split
    split = home.get(example.group, own)
    name, number = example.id, 1
    while name in ids:
        name = f"{path.stem}:{example.id}" if number == 1 else f"{path.stem}-{number}:{example.id}"
        number += 1
    return replace(example, split=split, listing=replace(example.listing, id=name))
