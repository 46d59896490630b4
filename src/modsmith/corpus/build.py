"""The training corpus, built from what ships with modsmith: listings written whole, and offers told through shells.

The same size and seed give the same corpus, byte for byte. What the test split is told with stands apart:

| slice of the test split | offer | shell | disguise |
|---|---|---|---|
| unseen offer | unseen | seen in training | seen in training, or none |
| unseen shell | unseen | unseen | seen in training, or none |
| unseen transform | unseen | seen in training | unseen |
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources

from modsmith.corpus.balance import least_telling, take_evenly, word_weights
from modsmith.corpus.compose import EVASIONS, Offer, Shell, Telling, read_offers, read_shells, tell
from modsmith.corpus.compose.marks import plain
from modsmith.corpus.example import Example, Split
from modsmith.corpus.read import read_folder
from modsmith.corpus.split import assign_splits, draw_splits
from modsmith.errors import UserError
from modsmith.policy import Policy

STANDARD_SIZE, STANDARD_SEED = 8000, 7
VIOLATING_SHARE = 0.4
"""Base rate: violating listings among all."""
EVASION_SHARE = 0.16
"""Disguised listings among the composed ones."""
ORDINARY_SHARE = 0.55
"""Ordinary offers among the composed listings that are no side of a twin; the rest are near misses."""
WRITTEN_SHARE = 0.75
"""At most this share is written whole: a small corpus then holds some of everything, and of the many listings those can
be taken that together say least about the label."""
UNSEEN_EVASIONS = ("mixed scripts", "forged answer", "only in a file name")
"""Disguises that stand in the test split only."""


@dataclass(frozen=True, slots=True)
class _Mould:
    """What one split is told with."""

    split: Split
    shells: tuple[Shell, ...]
    evasions: tuple[str, ...]
    slice: str
    chatter: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One telling to come."""

    telling: Telling
    mould: _Mould

    def told(self, draft: int = 0) -> list[Example]:
        telling = replace(self.telling, draft=draft)
        return tell(telling, self.mould.chatter, self.mould.split, self.mould.slice)


def read_written(policy: Policy) -> list[Example]:
    """The listings written whole, split by group."""
    return list(_written(tuple(policy.category_ids)))


@lru_cache(maxsize=1)
def _written(categories: tuple[str, ...]) -> tuple[Example, ...]:
    """Kept, since a build, its check and a training each want them and the files take seconds to parse."""
    with resources.as_file(resources.files("modsmith.corpus").joinpath("written")) as path:
        return tuple(assign_splits(list(read_folder(path, categories, "written"))))


def read_parts(policy: Policy) -> tuple[list[Offer], list[Shell]]:
    """The offers and shells that ship with modsmith."""
    with resources.as_file(resources.files("modsmith.corpus.compose")) as path:
        return read_offers(path / "offers", policy.category_ids), read_shells(path / "shells")


def build_corpus(
    policy: Policy,
    size: int = STANDARD_SIZE,
    seed: int = STANDARD_SEED,
    violating: float = VIOLATING_SHARE,
    written: float = WRITTEN_SHARE,
) -> list[Example]:
    """Build a corpus of `size` listings of which the share `violating` breaks a rule (0.1 to 0.45: a twin brings one
    allowed listing for each violating one) and at most the share `written` is written whole (0 to 1). Sizes are met to
    within a handful. Raises `UserError`."""
    if not 0 <= written <= 1:
        raise UserError(f"the written share is {written}; it must be between 0 and 1")
    if not 0.1 <= violating <= 0.45:
        raise UserError(f"the violating share is {violating}; it must be between 0.1 and 0.45")
    if size < 200:
        raise UserError(f"the size is {size}; a corpus of all categories and kinds needs at least 200 listings")
    bad = round(violating * size)
    pool = read_written(policy)
    whole = _sample(pool, round(size * min(written, _room_for(pool, violating))), bad, seed)
    offers, shells = read_parts(policy)
    room = size - len(whole)
    twins = max(0, bad - sum(example.violates for example in whole))
    twins = min(twins, room // 2)
    singles = room - 2 * twins
    moulds = _moulds(offers, shells, seed)
    plan: list[_Plan] = []
    ordinary = round(singles * ORDINARY_SHARE)
    for kinds, count in (
        (("twin", "multi"), twins),
        (("ordinary",), ordinary),
        (("near_miss",), singles - ordinary),
    ):
        chosen = [offer for offer in offers if offer.kind in kinds]
        plan += _plan(chosen, count, moulds, seed)
    return [*whole, *_tell_all(plan)]


def _room_for(written: Sequence[Example], violating: float) -> float:
    """The share that listings written whole may have of a build, so that composed ones, of which at most half violate,
    can still bring it to the base rate `violating`."""
    rate = sum(example.violates for example in written) / len(written)
    return (0.5 - violating) / (0.5 - rate) if violating > rate else 1.0


def _sample(examples: Sequence[Example], limit: int, violating: int, seed: int) -> list[Example]:
    """At most `limit` examples, at most `violating` of them violating: whole groups, drawn evenly. Split, kind and
    category keep their shares as far as the base rate allows."""
    if len(examples) <= limit and sum(example.violates for example in examples) <= violating:
        return list(examples)
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    order = sorted(groups)
    random.Random(f"{seed}:written").shuffle(order)
    kept = {order[place] for place in take_evenly([groups[name] for name in order], limit, violating)}
    return [example for example in examples if example.group in kept]


def _moulds(offers: Sequence[Offer], shells: Sequence[Shell], seed: int) -> dict[Split, list[_Mould]]:
    """What each split may be told with; the test split has three moulds, told in turn."""
    by_language: dict[str, list[str]] = {}
    for shell in shells:
        by_language.setdefault(shell.language, []).append(shell.id)
    fate: dict[str, Split] = {}
    for names in by_language.values():
        fate |= draw_splits(names, seed)
    unseen = tuple(shell for shell in shells if fate[shell.id] == "test")
    seen = tuple(shell for shell in shells if fate[shell.id] != "test")
    old = tuple(name for name in EVASIONS if name not in UNSEEN_EVASIONS)
    home = _offer_splits(offers, seed)

    def talk(split: Split) -> tuple[str, ...]:
        ordinary = (offer for offer in offers if offer.kind == "ordinary" and home[offer.id] == split)
        return tuple(plain(text) for offer in ordinary for text in offer.sides[0].wordings["en"].openings)

    test = [
        _Mould("test", seen, old, "unseen offer", talk("test")),
        _Mould("test", unseen, old, "unseen shell", talk("test")),
        _Mould("test", seen, UNSEEN_EVASIONS, "unseen transform", talk("test")),
    ]
    return {
        "train": [_Mould("train", seen, old, "", talk("train"))],
        "validation": [_Mould("validation", seen, old, "", talk("validation"))],
        "test": test,
    }


def _offer_splits(offers: Sequence[Offer], seed: int) -> dict[str, Split]:
    strata: dict[tuple[str, str], list[str]] = {}
    for offer in offers:
        strata.setdefault((offer.category, offer.kind), []).append(offer.id)
    split_of: dict[str, Split] = {}
    for names in strata.values():
        split_of |= draw_splits(names, seed)
    return split_of


def _plan(offers: Sequence[Offer], count: int, moulds: dict[Split, list[_Mould]], seed: int) -> Iterator[_Plan]:
    """The offers in turn, `count` tellings in all, so that each is told about equally often."""
    split_of = _offer_splits(offers, seed)
    order = sorted(offers, key=lambda offer: random.Random(f"{seed}:{offer.id}").random())
    for turn in range(count if order else 0):
        number, place = divmod(turn, len(order))
        offer = order[place]
        choices = moulds[split_of[offer.id]]
        mould = choices[(number + place) % len(choices)]
        draw = random.Random(f"{seed}:{offer.id}:{number}")
        shell = _pick_shell(mould.shells, _language(offer, number, draw), offer.id, number, seed)
        disguised = mould.slice == "unseen transform" or draw.random() < EVASION_SHARE
        evasion = draw.choice(mould.evasions) if disguised else ""
        yield _Plan(Telling(offer, shell, evasion, number, seed), mould)


def _tell_all(plan: Sequence[_Plan]) -> list[Example]:
    """Every telling in the less telling of two drafts; what tells is learnt from the first drafts for training."""
    first = [one.told() for one in plan]
    weights = word_weights([example for draft in first for example in draft if example.split == "train"])
    second = (one.told(draft=1) for one in plan)
    return [example for drafts in zip(first, second, strict=True) for example in least_telling(drafts, weights)]


def _language(offer: Offer, number: int, draw: random.Random) -> str:
    """Every third telling of an offer that is worded in other languages is told in one of them."""
    others = [language for language in offer.languages if language != "en"]
    return draw.choice(others) if others and number % 3 == 1 else "en"


def _pick_shell(shells: Sequence[Shell], language: str, offer: str, number: int, seed: int) -> Shell:
    """The `number`-th of the offer's own shuffled row of shells of this language."""
    fitting = [shell for shell in shells if shell.language == language]
    if not fitting:
        raise UserError(f"no shell speaks {language!r}; write some, or leave that language out of offer {offer}")
    random.Random(f"{seed}:{offer}:{language}").shuffle(fitting)
    return fitting[number % len(fitting)]
