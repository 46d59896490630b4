"""Disguises of single characters: invisible ones, letters in fancy dress, stacked marks, look-alikes of other scripts.

Look-alikes are those of Unicode's confusables as the package confusable-homoglyphs has them, and a few of our own: its
table pairs small Cyrillic and Greek letters with Latin small capitals (к with ĸ, т with ᴛ), and capital iota with l.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from modsmith.reading.draft import Edit
from modsmith.reading.lexicon import is_known

# --- invisible characters --------------------------------------------------------------------------------------------

_UNSEEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e01ef"
)
_INVISIBLE = re.compile(f"[{_UNSEEN}]+")
_WANTS_THEM = re.compile(
    # Scripts whose letters join or turn, emoji and key caps: there the characters are spelling, not a disguise.
    "[\u0590-\u08ff\u0900-\u109f\u1100-\u11ff\u1780-\u18af\u200d\u20e3\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d"
    "\u3297\u3299\ua960-\ua97f\uac00-\ud7ff\ufb1d-\ufdff\ufe70-\ufeff\U0001f000-\U0001faff#*©®]"
)


def invisible(text: str) -> Iterator[Edit]:
    """Take out what cannot be seen, save where a script or an emoji needs it."""
    for match in _INVISIBLE.finditer(text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if (
            not any(_WANTS_THEM.fullmatch(beside) for beside in (before, after))
            and "\ufe0f\u20e3" not in match[0] + after
        ):
            yield match.start(), match.end(), ""


# --- letters in fancy dress ------------------------------------------------------------------------------------------

_DRESSED = re.compile(
    "[\u0262\u026a\u0274\u0280\u028f\u0299\u029c\u029f\u02b0-\u02b8\u02e0-\u02e4\u1d00-\u1d6a\u1d78\u1d9c-\u1dbf\u2071\u207f\u2090-\u209c\u2102-\u2138\u2145-\u2149\u249c-\u24e9\ua730\ua731"
    "\ufb00-\ufb06\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\U0001f110-\U0001f189]+"
)
_NAMED = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL|"
    r"(?:PARENTHESIZED|(?:NEGATIVE )?(?:CIRCLED|SQUARED)) LATIN (?P<case>CAPITAL|SMALL) LETTER) (?P<letter>[A-Z])"
)
_RAISED = re.compile("[\u02b0-\u02b8\u02e0-\u02e4\u1d2c-\u1d6a\u1d78\u1d9c-\u1dbf\u2071\u207f\u2090-\u209c]")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
ENOUGH_DRESSED = 3
"""So many such letters in a line are no formula, no sign and no ordinal."""


@cache
def _undressed(character: str) -> str:
    """The ASCII letters or digits that a character shows, or itself."""
    plain = unicodedata.normalize("NFKC", character)
    if plain.isascii() and plain.isalnum() and (len(plain) == 1 or _LIGATURE.match(character)):  # not ™ and №
        return plain
    if named := _NAMED.fullmatch(unicodedata.name(character, "")):
        return named["letter"] if named["case"] == "CAPITAL" else named["letter"].lower()
    return character


def dressed(text: str) -> Iterator[Edit]:
    """Full-width, mathematical, circled, squared, raised letters and small capitals become plain ones."""
    if text.isascii():
        return
    runs = [match for match in _DRESSED.finditer(text)]
    shown = [character for run in runs for character in run[0] if _undressed(character) != character]
    flat = sum(not _RAISED.match(character) for character in shown)
    raised = max((len(_RAISED.findall(run[0])) for run in runs), default=0)
    for run in runs:
        beside = text[run.start() - 1 : run.start()] + text[run.end() : run.end() + 1]
        for place, character in enumerate(run[0], start=run.start()):
            if _RAISED.match(character):
                wanted = raised >= ENOUGH_DRESSED
            else:
                in_word = len(run[0]) > 1 or (beside.isascii() and any(map(str.isalpha, beside)))
                wanted = flat >= ENOUGH_DRESSED or (in_word and character.isalpha())
            if (wanted or _LIGATURE.match(character)) and (plain := _undressed(character)) != character:
                yield place, place + 1, plain


# --- stacked marks ---------------------------------------------------------------------------------------------------

_MARK = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_STRUCK = re.compile("[\u0334-\u0338\u0488\u0489\u20d2-\u20dc\u20e5-\u20eb]")
_MARKED_WORD = re.compile(f"[^\\W\\d_](?:[^\\W\\d_]|[{_MARK}])*[{_MARK}](?:[^\\W\\d_]|[{_MARK}])*+")
_MARKED_LETTER = re.compile(f"([^\\W\\d_])([{_MARK}]+)")


def stacked_marks(text: str) -> Iterator[Edit]:
    """Strip a letter that is struck through or carries more than an accent; a word of which several carry one that no
    alphabet has. Ordinary accents, composed or not, stay."""
    if text.isascii() or not re.search(f"[{_MARK}]", text):
        return
    for word in _MARKED_WORD.finditer(text):
        found = []
        for match in _MARKED_LETTER.finditer(word[0]):
            over = len(unicodedata.normalize("NFC", match[0])) - 1
            if over and ord(match[1]) < 0x530:
                found.append((match, over))
        for match, over in found:
            if over > 1 or len(found) > 1 or _STRUCK.search(match[2]):
                yield word.start() + match.start(2), word.start() + match.end(2), ""


# --- look-alikes of other scripts ------------------------------------------------------------------------------------

_OWN = dict(zip("εκτιΙвкмнтьпгч", "ektiIbkmhtbnry", strict=True))
_LOOSE = frozenset("вкмнтьпгч")
"""Alike only at a glance: they count inside a Latin word, and never make up a whole one (вот is no bot)."""
_WORD = re.compile(r"[^\W_]+")


@cache
def _alike(character: str) -> str:
    """The ASCII letter that a letter of another script is drawn like, or ""."""
    if own := _OWN.get(character):
        return own
    from confusable_homoglyphs.confusables import confusables_data  # large, and ordinary text needs none of it

    found = [entry["c"] for entry in confusables_data.get(character, []) if re.fullmatch("[A-Za-z]", entry["c"])]
    return found[0] if found else ""


def _is_foreign(character: str) -> bool:
    """A letter of another script than Latin, or one of those that phonetics added to it."""
    return character.isalpha() and ord(character) > 0x24F and not "\u1e00" <= character <= "\u1eff"


def _is_greek(character: str) -> bool:
    return "\u0370" <= character <= "\u03ff"


def look_alikes(text: str) -> Iterator[Edit]:
    """Letters of other scripts in an otherwise Latin word, and words that only look Latin in a Latin line."""
    if text.isascii():
        return
    suspects = [word for word in _WORD.finditer(text) if not word[0].isascii() and any(map(_is_foreign, word[0]))]
    if not suspects:
        return
    # One letter that is like no Latin one, in a word of its own script: the line holds that language.
    bilingual = any(all(map(_is_foreign, word[0])) and not all(map(_alike, word[0])) for word in suspects)
    latin_line = re.search("[A-Za-z]{3}", text) is not None
    for word in suspects:
        foreign = [character for character in word[0] if _is_foreign(character)]
        if not all(map(_alike, foreign)):
            continue
        plain = "".join(_alike(character) if _is_foreign(character) else character for character in word[0])
        if re.search("[A-Za-z]", word[0]):
            # µs, TNFα: one Greek letter at the end of a term of science is meant as Greek.
            at_end = _is_foreign(word[0][0]) or _is_foreign(word[0][-1])
            wanted = len(foreign) > 1 or not _is_greek(foreign[0]) or not at_end or is_known(plain)
        else:
            strict = latin_line and not bilingual and len(plain) > 2 and not _LOOSE & set(foreign)
            wanted = strict and is_known(plain)
        if wanted:
            yield word.start(), word.end(), plain
