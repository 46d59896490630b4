from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus.compose.marks import CLOSE, OPEN, mark, plain, take_quote

WORDS = st.text(st.characters(blacklist_characters="[]\n" + OPEN + CLOSE, blacklist_categories=("Cs",)), min_size=1)


@given(WORDS, WORDS, WORDS)
def test_a_marked_quote_is_what_stands_in_the_plain_text(before: str, quote: str, after: str) -> None:
    text = mark(f"{before}[[{quote}]]{after}")
    assert plain(text) == before + quote + after
    assert take_quote(text) == quote.strip()
    assert take_quote(text) in plain(text)


@pytest.mark.parametrize("text", ["[[open", "closed]]", "[[a]] b]]"])
def test_brackets_that_do_not_match_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="brackets"):
        mark(text)


def test_a_quote_never_runs_over_a_line() -> None:
    assert take_quote(f"{OPEN}two\nlines{CLOSE} and {OPEN}one{CLOSE}") == "one"
