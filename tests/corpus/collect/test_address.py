from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus.collect.address import host_of, page_address


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("http://Shop.test/l/abc?layout=discover#buy", "http://shop.test/l/abc"),
        ("https://shop.test/discover?query=pen", "https://shop.test/discover?query=pen"),
        ("https://shop.test", "https://shop.test/"),
        ("/l/abc", "http://base.test/l/abc"),
        ("//other.test/l/abc", "http://other.test/l/abc"),
        ("mailto:ann@shop.test", None),
        ("javascript:alert(1)", None),
        ("http://ann:secret@shop.test/", None),
        ("http://[::1", None),
        ("http://shop.test:99999/", None),
        ("http://shop.test/a b", None),
        ("http://shop.test/\ud800", None),
        (None, None),
        (7, None),
    ],
)
def test_page_address(link: object, address: str | None) -> None:
    assert page_address(link, "http://base.test/discover") == address


@given(st.text())
def test_any_text_is_an_address_or_none_and_stays_the_same(text: str) -> None:
    address = page_address(text, "http://base.test/x")
    if address is not None:
        assert host_of(address)
        assert page_address(address) == address
