from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Response

from modsmith import __version__
from modsmith.corpus.collect import Fetcher, Manners, Skipped
from modsmith.errors import UserError

QUICK = Manners(delay=0.0, timeout=1.0, max_bytes=100_000)
Reason = Callable[[str], str]


def test_a_page_is_asked_for_once_and_kept(market: Any, folder: Path) -> None:
    url = market.at("/l/pen", "<p>ü</p>")
    with Fetcher(folder, QUICK) as fetcher:
        first = fetcher.get(url)
    time.sleep(1.1)
    with Fetcher(folder, QUICK) as fetcher:
        second = fetcher.get(url)
    assert first.text == second.text == "<p>ü</p>"
    assert (first.cached, second.cached) == (False, True)
    assert market.pages_asked == {"/l/pen": 1}
    assert abs(second.at - first.at) < timedelta(seconds=1.05), "the time is that of the fetch"


def test_the_user_agent_says_who_asks(market: Any, folder: Path) -> None:
    url = market.at("/l/pen", "x")
    with Fetcher(folder, Manners(delay=0.0, contact="ann@example.org")) as fetcher:
        fetcher.get(url)
    assert market.agents == {f"modsmith/{__version__} (listing collector; contact: ann@example.org)"}
    with pytest.raises(UserError, match="--contact"):
        Manners(contact="x\r\nHost: evil")


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "not_found"), (410, "gone"), (403, "http_403"), (204, "http_204"), (206, "http_206")]
)
def test_a_final_answer_is_not_asked_for_again(market: Any, status: int, reason: str, reason_of: Reason) -> None:
    url = market.at("/l/pen", "", status)
    assert reason_of(url) == reason_of(url) == reason
    assert market.pages_asked == {"/l/pen": 1}


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (500, "server_error"), (503, "server_error")])
def test_a_passing_failure_is_tried_three_times_with_growing_pauses(
    market: Any, folder: Path, status: int, reason: str
) -> None:
    url = market.at("/l/pen", "", status)
    pauses: list[float] = []
    with Fetcher(folder, Manners(delay=1.0), pauses.append) as fetcher, pytest.raises(Skipped) as skipped:
        fetcher.get(url)
    assert skipped.value.reason == reason
    assert market.pages_asked == {"/l/pen": 3}
    assert [round(pause) for pause in pauses] == [1, 4, 16]


def test_a_failure_that_passes_is_no_failure(market: Any, folder: Path) -> None:
    answers = iter([Response("", 500), Response("fine")])
    url = market.at("/l/pen", lambda request: next(answers))
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(url).text == "fine"


def test_retry_after_is_waited_for(market: Any, folder: Path) -> None:
    answers = iter([Response("", 429, {"Retry-After": "7"}), Response("fine")])
    url = market.at("/l/pen", lambda request: next(answers))
    pauses: list[float] = []
    with Fetcher(folder, QUICK, pauses.append) as fetcher:
        fetcher.get(url)
    assert [round(pause) for pause in pauses] == [7]


def test_a_long_retry_after_lets_the_site_rest_also_in_the_next_run(
    market: Any, folder: Path, reason_of: Reason
) -> None:
    kept = market.at("/l/kept", "kept")
    url, other = market.at("/l/pen", "", 503, Retry_After="3600"), market.at("/l/ink", "x")
    with Fetcher(folder, QUICK, lambda seconds: pytest.fail("slept")) as fetcher:
        fetcher.get(kept)
        for address in (url, other):
            with pytest.raises(Skipped, match="longer rest"):
                fetcher.get(address)
    assert reason_of(url) == reason_of(other) == "retry_later"
    assert market.pages_asked == {"/l/kept": 1, "/l/pen": 1}
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(kept).cached


def test_a_site_in_trouble_is_left_alone(market: Any, folder: Path) -> None:
    urls = [market.at(f"/l/{number}", "", 500) for number in range(12)]
    reasons = []
    with Fetcher(folder, QUICK, lambda seconds: None) as fetcher:
        for url in urls:
            with pytest.raises(Skipped) as skipped:
                fetcher.get(url)
            reasons.append(skipped.value.reason)
    assert reasons == ["server_error"] * 10 + ["host_failing"] * 2


def test_requests_keep_their_distance_but_cached_pages_do_not_wait(market: Any, folder: Path) -> None:
    urls = [market.at(f"/l/{number}", "x") for number in range(3)]
    with Fetcher(folder, Manners(delay=0.15)) as fetcher:
        for url in urls:
            fetcher.get(url)
    times = [at for at, _ in market.times]
    assert len(times) == 4 and all(later - earlier >= 0.15 for earlier, later in zip(times, times[1:], strict=False))
    start = time.monotonic()
    with Fetcher(folder, Manners(delay=9.0)) as fetcher:
        assert all(fetcher.get(url).cached for url in urls[:1])
    assert time.monotonic() - start < 10  # robots.txt is missing here, which is remembered


@pytest.mark.parametrize("rule", ["Crawl-delay: 30", "Request-rate: 2/1m"])
def test_the_delay_that_robots_asks_for_is_kept(market: Any, folder: Path, rule: str) -> None:
    market.at("/robots.txt", f"User-agent: *\n{rule}\n", Content_Type="text/plain")
    url, pauses = market.at("/l/pen", "x"), list[float]()
    with Fetcher(folder, QUICK, pauses.append) as fetcher:
        fetcher.get(url)
    assert [round(pause) for pause in pauses] == [30]


def test_robots_is_obeyed_for_our_name_and_kept_for_a_day(market: Any, folder: Path, reason_of: Reason) -> None:
    rules = "User-agent: *\nAllow: /\n\nUser-agent: modsmith\nDisallow: /l/secret\n"
    market.at("/robots.txt", rules, Content_Type="text/plain")
    secret, url = market.at("/l/secret", "x"), market.at("/l/pen", "x")
    assert reason_of(secret) == "robots"
    with Fetcher(folder, QUICK) as fetcher:
        fetcher.get(url)
    assert market.asked == {"/robots.txt": 1, "/l/pen": 1}


def test_robots_is_asked_also_about_where_a_redirect_leads(market: Any, reason_of: Reason) -> None:
    market.at("/robots.txt", "User-agent: *\nDisallow: /private\n", Content_Type="text/plain")
    url = market.at("/l/pen", "", 302, Location="/private/pen")
    assert reason_of(url) == "robots"
    assert market.pages_asked == {"/l/pen": 1}


def test_without_a_readable_robots_nothing_is_asked(market: Any, reason_of: Reason) -> None:
    market.at("/robots.txt", "", 500)
    url = market.at("/l/pen", "x")
    assert reason_of(url) == "robots_unreachable"
    assert not market.pages_asked


def test_a_robots_in_an_odd_encoding_still_counts(market: Any, reason_of: Reason) -> None:
    market.at("/robots.txt", "# für alle\nUser-agent: *\nDisallow: /l/\n".encode("latin-1"), Content_Type="text/plain")
    assert reason_of(market.at("/l/pen", "x")) == "robots"


def test_redirects_stay_on_the_host_and_are_remembered(market: Any, folder: Path) -> None:
    url, target = market.at("/l/old", "", 301, Location="/l/new"), market.at("/l/new", "x")
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(url).url == target
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(url).cached
    assert market.pages_asked == {"/l/old": 1, "/l/new": 1}


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://elsewhere.test/l/pen", "off_host_redirect"),
        ("http://127.0.0.1:9/l/pen", "off_host_redirect"),
        ("/l/pen", "too_many_redirects"),
        ("mailto:ann@example.org", "bad_url"),
    ],
)
def test_redirects_that_are_not_followed(market: Any, location: str, reason: str, reason_of: Reason) -> None:
    url = market.at("/l/pen", "", 302, Location=location)
    assert reason_of(url) == reason_of(url) == reason
    assert market.pages_asked == {"/l/pen": 1}


def test_a_long_chain_of_redirects_ends(market: Any, reason_of: Reason) -> None:
    for number in range(9):
        market.at(f"/hop/{number}", "", 302, Location=f"/hop/{number + 1}")
    assert reason_of(market.url("/hop/0")) == "too_many_redirects"
    assert sum(market.pages_asked.values()) == 6


def test_a_site_that_is_not_there(reason_of: Reason) -> None:
    assert reason_of("http://127.0.0.1:9/l/pen") == "robots_unreachable"


def test_a_damaged_cache_is_one_sentence(folder: Path) -> None:
    folder.mkdir()
    (folder / "pages.db").write_text("this is no database " * 100)
    with pytest.raises(UserError, match="delete it"):
        Fetcher(folder, QUICK)
