"""The axes of variety: what is drawn for each request, and from what."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from modsmith.corpus.generate.shape import layout_of, words_of
from modsmith.listing import Listing

Task = Literal["violate", "comply", "relaunder"]
TASKS: tuple[Task, ...] = ("violate", "comply", "relaunder")

AS_IT_IS = "as in the listing"
PERSONAS = (
    "a hobbyist who answers every comment", "a two-person studio with a catalogue of sixty items",
    "a student who needs the rent this week", "a retired teacher with time and opinions",
    "a reseller who has never used the product", "a tinkerer who talks in part numbers",
    "a small agency that calls itself 'we'", "somebody who writes in a second language",
    "a parent selling between two school runs", "a shy first-time seller", "a market crier who moved online",
    "a freelancer tired of explaining", "a collector who names the year of everything",
    "a forum regular who expects you to know the words", "a coach with a method and a capital M",
    "a night-shift worker who types on the phone",
)  # fmt: skip
PRODUCTS = (
    "a download of files", "a template or kit to adapt", "a course, advertised by its contents", "a monthly membership",
    "access to a group or panel", "a service done by hand for the buyer", "a small program or script",
    "a spreadsheet or database", "a thing sent by post", "a bundle of several things",
)  # fmt: skip
TONES = (
    AS_IT_IS, "dry and factual", "chatty", "pushy, with capitals and urgency", "shy and apologetic", "funny", "terse",
    "proud of the craft", "corporate", "all lower case, hardly any punctuation", "tells how it came about",
    "technical", "warm", "sloppy, with a typo or two",
)  # fmt: skip
_IN_TITLE, _IN_LABEL = "the title", "a tag or a file name"
PLACES = (_IN_TITLE, "the first sentence", "the middle of the description", "the last line", _IN_LABEL)
SAYINGS = ("coded", "blunt")


@dataclass(frozen=True, slots=True)
class Axes:
    """What varies from request to request. What a twin has to share with its seed (length, layout, language) is read
    off the seed; the rest is drawn."""

    category: str
    severity: int
    """The rating the listing should get in `category`: 3 or 4 for `violate`, else 0 or 1."""
    persona: str
    product: str
    tone: str
    saying: str
    """"coded" or "blunt"."""
    place: str
    """Where the deciding fact stands."""
    words: int
    layout: str
    language: str


def draw_axes(task: Task, listing: Listing, category: str, seed: int, number: int) -> Axes:
    """The axes for a seed's `number`-th use. One draw for all tasks of a seed and use: persona, tone and the rest then
    say nothing about the label."""
    draw = random.Random(f"{seed}:{listing.id}:{number}")
    level, tone = draw.randrange(2), draw.choice(TONES)
    return Axes(
        category=category,
        severity=3 + level if task == "violate" else level,
        persona=draw.choice(PERSONAS),
        product=draw.choice(PRODUCTS),
        tone=tone if task == "relaunder" else AS_IT_IS,
        saying=draw.choice(SAYINGS),
        place=_place(draw.choice(PLACES), listing),
        words=words_of(listing),
        layout=layout_of(listing.description),
        language=listing.language or AS_IT_IS,
    )


def _place(drawn: str, listing: Listing) -> str:
    """The drawn place, or the title where the seed has no such place."""
    there = (listing.tags or listing.files) if drawn == _IN_LABEL else listing.description
    return drawn if there else _IN_TITLE
