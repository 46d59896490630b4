"""Content limits: what each refuses, what it must let pass, and that no hand-written listing breaks one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus import load_corpus
from modsmith.corpus.limits import HARM, MINORS, broken_limit, must_not_be_kept
from modsmith.policy import load_policy

LINK, MAIL, PHONE, HANDLE, STREET, MONEY = (
    "live link",
    "e-mail address",
    "phone number",
    "social handle",
    "street address",
    "card or wallet number",
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Order at https://fern-shop.com/x", LINK),
        ("Order at fern-shop.io today", LINK),
        ("WWW.FERN-SHOP.NET", LINK),
        ("hxxps://fern", LINK),
        ("t.me/fernshop", LINK),
        ("fernshop dot com", LINK),
        ("fernshop [dot] xyz", LINK),
        ("connect to 93.184.216.34", LINK),
        ("ann@fernmail.de", MAIL),
        ("ann.b+c at fernmail dot com", MAIL),
        ("ann (at) fernmail.net", MAIL),
        ("ring +49 30 901820 11", PHONE),
        ("ring +12025550999", PHONE),
        ("(202) 456-1111", PHONE),
        ("202-456-1111", PHONE),
        ("Telegram: @fernking", HANDLE),
        ("on whatsapp @fernking", HANDLE),
        ("Follow us on @fern", HANDLE),
        ("by @fern_king", HANDLE),
        ("(@fernkingdom)", HANDLE),
        ("pick it up at 12 Maple Street, Leeds", STREET),
        ("12b Old Mill Rd.", STREET),
        ("Lindenstraße 14", STREET),
        ("Hauptstr. 5a", STREET),
        ("12, rue de la Paix", STREET),
        ("Calle Mayor 7", STREET),
        ("Rua das Flores, 31", STREET),
        ("4111 1111 1111 1111", MONEY),
        ("5500-0000-0000-0004", MONEY),
        ("GB82 WEST 1234 5698 7654 32", MONEY),
        ("0x52908400098527886E0F7030069857D2E4169EE7", MONEY),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", MONEY),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", MONEY),
    ],
)
def test_ways_out_of_the_listing(text: str, reason: str) -> None:
    assert broken_limit(f"Ferns for sale. {text} and more") == reason
    assert must_not_be_kept(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "shop.example, www.example.com, ann@example.org and test.invalid are nobody's",
        "fern-pack.zip, readme.txt, index.html, fern_v1.2.3.blend, node.js, version 10.4.2.1100",
        "A dot to dot book. Work at home. To start, press play.In this pack: 3 files",
        "Fits 1920x1080, 24.1.2026, 10:30, 4.5 stars, €1.299,00, ISBN 978-3-16-148410-0",
        "+10 000 000 polygons; call 202-555-0143 in the film",
        "Series 1234 5678 9012 3456 of the deck",
        "SuperLongCamelCaseFileNameOfAssets and aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "a signal @ 30 kHz, instagram templates, discord bot",
        "walk @round the @ged walls; tag @yourname or @everyone; @media print; icon@2x, 3 @ 5 dollars",
        "12 Urban Street Brushes, 40 street photography presets, 2 lanes, 21 road signs, 3 main streets",
        "Straßenkarte mit 12 Orten; a rue of 4; le boulevard des 5 sens",
    ],
)
def test_what_only_looks_like_one(text: str) -> None:
    assert broken_limit(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Nude set, model looks like a teenager",
        "TEENS\n\n" + "words " * 300 + "\nxxx clips",
        "erotic stories, 16 year old neighbour",
        "l0lita themed lingerie",
        "N.S.F.W? n s f w pack with a schoolgirl",
        "erotische Bilder, minderjährige: sexy",
        "s\u200bex and ki\u200bds",
    ],
)
def test_minors_and_sexual_content_never_meet(text: str) -> None:
    assert broken_limit(text) == must_not_be_kept(text) == MINORS


@pytest.mark.parametrize(
    "text",
    [
        "Colouring book for children aged 6 to 9",
        "300 nude pose references of adult models",
        "A minor scale workbook; sexy saxophone lines in D minor",
        "What kind of lingerie pattern? A kind one.",
    ],
)
def test_either_alone_may_stand(text: str) -> None:
    assert broken_limit(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Suppressor at home:\n1. Drill the cap\n2. Mill the tube\n3. Press it in",
        "Keylogger. First, compile it.\nThen upload it.\nFinally, run it.\n- paste the rest\n- run again",
        "Pipe bomb with 20 g of potassium nitrate and 5 g of sulphur",
        "Ransomware source:\n```\nimport os\n```",
        "phishing page: <form action='x'>",
        "stealer: powershell -enc aaaa",
        "keylogger\nimport pynput.keyboard as k\nrun",
    ],
)
def test_instructions_for_harm(text: str) -> None:
    assert broken_limit(text) == must_not_be_kept(text) == HARM


@pytest.mark.parametrize(
    "text",
    [
        "Print files for a receiver:\n1. upper.stl\n2. lower.stl\n3. notes.pdf",
        "Bread:\n1. Mix the flour\n2. Add water\n3. Heat the oven",
        "Foam blaster prop, gun-shaped. 1. Cut the foam. Instructions are in the PDF.",
        "Loaded stick, 4,000 channels, remote access for a year",
        "Full stealer panel with builder, monthly access",
        "Rifle marks taken off.\nImport stamps go as well.",
    ],
)
def test_an_advertisement_may_stand(text: str) -> None:
    assert broken_limit(text) is None


def test_no_hand_written_listing_breaks_a_limit() -> None:
    examples = load_corpus("written", load_policy())
    assert [(one.id, reason) for one in examples if (reason := broken_limit(one.listing.text))] == []


@given(st.text())
def test_never_raises(text: str) -> None:
    assert broken_limit(text) is None or isinstance(broken_limit(text), str)
