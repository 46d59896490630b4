from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus.collect import Skipped
from modsmith.corpus.collect.gumroad import product_address, read_content, to_listing
from modsmith.listing import Listing

URL = "http://shop.test/l/pen"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Make = Callable[..., dict[str, Any]]


def script(data: object, component: str = "ProductPage") -> str:
    return (
        '<script type="application/json" class="js-react-on-rails-component" '
        f'data-component-name="{component}">{json.dumps(data)}</script>'
    )


@pytest.mark.parametrize("style", ["inertia", "react"])
def test_a_product_page(market: Any, product: Make, style: str) -> None:
    content = read_content(market.page({"product": product("pen")}, style), URL)
    assert content.kind == "product" and content.product is not None
    listing = to_listing(content.product, URL, AT)
    record = listing.to_record()
    assert Listing.from_record(record) == listing
    assert record == {
        "id": "id-pen",
        "title": "Product pen",
        "description": "## About\n\nA **good** thing.\n\n- one\n- two\n\nYou get a PDF.",
        "price": "$12",
        "tags": ("Pages: 120", "Format: PDF"),
        "files": ("Sample chapter.pdf",),
        "seller": record["seller"],
        "url": URL,
        "source": "gumroad",
        "collected_at": "2026-11-23T12:00:00+00:00",
        "label": "weakly_allowed",
    }


def test_inertia_data_in_a_script(product: Make) -> None:
    data = json.dumps({"component": "Products/Show", "props": {"product": product("pen")}})
    content = read_content(f'<script data-page="app" type="application/json">{data}</script>', URL)
    assert content.product is not None and content.product["permalink"] == "pen"


def test_the_product_is_found_among_other_components(product: Make) -> None:
    other = script({"product": None, "cart": {"product": {"price": 1}}}, "Nav")
    content = read_content(other + script({"deep": [{"product": product("pen")}]}), URL)
    assert content.product is not None and content.product["id"] == "id-pen"


def test_options_and_bundles_are_told(product: Make) -> None:
    listing = to_listing(
        product(
            "pen",
            summary=None,
            description_html=None,
            attributes=[{"name": "Pages", "value": 3}, {"name": "", "value": "PDF"}, {"name": None}, "odd"],
            options=[
                {"name": "Solo", "description": "one seat"},
                {"name": "Team", "description": ""},
                {"name": "Team"},
            ],
            bundle_products=[{"name": "Ink"}, {"name": "Paper"}],
            public_files=None,
        ),
        URL,
        AT,
    )
    assert listing.tags == ("Pages: 3", "PDF", "Solo", "Team")
    assert listing.description == "Options:\n\n- Solo: one seat\n\nThis bundle contains:\n\n- Ink\n- Paper"
    assert listing.files == ()


def test_sellers_are_hashed_unless_kept(product: Make) -> None:
    hashed = to_listing(product("pen"), URL, AT).seller
    assert len(hashed) == 16 and int(hashed, 16) and "Ann" not in hashed
    assert to_listing(product("ink"), URL, AT).seller == hashed
    other = product("ink", seller={"id": "s2", "name": "Ann Author"})
    assert to_listing(other, URL, AT).seller != hashed
    assert to_listing(product("pen"), URL, AT, keep_seller=True).seller == "Ann Author"
    assert to_listing(product("pen", seller=None), URL, AT).seller == ""


def test_without_an_id_the_profile_tells_sellers_apart(product: Make) -> None:
    def seller(profile: str) -> str:
        return to_listing(product("pen", seller={"name": "Ann", "profile_url": profile}), URL, AT).seller

    assert seller("http://ann.test/?from=discover") == seller("http://ann.test")
    assert seller("http://ann.test") != seller("http://bob.test")


def test_markdown_keeps_links_and_drops_scripts(product: Make) -> None:
    html = '<script>steal()</script><p>See <a href="http://x.test/a_b">my_site</a> *now*</p><img src="http://x.test/p.png">'
    description = to_listing(product("pen", summary="", description_html=html), URL, AT).description
    assert description == "See [my_site](http://x.test/a_b) *now*"


def test_absurdly_nested_html_is_still_text(product: Make) -> None:
    html = "<div>" * 20_000 + "deep down" + "</div>" * 20_000
    assert "deep down" in to_listing(product("pen", description_html=html), URL, AT).description


def test_a_card_is_a_partial_listing(market: Any) -> None:
    card = market.card("pen", seller=None)
    listing = to_listing(card, URL, AT, owner={"id": "s1"}, partial=True)
    assert listing.extra["partial"] is True
    assert listing.description == "A good thing, cut..." and listing.price == "12"
    assert listing.seller == to_listing(market.card("ink"), URL, AT, partial=True).seller


def test_cards_of_one_seller_are_a_profile_and_of_several_discover(market: Any) -> None:
    ann, bob = market.card("pen"), market.card("ink", seller={"id": "s2", "name": "Bob"})
    profile = read_content(
        market.page({"products": [ann, market.card("cup", seller=None)]}, component="Users/Show"), URL
    )
    assert profile.kind == "profile" and profile.owner == ann["seller"]
    assert [card["permalink"] for card in profile.to_follow("seller")] == ["pen", "cup"]
    discover = read_content(market.page({"products": [ann, bob]}, component="Index"), URL)
    assert discover.kind == "discover" and discover.to_follow("seller") == []
    assert len(discover.to_follow("discover")) == 2
    assert discover.to_follow("none") == profile.to_follow("none") == []
    alone = read_content(market.page({"products": [ann]}, component="Discover/Index"), URL)
    assert alone.kind == "discover"


def test_a_profile_names_its_owner(market: Any) -> None:
    cards = [market.card("pen", seller=None), market.card("ink", seller={"id": "s2", "name": "Bob"})]
    props = {"creator_profile": {"external_id": "s1", "name": "Ann"}, "products": cards}
    content = read_content(market.page(props, component="Profile/Show"), URL)
    assert content.owner is not None and content.owner["name"] == "Ann"
    assert [card["permalink"] for card in content.to_follow("seller")] == ["pen"]


def test_a_product_page_follows_its_seller_only(market: Any, product: Make) -> None:
    cards = [
        market.card("ink"),
        market.card("cup", seller={"id": "s2", "name": "Bob"}),
        market.card("odd", seller=None),
    ]
    bundle = [{"permalink": "inside", "name": "Inside", "url": "/l/inside", "price_cents": 1}]
    props = {"product": product("pen", bundle_products=bundle), "recommended": cards}
    content = read_content(market.page(props), URL)
    assert [card["permalink"] for card in content.to_follow("seller")] == ["ink"]
    assert [card["permalink"] for card in content.to_follow("discover")] == ["ink", "cup", "odd"]


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("", "no_data"),
        ("<h1>Sorry</h1>", "no_data"),
        ('<div data-page="{&quot;props&quot;: {&quot;prod', "bad_json"),
        ('<div data-page="{&quot;props&quot;: {&quot;prod"></div>', "bad_json"),
        ('<script type="application/json">{"product": {"na', "bad_json"),
        ('<script type="application/json">' + "[" * 100_000 + "</script>", "bad_json"),
        ('<script type="application/json">{"n": ' + "1" * 5_000 + "}</script>", "bad_json"),
        (script({"product": {"name": "", "permalink": "pen"}}), "no_listing"),
        (script({"product": {"name": "Pen"}}), "no_listing"),
        (script({"product": [], "products": [1, None, {"permalink": 3}]}), "no_listing"),
        (script([]), "no_listing"),
        (script("text"), "no_listing"),
    ],
)
def test_pages_without_a_listing_say_why(html: str, reason: str) -> None:
    with pytest.raises(Skipped) as skipped:
        read_content(html, URL)
    assert skipped.value.reason == reason


def test_product_address(market: Any) -> None:
    assert product_address({"permalink": "pen"}, "http://shop.test/discover?q=1") == "http://shop.test/l/pen"
    assert product_address({"permalink": "pen", "url": "http://a.test/l/pen?x=1"}, URL) == "http://a.test/l/pen"
    assert product_address({"permalink": "pen", "url": "javascript:x"}, URL) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = """id permalink name seller summary attributes description_html currency_code price_cents options recurrences
bundle_products public_files url description pwyw recurrence"""
_FIELDS = st.sampled_from(re.findall(r"\w+", _NAMES))


@given(st.dictionaries(_FIELDS, _JSON | st.lists(st.dictionaries(_FIELDS, _JSON, max_size=3), max_size=3)))
def test_no_product_however_odd_breaks_the_reader(fields: dict[str, Any]) -> None:
    for name, data in (("product", fields), ("products", [fields])):
        try:
            content = read_content(script({name: data}), URL)
            listings = [to_listing(one, URL, AT) for one in filter(None, [content.product, *content.cards])]
        except Skipped:
            continue
        for listing in listings:
            json.dumps(listing.to_record()).encode()
