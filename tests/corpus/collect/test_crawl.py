from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Response

from modsmith.corpus.collect import Crawl, Manners, Tally, read_seeds
from modsmith.errors import UserError
from modsmith.listing import Listing, read_listings

QUICK = Manners(delay=0.0, timeout=1.0, max_bytes=100_000, tries=2)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "f.jsonl"


def crawl(out: Path, *seeds: str, **options: Any) -> Tally:
    return Crawl(out, options.pop("manners", QUICK), **options).run(list(seeds))


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_a_profile_gives_the_listings_of_its_product_pages(market: Any, out: Path) -> None:
    names = ["pen", "ink", "cup"]
    for name in names:
        market.product(name, style="react" if name == "ink" else "inertia")
    tally = crawl(out, market.cards("/", names))
    assert (tally.visited, tally.pages, tally.listings, tally.skipped.total()) == (4, 4, 3, 0)
    assert [record["id"] for record in records(out)] == ["id-pen", "id-ink", "id-cup"]
    assert not any("partial" in record for record in records(out))
    assert all(isinstance(listing, Listing) for listing in read_listings(out))
    assert market.pages_asked == {"/": 1, "/l/pen": 1, "/l/ink": 1, "/l/cup": 1}


def test_a_second_run_asks_nothing_and_adds_nothing(market: Any, out: Path) -> None:
    market.product("pen")
    market.at("/robots.txt", "User-agent: *\nAllow: /\n", Content_Type="text/plain")
    seeds = [market.cards("/", ["pen", "gone"]), market.at("/l/broken", '<div data-page="{'), market.url("/l/missing")]
    first = crawl(out, *seeds)
    asked, before = dict(market.asked), out.read_bytes()
    second = crawl(out, *seeds)
    assert market.asked == asked
    assert out.read_bytes() == before
    assert (second.cached, second.listings, second.already_there) == (2, 0, 1)
    assert first.skipped == second.skipped == {"bad_json": 1, "not_found": 2}


def test_follow_none_makes_partial_listings_of_cards(market: Any, out: Path) -> None:
    tally = crawl(out, market.cards("/", ["pen", "ink"]), follow="none")
    assert tally.listings == 2 and market.pages_asked == {"/": 1}
    assert [record["partial"] for record in records(out)] == [True, True]
    assert records(out)[0]["url"] == market.url("/l/pen")


def test_discover_cards_are_followed_only_when_asked(market: Any, tmp_path: Path) -> None:
    market.product("pen")
    seed = market.cards("/discover", ["pen"], component="Discover/Index")
    crawl(tmp_path / "seller.jsonl", seed)
    assert records(tmp_path / "seller.jsonl")[0]["partial"] and "/l/pen" not in market.pages_asked
    crawl(tmp_path / "discover.jsonl", seed, follow="discover")
    assert "partial" not in records(tmp_path / "discover.jsonl")[0]


def test_other_hosts_are_never_asked_even_for_all_cards(market: Any, out: Path) -> None:
    market.product("pen")
    cards = [market.card("pen"), market.card("ink", url="http://127.0.0.1:9/l/ink")]
    seed = market.at("/discover", market.page({"products": cards}, component="Discover/Index"))
    tally = crawl(out, seed, follow="discover")
    assert {record["id"]: record.get("partial", False) for record in records(out)} == {"id-pen": False, "id-ink": True}
    assert not tally.skipped


def test_a_card_never_takes_the_place_of_a_page_that_comes_later(market: Any, out: Path) -> None:
    market.product("pen")
    discover = market.cards("/discover", ["pen"], component="Discover/Index")
    crawl(out, discover, market.cards("/", ["pen"]))
    assert ["partial" in record for record in records(out)] == [False]


def test_a_product_page_that_fails_is_no_partial_listing(market: Any, out: Path) -> None:
    tally = crawl(out, market.cards("/", ["gone"]))
    assert records(out) == [] and tally.skipped == {"not_found": 1}


def test_a_product_page_brings_no_listings_of_others(market: Any, out: Path, product: Any) -> None:
    props = {"product": product("pen"), "recommended": [market.card("ink", seller={"id": "s2", "name": "Bob"})]}
    crawl(out, market.at("/l/pen", market.page(props)))
    assert [record["id"] for record in records(out)] == ["id-pen"]


def test_the_limit_counts_pages_and_says_what_is_left(market: Any, out: Path) -> None:
    for name in "abc":
        market.product(name)
    seed = market.cards("/", ["a", "b", "c"])
    tally = crawl(out, seed, limit=2)
    assert (tally.visited, tally.left, tally.listings) == (2, 2, 1)
    tally = crawl(out, seed, limit=9)
    assert (tally.left, tally.listings, tally.already_there) == (0, 2, 1)
    assert set(market.pages_asked.values()) == {1}


def test_every_failure_is_counted_and_the_crawl_goes_on(market: Any, out: Path) -> None:
    def endless() -> Any:
        while not market.gate.wait(0):
            yield b"x" * 1000

    seeds = [
        market.url("/l/missing"),
        market.at("/l/gone", "", 410),
        market.at("/l/busy", "", 429, Retry_After="0"),
        market.at("/l/down", "", 500),
        market.at("/l/cut", '<script type="application/json">{"product": {"na'),
        market.at("/l/away", "", 302, Location="http://elsewhere.test/"),
        market.at("/l/endless", lambda request: Response(endless())),
        market.at("/l/bytes", b"\xff\xfe\xfa", Content_Type="text/html; charset=utf-8"),
        market.at("/l/plain", "<p>nothing here</p>"),
        market.product("pen"),
    ]
    tally = crawl(out, *seeds)
    assert tally.skipped == {
        "not_found": 1,
        "gone": 1,
        "rate_limited": 1,
        "server_error": 1,
        "bad_json": 1,
        "off_host_redirect": 1,
        "too_large": 1,
        "bad_encoding": 1,
        "no_data": 1,
    }
    assert (tally.visited, tally.pages, tally.listings) == (10, 1, 1)


def test_a_failure_that_may_pass_is_asked_for_again_in_the_next_run(market: Any, out: Path) -> None:
    seed = market.at("/l/pen", "", 500)
    crawl(out, seed)
    market.product("pen")
    assert crawl(out, seed).listings == 1


def test_the_same_product_under_two_addresses_is_one_listing(market: Any, out: Path, product: Any) -> None:
    market.product("pen")
    market.at("/l/alias", market.page({"product": product("pen")}))
    tally = crawl(out, market.url("/l/pen"), market.url("/l/alias"))
    assert (tally.listings, tally.already_there) == (1, 1)


def test_two_crawls_do_not_write_one_file(market: Any, out: Path) -> None:
    from modsmith.corpus.collect.lines import LineFile

    with LineFile(out, "listings"), pytest.raises(UserError, match="another crawl"):
        crawl(out, market.product("pen"))


def test_out_without_an_ending_is_jsonl(market: Any, tmp_path: Path) -> None:
    crawl(tmp_path / "gum", market.product("pen"))
    assert len(records(tmp_path / "gum.jsonl")) == 1
    with pytest.raises(UserError, match="name a file"):
        Crawl(tmp_path)
    with pytest.raises(UserError, match="--follow"):
        Crawl(tmp_path / "f", follow="everything")


def test_seeds_are_addresses_or_files_of_them(tmp_path: Path) -> None:
    file = tmp_path / "seeds.txt"
    file.write_text("# shops\nhttp://a.test/l/x?y=1\n\n  http://b.test \nhttp://a.test/l/x\n")
    assert read_seeds(["http://c.test/l/z", str(file)]) == ["http://c.test/l/z", "http://a.test/l/x", "http://b.test/"]
    file.write_text("http://a.test\nftp://a.test\n")
    with pytest.raises(UserError, match="line 2"):
        read_seeds([str(file)])
    with pytest.raises(UserError, match="cannot read"):
        read_seeds([str(tmp_path / "none.txt")])
    file.write_text("# nothing\n")
    with pytest.raises(UserError, match="no pages"):
        read_seeds([str(file)])
