"""What counts as a repeat."""

from __future__ import annotations

from modsmith.corpus import Example
from modsmith.corpus.repeats import Repeats
from modsmith.listing import Listing
from modsmith.ratings import Ratings


def example(name: str, text: str, group: str) -> Example:
    listing, rated = Listing(name, "", text), Ratings.full(["iptv"])
    return Example(listing, rated, "r", "", group, "twin", "iptv", "generated", "m", twin=name)


LONG = " ".join(f"word{number}" for number in range(40))


def test_repeats() -> None:
    repeats = Repeats([("source", Listing("x", "", LONG))])
    assert not repeats.take(example("a", LONG + " more", "other"))
    assert repeats.take(example("b", LONG + " more", "source"))  # its own group is meant to be alike
    assert not repeats.take(example("c", LONG.upper(), "source"))
    assert repeats.take(example("d", " ".join(reversed(LONG.split())), "other"))
    assert not repeats.take(example("e", " ".join(reversed(LONG.split())), "third"))
