"""`Offer`: what is sold, in plain words and interchangeable parts, without a voice of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modsmith.corpus.compose.marks import OPEN, mark
from modsmith.corpus.example import Kind
from modsmith.errors import UserError
from modsmith.files import read_text
from modsmith.ratings import BORDERLINE, VIOLATION, Ratings

SIDES: dict[Kind, int] = {"twin": 2, "near_miss": 1, "ordinary": 1, "multi": 1}
"""The kinds of offers and how many sides each has."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's parts of a side. Each stands alone; `says` decides the rating, `openings` never does."""

    names: tuple[str, ...]
    openings: tuple[str, ...]
    says: tuple[str, ...]
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One thing that may be sold under an offer, with its ratings. Texts carry marks around the evidence."""

    ratings: Ratings
    wordings: Mapping[str, Wording]
    """By language; "en" is always there."""
    files: tuple[str, ...]
    rationales: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What is sold: one side, or two sides that differ in the fact that decides."""

    id: str
    kind: Kind
    category: str
    """The category it was written for; empty for ordinary offers."""
    hand: str
    """Who wrote it, from the file's name."""
    price: tuple[int, int] | None
    """Lowest and highest price in dollars, the same for both sides."""
    tags: tuple[str, ...]
    sides: tuple[Side, ...]

    @property
    def languages(self) -> list[str]:
        """Languages that every side can be told in."""
        return [language for language in self.sides[0].wordings if all(language in s.wordings for s in self.sides)]


def read_offers(folder: Path, categories: Sequence[str]) -> list[Offer]:
    """Read every `NAME-HAND.yaml` of `folder`, sorted by name; NAME is a category or "ordinary". Raises `UserError`
    with file, offer and reason at the first mistake."""
    offers: dict[str, Offer] = {}
    for file in sorted(folder.glob("*.yaml")):
        name, _, hand = file.stem.rpartition("-")
        for number, record in enumerate(read_yaml_list(file, "offer file"), start=1):
            place = f"offer file {file}, offer {record.get('offer', number) if isinstance(record, dict) else number}"
            try:
                offer = _offer(record, name if name in categories else "", f"offers-{hand}", categories)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
                raise UserError(f"{place}: {reason}") from error
            if offers.setdefault(offer.id, offer) is not offer:
                raise UserError(f"{place}: the id is used twice")
    return list(offers.values())


def read_yaml_list(file: Path, what: str) -> list[Any]:
    """A YAML file that is a list. Raises `UserError` naming the file otherwise."""
    try:
        records = yaml.load(read_text(file, what), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{what} {file}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(records, list):
        raise UserError(f"{what} {file}: expected a list")
    return records


def _offer(record: Any, category: str, hand: str, categories: Sequence[str]) -> Offer:
    if not isinstance(record, dict):
        raise ValueError("an offer is a mapping with the keys offer, kind, openings, sides")
    kind: Kind = record["kind"]
    if kind not in SIDES:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(SIDES)}")
    if len(record["sides"]) != SIDES[kind]:
        raise ValueError(f"an offer of kind {kind} has {SIDES[kind]} side(s)")
    openings = _texts(record["openings"], "openings")
    sides = tuple(_side(side, openings, categories) for side in record["sides"])
    _check_ratings(kind, [side.ratings for side in sides])
    price = record.get("price")
    return Offer(
        id=str(record["offer"]),
        kind=kind,
        category=category,
        hand=hand,
        price=(int(price[0]), int(price[1])) if price else None,
        tags=_texts(record.get("tags") or [], "tags"),
        sides=sides,
    )


def _side(record: Mapping[str, Any], openings: tuple[str, ...], categories: Sequence[str]) -> Side:
    ratings = Ratings.full(categories, record["ratings"])
    texts = {key: _texts(record[key], key) for key in ("names", "says", "details")}
    wordings = {"en": Wording(openings=openings, **texts)}
    for language, parts in (record.get("in") or {}).items():
        wordings[language] = Wording(
            names=_texts([parts["name"]], "name"),
            openings=_texts([parts["opening"]], "opening"),
            says=_texts([parts["say"]], "say"),
            details=_texts(parts["details"], "details"),
        )
    for language, wording in wordings.items():
        if not all((wording.names, wording.openings, wording.says, wording.details)):
            raise ValueError(f"names, openings, says and details may not be empty ({language})")
        if ratings.top >= BORDERLINE and (bare := next((say for say in wording.says if OPEN not in say), None)):
            raise ValueError(f"a rating of 2 or more needs [[evidence]] in every wording; none in {bare!r}")
    rationales = _texts(record["rationales"], "rationales")
    if not rationales:
        raise ValueError("rationales may not be empty")
    return Side(ratings, wordings, _texts(record.get("files") or [], "files"), rationales)


def _check_ratings(kind: Kind, ratings: Sequence[Ratings]) -> None:
    tops = sorted(one.top for one in ratings)
    if kind == "twin" and not (tops[0] <= BORDERLINE and tops[1] >= VIOLATION):
        raise ValueError(f"a twin has one side rated 2 or less and one rated 3 or 4, not {tops}")
    if kind == "near_miss" and tops[0] > 1:
        raise ValueError(f"a near miss is rated 0 or 1, not {tops[0]}")
    if kind == "ordinary" and tops[0] > 0:
        raise ValueError(f"an ordinary offer is rated 0 everywhere, not {tops[0]}")
    if kind == "multi" and sum(level >= VIOLATION for level in ratings[0].values()) < 2:
        raise ValueError("a multi offer is rated 3 or more in two categories")


def _texts(values: Any, name: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list")
    return tuple(mark(" ".join(str(value).split())) for value in values)
