"""A second view of a listing's text, folded hard: for search, deduplication and finding what must not be kept.

It stands beside the original, never in its place: it decodes without asking for known words, so that nothing forbidden
escapes it, and it makes nonsense of some ordinary words. What the model reads is `reading`'s.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
# Letters of other scripts that are drawn like Latin ones (after NFKC and lower-casing).
_CONFUSABLES = str.maketrans(
    "аеорсухіјѕԁһӏԛԝвкмнтαβεικνορτυχıɡɑ",
    "aeopcyxijsdhlqwbkmhtabeiknoptuxiga",
)
_LEET = str.maketrans("013457@$", "oieastas")
_SPACED = re.compile(r"(?<!\w)((?:\w[ .\-_*]){3,}\w)(?!\w)")
_LEET_WORD = re.compile(r"[\w@$]+")


def normalise(text: str) -> str:
    """Fold `text` to a plain lower-case view: NFKC, invisible characters removed, look-alike letters to Latin,
    s p a c e d words joined, leetspeak inside words undone, runs of white space to one space. Idempotent."""
    previous = None
    while text != previous:
        previous = text
        text = _fold(text)
    return text


def _fold(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = _INVISIBLE.sub("", text).lower()
    words = [word.translate(_CONFUSABLES) if _mixes_scripts(word) else word for word in re.split(r"(\W+)", text)]
    text = _SPACED.sub(lambda match: re.sub(r"[ .\-_*]", "", match[0]), "".join(words))
    text = _LEET_WORD.sub(_undo_leet, text)
    return re.sub(r"\s+", " ", text).strip()


def _mixes_scripts(word: str) -> bool:
    """Only words that mix Latin with look-alikes are folded: a Russian or Greek word stays what it is."""
    return bool(re.search("[a-z]", word)) and bool(re.search("[\u0370-\u03ff\u0400-\u052fıɡɑ]", word))


def _undo_leet(match: re.Match[str]) -> str:
    """Undo digits inside a word, but leave measures and versions ("4k", "1080p", "v2", "3d", "10h") alone."""
    word = match[0]
    if not re.search("[a-z]", word) or not re.search("[013457@$]", word):
        return word
    letters = sum(character.isalpha() for character in word)
    if letters < 3 or re.fullmatch(r"\d+[a-z]+|[a-z]+\d+", word):
        return word
    return word.translate(_LEET)
