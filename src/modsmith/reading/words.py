"""Disguises of whole words: leetspeak, letters set apart, words cut in two. The lexicon decides, one word at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from modsmith.reading.draft import Edit
from modsmith.reading.lexicon import (
    LANGUAGES,
    RARE,
    all_words,
    commonness,
    is_known,
    is_prefix,
    is_word,
    segment,
    share,
)

_ADDRESS = re.compile(r"\b[a-z]{2,9}://\S+|\bwww\.\S+|[\w.+-]{1,64}@[\w-]{1,63}\.\w\S*", re.IGNORECASE)
_Span = tuple[int, int]


def _outside_addresses(text: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Matches that touch no web or mail address."""
    closed = [match.span() for match in _ADDRESS.finditer(text)] if re.search("[@/]|www", text) else []
    position = 0
    for match in pattern.finditer(text):
        while position < len(closed) and closed[position][1] <= match.start():
            position += 1
        if position == len(closed) or match.end() <= closed[position][0]:
            yield match


# --- leetspeak -------------------------------------------------------------------------------------------------------

_SAID = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "6": "gb", "7": "t", "8": "b", "9": "g"}
_SAID |= {"@": "a", "$": "s", "€": "e", "!": "i", "|": "li"}
_SIGN = "013456789@$€"
_LEET = re.compile(rf"(?<![\w@$€#&])[A-Za-z{_SIGN}](?:[A-Za-z{_SIGN}]|[!|](?=[A-Za-z{_SIGN}]))*+(?![\w@€#])")
_MODEL = re.compile(r"[A-Z]{1,3}\d+|[A-Za-z]\d{3,}|0[xX][0-9a-fA-F]+|\d+[A-Za-z]{1,3}|[A-Za-z]{0,3}[$€]\d.*")
"""Names of models, numbers in base 16, numbers with a unit, amounts of money."""
MOST_OPEN = 6
"""Signs with two readings in one word; beyond it, it is no word."""
FAR_COMMONER = 5.0


def leetspeak(text: str) -> Iterator[Edit]:
    """Digits and signs inside a word become the letters they stand for, where that gives a known word."""
    if not re.search(f"[{_SIGN}!|]", text):
        return
    for match in _outside_addresses(text, _LEET):
        plain = _decoded(match[0])
        if plain != match[0]:
            yield match.start(), match.end(), plain


@lru_cache(maxsize=4096)
def _decoded(word: str) -> str:
    """The word that `word` stands for, or `word`."""
    if len(word) < 4 or not re.search("[A-Za-z]", word) or word.isalpha() or _MODEL.fullmatch(word):
        return word
    inner = re.sub(r"^[^A-Za-z]+|[^A-Za-z]+$", "", word)
    plain_inside = inner.isalpha()
    if len(inner) < 2 and len(word) - len(inner) > 3:
        return word
    pieces = re.split(r"[!|]", word)
    if len(pieces) > 1 and all(piece.isalpha() for piece in pieces) and all_words(pieces):
        return word
    found = _likeliest(word.lower())
    if not found:
        return word
    if (
        plain_inside
        and len(inner) > 1
        and is_known(inner)
        and commonness(found) < FAR_COMMONER * commonness(inner.lower())
    ):
        return word  # photo5 and 5tools are numbered things, $port a variable
    letters = [letter for letter in word if letter.isalpha()]
    shout = len(letters) > 1 and all(map(str.isupper, letters))
    return "".join(
        old if old.isalpha() else new.upper() if shout else new for old, new in zip(word, found, strict=True)
    )


def _likeliest(word: str) -> str:
    """The commonest known word among the readings, or ""."""
    choices = [_SAID.get(sign, sign) for sign in word]
    if sum(len(choice) > 1 for choice in choices) > MOST_OPEN or len(word) > 30:
        return ""
    readings = ("".join(letters) for letters in product(*choices))
    found = max(readings, key=commonness)
    return found if _tongues(found, "") else ""


# --- letters set apart -----------------------------------------------------------------------------------------------

_SPACES = r"[ \u00a0\u2009]{1,3}"
_SIGNS = r"[ ]?[.\-_*·•|/~+,=–—][ ]?"


def _chain(gap: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'’])[^\W_](?P<gap>{gap})[^\W_](?!\w)(?:(?P=gap)[^\W_](?!\w)|(?P=gap)[@$](?!\w))+")


_APART = (_chain(_SIGNS), _chain(_SPACES))
MOST_LETTERS = 400
"""Letters of one chain that are read as words; a longer one is art."""


def set_apart_by_signs(text: str) -> Iterator[Edit]:
    """Single letters with the same sign between them are joined, four and more; three only to a common word."""
    return _set_apart(text, _APART[0])


def set_apart_by_spaces(text: str) -> Iterator[Edit]:
    """The same with spaces; after the signs, so that neighbours of two kinds do not take each other's letters."""
    return _set_apart(text, _APART[1])


def _set_apart(text: str, chain: re.Pattern[str]) -> Iterator[Edit]:
    for match in _outside_addresses(text, chain):
        gap = match["gap"]
        size = len(gap) + 1
        letters = match[0][::size]
        after, before = text[match.end() :][: size + 1], text[: match.start()][-size - 1 :]
        glued = gap.strip() and (re.match(rf"{re.escape(gap)}\w", after) or re.search(rf"\w{re.escape(gap)}$", before))
        words = _joined(letters, bool(gap.strip()), bool(glued))
        if not words:
            continue
        start = match.start()
        for number, word in enumerate(words):
            for place, letter in enumerate(word):
                if letter != text[start]:
                    yield start, start + 1, letter
                if place < len(word) - 1:
                    yield start + 1, start + size, ""
                elif number < len(words) - 1 and gap != " ":
                    yield start + 1, start + 2, " "
                    yield start + 2, start + size, ""
                start += size


@lru_cache(maxsize=4096)
def _joined(letters: str, marked: bool, glued: bool) -> tuple[str, ...]:
    """The words that a chain of letters spells, or none. `marked`: not just spaces between; `glued`: more follows."""
    if sum(map(str.isalpha, letters)) * 2 < len(letters) or len(letters) > MOST_LETTERS:
        return ()
    if not letters.isalpha():
        plain = _decoded(letters)
        return (plain,) if plain.isalpha() and len(plain) >= 4 else ()
    common = commonness(letters.lower())
    if len(letters) == 3:
        return (letters,) if marked and letters.islower() and common >= 5e-6 and not glued else ()
    if common >= RARE or (len(letters) < 16 and is_known(letters)):
        return (letters,)
    if glued:
        return ()
    if len(letters) >= 5 and (words := segment(letters)):
        return tuple(words)
    if marked and letters.isascii() and letters.islower() and len(letters) >= 5 and re.search("[aeiou]", letters):
        return () if _in_order(letters) else (letters,)  # a name or slang that no list has
    return ()


def _in_order(letters: str) -> bool:
    """a-b-c-d-e and such: letters that count."""
    steps = [ord(right) - ord(left) for left, right in zip(letters, letters[1:], strict=False)]
    return sum(step == 1 for step in steps) * 2 >= len(steps)


# --- words cut in two ------------------------------------------------------------------------------------------------

_CUT = re.compile(r"(?<![\w.@#/\\-])[^\W\d_]{2,}(?P<cut>[/_*|~·\-])[^\W\d_]{2,}(?:(?P=cut)[^\W\d_]{2,})*+(?![\w/@\\-])")
_PLAIN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LONGEST = 30
"""Letters of the longest word looked for."""
FOREIGN_COMMON = 2e-6
FUNCTION_WORD = 1e-3
"""Shares of running text."""
CUT_HARD = ("/", "_", "*", "|", "~", "·")
"""Signs that hardly ever stand between the letters of a word: even a rare word is believed."""


def cut(text: str) -> Iterator[Edit]:
    """A known word with a stroke, a star or a space in it, where what is left and right of it are not words too."""
    edits = [*_cut_by_signs(text)]
    taken = {place for start, end, _ in edits for place in range(start - 1, end + 1)}
    edits += [edit for edit in _cut_by_spaces(text) if edit[0] not in taken]
    yield from sorted(edits)


def _cut_by_signs(text: str) -> Iterator[Edit]:
    if not re.search(r"[/_*|~·\-]", text):
        return
    for match in _outside_addresses(text, _CUT):
        sign = match["cut"]
        parts = match[0].split(sign)
        if not _is_one_word(parts, sign):
            continue
        place = match.start()
        for part in parts[:-1]:
            place += len(part) + 1
            yield place - 1, place, ""


def _cut_by_spaces(text: str) -> Iterator[Edit]:
    words = list(_PLAIN.finditer(text))
    strange = [not is_word(word[0]) for word in words]
    place = 0
    while place < len(words) - 1:
        if not any(strange[place : place + 3]):
            place += 1
            continue
        step = 1
        for count in (2, 3):
            some = words[place : place + count]
            gaps = list(zip(some, some[1:], strict=False))
            if len(some) == count and all(text[left.end() : right.start()] == " " for left, right in gaps):
                inside = text[some[0].start() - 1 : some[0].start()] + text[some[-1].end() : some[-1].end() + 1]
                if not re.search(r"[\d_@/\\*|~·-]", inside) and _is_one_word([word[0] for word in some], " "):
                    yield from ((left.end(), right.start(), "") for left, right in gaps)
                    step = count
                    break
        place += step


def _is_one_word(parts: list[str], sign: str) -> bool:
    whole = "".join(parts)
    if len(whole) < 4 or len(whole) > LONGEST or any(len(part) < 2 for part in parts) or not whole.isalpha():
        return False
    if not whole.isupper() and any(not part.islower() for part in parts[1:]):
        return False  # Da Vinci, and/Or: written as words of their own
    return _is_cut(whole.lower(), tuple(part.lower() for part in parts), sign)


@lru_cache(maxsize=65536)
def _is_cut(whole: str, parts: tuple[str, ...], sign: str) -> bool:
    tongues = _tongues(whole, sign)
    if not tongues:
        return False
    if sign == " ":
        # Two languages may meet in a text, so one part has to be no word at all; and none what every sentence has.
        return not all(map(is_word, parts)) and all(commonness(part) < FUNCTION_WORD for part in parts)
    if sign == "-":
        return not all_words(parts) and not any((len(part) > 3 and is_word(part)) or is_prefix(part) for part in parts)
    return sign == "*" or not all_words(parts, tongues)  # nothing but a disguise puts a star between two letters


def _tongues(whole: str, sign: str) -> list[str]:
    """The languages in which this is a common enough word."""
    least = RARE / 5 if sign in CUT_HARD else RARE
    return [name for name in LANGUAGES if share(whole, name) >= (least if name == "en" else FOREIGN_COMMON)]
