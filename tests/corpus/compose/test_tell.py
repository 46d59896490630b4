"""Telling: both sides alike in all but the facts, evidence verbatim under every disguise."""

from __future__ import annotations

import re

import pytest

from modsmith.corpus.build import read_parts
from modsmith.corpus.compose import EVASIONS, Telling, tell
from modsmith.normalise import normalise
from modsmith.policy import load_policy

OFFERS, SHELLS = read_parts(load_policy())
TWINS = [offer for offer in OFFERS if offer.kind == "twin"]
ENGLISH = [shell for shell in SHELLS if shell.language == "en"]
CHATTER = [f"Sentence {n} of another shop." for n in range(9)]


@pytest.mark.parametrize("evasion", ["", *EVASIONS])
def test_evidence_is_verbatim_under_every_disguise(evasion: str) -> None:
    for number, offer in enumerate(TWINS[::9]):
        for example in tell(Telling(offer, ENGLISH[number % len(ENGLISH)], evasion, number), CHATTER):
            assert example.problem() is None, example.id
            assert not re.search("[\ue000\ue001]|\\[\\[|\\{\\{", example.listing.text), example.id


def test_every_offer_can_be_told_in_each_of_its_languages() -> None:
    for offer in OFFERS:
        for language in offer.languages:
            shell = next(shell for shell in SHELLS if shell.language == language)
            assert all(example.problem() is None for example in tell(Telling(offer, shell), CHATTER)), offer.id


def test_the_two_sides_share_voice_price_tags_and_layout() -> None:
    for number, offer in enumerate(TWINS):
        one, other = tell(Telling(offer, ENGLISH[number % len(ENGLISH)], number=number), CHATTER)
        assert one.twin == other.twin and one.group == other.group == f"offer-{offer.id}"
        assert one.violates != other.violates
        assert (one.listing.price, one.listing.tags) == (other.listing.price, other.listing.tags)
        assert bool(one.listing.files) == bool(other.listing.files)
        assert one.listing.description.count("\n") == other.listing.description.count("\n")


def test_a_telling_depends_on_nothing_but_itself() -> None:
    telling = Telling(TWINS[0], ENGLISH[0], "padding", 3, seed=5)
    assert tell(telling, CHATTER) == tell(telling, CHATTER)
    assert tell(telling, CHATTER) != tell(Telling(TWINS[0], ENGLISH[0], "padding", 3, seed=6), CHATTER)


def test_disguises_of_letters_are_read_through_by_the_second_view() -> None:
    offer, shell = TWINS[0], ENGLISH[0]
    bare = tell(Telling(offer, shell), CHATTER)[0].listing.description
    for name in ("look-alike letters", "zero-width characters", "wide letters"):
        told = tell(Telling(offer, shell, name), CHATTER)[0].listing.description
        assert told != bare, name
        assert normalise(told) == normalise(bare), name


@pytest.mark.parametrize("evasion", ["only in the tags", "only in a file name"])
def test_what_hides_in_a_field_stands_nowhere_else(evasion: str) -> None:
    for offer in TWINS[::7]:
        for example in tell(Telling(offer, ENGLISH[0], evasion), CHATTER):
            shown = f"{example.listing.title}\n{example.listing.description}"
            assert not example.violates or example.evidence not in shown
