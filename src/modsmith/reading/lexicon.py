"""Which words are known, and how common they are: the frequency lists of pyspellchecker in five languages.

The lists are the package's data files, read directly: its `SpellChecker` prepares for correcting spelling, which takes
four times as long and is not wanted here. They are read once, when the first word is asked for (some two seconds).
"""

from __future__ import annotations

import gzip
import json
import math
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files

LANGUAGES = ("en", "es", "fr", "de", "pt")
RARE = 3e-7
"""Share of running text below which nothing is decoded into a word: as rare as "teleporter"."""
_SHORT = {1: 1e-3, 2: 2e-5, 3: 5e-6}
"""Words of up to three letters stand in the lists by accident ("ga", "ons"); from this share on they are words."""
_IN_CHAIN = {1: 1e-2, 2: 5e-4, 3: 2e-5}
"""The same for letters that stand in one chain, where every cut has to be guessed."""
_CHAT = frozenset(("cuz", "em", "im", "kinda", "ol", "pls", "plz", "thru", "thx", "tho", "ur", "ya", "yo"))
"""Short forms that no list has, and that stand beside words without being a part of them."""
_PREFIXES = frozenset(
    (
        "anti", "auto", "bi", "bio", "co", "counter", "cyber", "de", "di", "dis", "eco", "ex", "extra", "geo",
        "hi", "hyper", "infra", "inter", "intra", "lo", "macro", "mega", "meta", "micro", "mid", "mini", "mis",
        "mono", "multi", "neo", "neuro", "nano", "non", "omni", "out", "over", "para", "photo", "poly", "post",
        "pre", "pro", "proto", "pseudo", "psycho", "quasi", "re", "retro", "semi", "socio", "step", "sub",
        "super", "sur", "tele", "thermo", "trans", "tri", "ultra", "un", "under", "uni", "up", "vice", "video",
    )
)  # fmt: skip
"""Often written apart, so a word that begins with one of them is not taken for a word that was cut."""


@cache
def _counts(language: str) -> tuple[dict[str, int], int]:
    packed = (files("spellchecker") / "resources" / f"{language}.json.gz").read_bytes()
    counts: dict[str, int] = json.loads(gzip.decompress(packed))
    return counts, sum(counts.values())


def share(word: str, language: str) -> float:
    """Share of the language's running text; 0 for an unknown word. Case counts not."""
    counts, total = _counts(language)
    return counts.get(word.lower(), 0) / total


@lru_cache(maxsize=65536)
def commonness(word: str) -> float:
    """The highest share in any of the languages. `word` in lower case. A foreign list counts a word that it holds but
    never met as rare."""
    found = share(word, "en")
    for language in LANGUAGES[1:]:
        counts, total = _counts(language)
        met = counts.get(word, 0)
        if met > 50:  # what the lists give a word that was never met
            found = max(found, met / total)
    return found


def is_known(word: str) -> bool:
    """Does the word stand in any list, however rare?"""
    word = word.lower()
    return any(word in _counts(language)[0] for language in LANGUAGES)


def all_words(parts: Sequence[str], languages: Sequence[str] = LANGUAGES) -> bool:
    """Are all of these words of one and the same language, as they would stand beside each other in a text?"""
    folded = [part.lower() for part in parts]
    return any(all(_is_word(part, language) for part in folded) for language in languages)


@lru_cache(maxsize=65536)
def is_word(part: str) -> bool:
    """As `all_words`, for one word in any language."""
    return all_words([part])


def _is_word(part: str, language: str) -> bool:
    if part in _PREFIXES or part in _CHAT:
        return True
    found = max(share(part, language), share(_unaccented(part), language))
    return found > 0 if len(part) > 3 else found >= _SHORT[len(part)]


def is_prefix(part: str) -> bool:
    """Is this often written apart from the word it begins?"""
    return part in _PREFIXES


def _unaccented(part: str) -> str:
    """The Spanish list knows "que" and not "qué"."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", part))


def segment(letters: str) -> list[str] | None:
    """The likeliest way to read `letters` as words of one language, or `None` when there is none worth believing."""
    if len(letters.lower()) != len(letters):
        return None
    found = [best for language in LANGUAGES if (best := _segment(letters.lower(), language))]
    if not found:
        return None
    cuts = max(found)[1]
    return [letters[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]


def _segment(letters: str, language: str, longest: int = 18) -> tuple[float, list[int]] | None:
    """Log-probability and the places where words end. Linear in the length of `letters`: words have a longest."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(letters) + 1):
        reached = (-math.inf, end)
        for start in range(max(0, end - longest), end):
            found = share(letters[start:end], language) if best[start][0] > -math.inf else 0.0
            if found >= _IN_CHAIN.get(end - start, RARE):
                reached = max(reached, (best[start][0] + math.log(found), start))
        best.append(reached)
    if best[-1][0] == -math.inf:
        return None
    cuts = [len(letters)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    cuts.reverse()
    long = sum(end - start for start, end in zip(cuts, cuts[1:], strict=False) if end - start > 3)
    return (best[-1][0], cuts[1:]) if 2 * long >= len(letters) else None
