"""What is undone, what has to stay, and the way back to the original."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modsmith.corpus import load_corpus
from modsmith.corpus.compose.evasion import EVASIONS, Parts
from modsmith.policy import load_policy
from modsmith.reading import read_plainly

WORDS = [
    "weapon", "gambling", "steroids", "password", "account", "stream", "channels", "discount", "casino", "firearm",
    "license", "passport", "subscription", "template", "painting", "download", "premium", "letter", "guitar",
    "teacher", "market", "support", "design", "garden", "coffee", "winter", "picture",
]  # fmt: skip
TRICKY = st.text(
    st.sampled_from("aelospgun wi0134$@!|-._*/ \u200b\u200d\u0336\u0301аеορτ𝗴ｇⓖᵍﬁ🔫\ufe0f\n'’"), max_size=40
)
PIECES = st.lists(
    st.sampled_from([*"guns  -/.*\n", "wea", "pon", "weapon", "g4mbl1ng", "fr", "33", "аррѕ"]),
    max_size=25,
).map("".join)  # fmt: skip
ANY = st.text() | TRICKY | PIECES


@settings(deadline=None, max_examples=300)
@given(ANY)
def test_reading_a_reading_changes_nothing(text: str) -> None:
    once = read_plainly(text).text
    assert read_plainly(once).text == once


@settings(deadline=None, max_examples=300)
@given(ANY, st.data())
def test_every_quote_leads_back_to_a_verbatim_span(text: str, data: st.DataObject) -> None:
    reading = read_plainly(text)
    assert len(reading.offsets) == len(reading.text) + 1 and reading.offsets[len(reading.text)] == len(text)
    assert list(reading.offsets) == sorted(reading.offsets)
    start = data.draw(st.integers(0, len(reading.text)))
    quote = reading.text[start : start + data.draw(st.integers(1, 20))]
    assume(any(character.isalnum() for character in quote))
    original = reading.original(quote)
    assert original and original in text


@settings(deadline=None)
@given(ANY, ANY)
def test_lines_are_read_by_themselves(one: str, two: str) -> None:
    assert read_plainly(f"{one}\n{two}").text == f"{read_plainly(one).text}\n{read_plainly(two).text}"


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join))
def test_plain_words_stay(text: str) -> None:
    reading = read_plainly(text)
    assert reading.text == text and reading.original(text) == text


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        # invisible
        ("we\u200bap\u2060on", "weapon"),
        ("gam\u00adbling", "gambling"),
        ("s\U000e0061ale", "sale"),
        ("w\x00eapon", "weapon"),
        # fancy dress
        ("ｃａｓｉｎｏ", "casino"),
        ("𝗴𝘂𝗻𝘀 and 𝓫𝓮𝓽𝓼", "guns and bets"),
        ("ⓖⓤⓝⓢ", "guns"),
        ("🅶🆄🅽🆂", "GUNS"),
        ("ɢᴜɴs", "guns"),
        ("ᵍᵘⁿˢ", "guns"),
        ("𝗴 𝘂 𝗻 𝘀", "guns"),
        ("ﬁle", "file"),
        # marks
        ("g\u0336u\u0336n\u0336s\u0336", "guns"),
        ("w\u0300\u0316\u0324eapon", "weapon"),
        ("w\u0332e\u0332apon", "weapon"),
        # look-alikes
        ("wеароn", "weapon"),
        ("a сору of it", "a copy of it"),
        ("Μονε the ραγ", "Move the pay"),
        # set apart
        ("g-u-n", "gun"),
        ("g.u.n.s, cheap", "guns, cheap"),
        ("cheap w e a p o n s here", "cheap weapons here"),
        ("s e l l w e a p o n s", "sell weapons"),
        ("w  e  a  p  o  n", "weapon"),
        ("w 3 4 p 0 n", "weapon"),
        ("t-h-e-y've", "they've"),
        ("C.a.n.c.e.l", "Cancel"),
        ("F R E E", "FREE"),
        # cut
        ("wea/pon", "weapon"),
        ("wea_pon", "weapon"),
        ("wea*pon", "weapon"),
        ("wea|pon", "weapon"),
        ("wea-pon", "weapon"),
        ("we/ap/on", "weapon"),
        ("a wea pon", "a weapon"),
        ("WEA PON", "WEAPON"),
        # leetspeak
        ("w34p0n", "weapon"),
        ("W34P0N", "WEAPON"),
        ("g4mbl1ng", "gambling"),
        ("$teroids", "steroids"),
        ("fr33", "free"),
        ("p@ssw0rd$", "passwords"),
        ("k!ll", "kill"),
        ("5teroids", "steroids"),
        ("t1ck3t5", "tickets"),
        # one over the other
        ("w\u200b34р0n", "weapon"),
        ("wеа/роn", "weapon"),
    ],
)
def test_disguises_come_off(disguised: str, plain: str) -> None:
    reading = read_plainly(f"now {disguised} now")
    assert reading.text == f"now {plain} now"
    assert reading.original(plain) == disguised


@pytest.mark.parametrize(
    "text",
    [
        # numbers, measures, models
        "mp3 mp4 4x4 h264 x264 1080p 4k 8-bit 2nd 31st 10ft 50ft 10am 10in 5kg 16gb 2.4GHz",
        "GTA5 PS5 RTX3070 iPhone 14 Pro, A4 i5 html5 css3 utf8 sha1 web3 i18n k8s win32 R2D2 C3PO 7zip 3ds covid19",
        "24/7, 9-5, 1-2-24, 12/11/2025, 10:30, 1.2.3.4, v2.0.1, 2-4-6-8, 555-0123, 1 2 3 4 5",
        "$35 A$35 A$14 US$10 $11k 50€ €9.99 100 % 1337",
        "photo5 tools4 5tools page3 $port $table",
        # short forms, signs
        "and/or he/she s/he in/out on/off w/o y/o a/b/c input/output Mac/PC",
        "grown-ups post-mortem co-op re-use e-mail wi-fi sci-fi x-ray yo-yo pre-order",
        "U.S.A. e.g. i.e. A B C D, W A S D, C G A F, D A D G A D, a b c d e f, a-b-c-d-e",
        "pre made, non stop, multi player, Da Vinci, El Paso, so ur ready, paste ur link, PLA is fine",
        "snake_case user_id half*width 2*3 a*b c|d",
        # addresses, code
        "https://w34p0n.example/fr33 www.fr33.example p4ul@fr33.example",
        "#c0ffee 0xdeadbeef 0x5ea1 gun-kit-v2.zip the_end.psd",
        "for i in range(10): print(x[i]) && a || b",
        "`x = y_1 + z_2` <b>bold</b> **bold** _it_ ~~old~~ | a | b |",
        # typography, signs, emoji
        "½ ² ™ © ® ℃ № … – “x” ‘y’ • → ① ② Ⅳ 1ˢᵗ m² nᵗʰ ⓒ 2024",
        "👨‍👩‍👧 🏳️‍🌈 ❤️ ☺️ 1️⃣ #️⃣ 👍🏽 🅰️ 🅱️ 🇬🇧 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "µs μm kΩ TNFα β2 Δv γ-ray π",
        # other languages and scripts
        "¿Por qué? El niño comió paella en la mañana, así que se cuela; dámelo, por favor, a través de él.",
        "À bientôt, l'été; aujourd'hui, peut-être, œuvre, c'est-à-dire, ça va, rendez-vous",
        "Straße, Größe, Äpfel, Übermaß und Dreißig; Haus- und Gartenbau; E-Mail",
        "Não há coração, amanhã, avó e avô; guarda-chuva; é só isso, lo ves",
        "Привет, мир! Он рост и сорт, а море тут. Кот сосет сок",
        "Καλημέρα, το κορίτσι και ο κόσμος",
        "می‌خواهم क्ष्‍ 日本語 が 한국어 שָׁלוֹם عَرَبِيّ",
        "Zoë naïve café cafe\u0301 Việt Nam Nguyễn świąt Dvořák İstanbul",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert read_plainly(text).text == text


def test_a_quote_may_differ_in_case_space_and_quote_marks() -> None:
    reading = read_plainly('Buy  "fr33"\nw-e-a-p-o-n-s <now>')
    assert reading.original("buy 'free' WEAPONS ‹now") == 'Buy  "fr33"\nw-e-a-p-o-n-s <now'
    assert reading.original("rifles") == "" and reading.original(" ") == ""
    assert reading.reads('"fr33"\nw-e-a') == '"free"\nwea'
    assert reading.reads("elsewhere g4mbl1ng") == "elsewhere gambling"


# Known words in each disguise of letters come back. Not told from ordinary text: leetspeak that leaves one letter only,
# and words cut where both halves are words.
FLOORS = {
    "leetspeak": 0.9,
    "look-alike letters": 0.99,
    "spacing": 0.99,
    "zero-width characters": 1.0,
    "split words": 0.75,
    "mixed scripts": 0.97,
    "wide letters": 1.0,
}


@pytest.mark.parametrize("name", FLOORS)
def test_disguised_words_come_back(name: str) -> None:
    draw, back, touched = random.Random(5), 0, 0
    for _ in range(60):
        for word in WORDS:
            parts = EVASIONS[name](Parts("", f"the {word}, now", "", "", "", (), ()), draw, ())
            if parts.body != f"the {word}, now":
                touched += 1
                back += read_plainly(parts.body).text == f"the {word}, now"
    assert touched > 300
    assert back / touched >= FLOORS[name], (name, back / touched)


def test_a_plain_listing_is_hardly_ever_changed() -> None:
    """Writers disguised some listings themselves, with digits in words or letters apart: those are meant to change."""
    texts = [example.listing.text for example in load_corpus("written", load_policy())][::6]
    plain = [text for text in texts if not _looks_disguised(text)]
    assert len(plain) > 0.95 * len(texts)
    changed = [text for text in plain if read_plainly(text).text != text]
    assert len(changed) <= len(plain) / 300, changed


def _looks_disguised(text: str) -> bool:
    return re.search(r"\b(?:[A-Za-z]+[013457@$]+[a-z]|[A-Z]+[0134]+[A-Z])|\b(?:\w[ .]){3}\w\b", text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "wea pon " * 25_000, "a " * 100_000, "g-u-n-s " * 25_000, "w34p0n " * 28_000, "\u200b" * 200_000, "0" * 200_000,
        "a/" * 100_000, "a1" * 100_000, "а" * 200_000, "аa " * 66_000, "e\u0336" * 100_000, "𝗴" * 200_000,
        "@" * 200_000, "ab*" * 66_000, "!" * 200_000, "|a" * 100_000, "\n" * 200_000, "a" * 200_000, "x@" * 100_000,
        "s a-b " * 33_000,
        "ti me no te " * 16_000,
    ],
    ids=range(21),
)  # fmt: skip
def test_time_is_linear(text: str) -> None:
    read_plainly("wea pon 3xy")
    start = time.process_time()
    read_plainly(text)
    assert time.process_time() - start < 5, "seconds for 200,000 characters; a quadratic step takes minutes"


def test_importing_reads_no_word_list() -> None:
    code = "import sys, modsmith.prompt; assert not {'spellchecker', 'confusable_homoglyphs'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
