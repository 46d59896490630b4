from __future__ import annotations

import pytest

from modsmith.reading.lexicon import all_words, commonness, is_known, is_word, segment


def test_common_words_are_commoner_than_rare_ones() -> None:
    assert commonness("the") > commonness("weapon") > commonness("steroids") > commonness("wea") == 0.0
    assert is_known("Straße") and is_known("pistola") and not is_known("qwrtz")


def test_words_beside_each_other_are_of_one_language() -> None:
    assert all_words(["the", "gun"]) and all_words(["por", "qué"]) and all_words(["pre", "made"])
    assert not all_words(["weapon", "pistola"]), "each is a word, but not of one language"
    assert is_word("kit") and not is_word("ons"), "short ones have to be common"


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        ("sellweapons", ["sell", "weapons"]),
        ("FreshStart", ["Fresh", "Start"]),
        ("vendearmas", ["vende", "armas"]),
        ("abcdef", None),
        ("dadgad", None),
    ],
)
def test_a_chain_of_letters_is_read_as_words(letters: str, words: list[str] | None) -> None:
    assert segment(letters) == words
