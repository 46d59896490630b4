from __future__ import annotations

import gzip
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Request, Response

from modsmith.corpus.collect import Fetcher, Manners
from modsmith.corpus.collect.response import retry_after

QUICK = Manners(delay=0.0, timeout=1.0, max_bytes=100_000)
Reason = Callable[[str], str]


def test_retry_after_is_read_as_seconds_or_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    assert retry_after("120") == 120
    assert 50 < retry_after(format_datetime(soon, usegmt=True)) <= 60
    assert retry_after("Mon, 02 Nov 2020 10:00:00 GMT") == 0
    assert [retry_after(value) for value in (None, "", "soon", "-5", "1e9")] == [0] * 5
    assert retry_after("9" * 400) < float("inf")


def endless(market: Any, pause: float) -> Callable[[Request], Response]:
    def body() -> Iterator[bytes]:
        for _ in range(60):  # far beyond either limit, yet a limit that is broken fails instead of hanging
            market.gate.wait(pause)
            yield b"x" * (1 if pause else 10_000)

    return lambda request: Response(body(), 200, {"Content-Type": "text/html"})


def test_an_endless_page_meets_the_size_limit(market: Any, reason_of: Reason) -> None:
    url = market.at("/l/pen", endless(market, 0))
    assert reason_of(url) == reason_of(url) == "too_large"
    assert market.pages_asked == {"/l/pen": 1}


def test_a_page_that_drips_for_ever_meets_the_time_limit(market: Any, reason_of: Reason) -> None:
    start = time.monotonic()
    assert reason_of(market.at("/l/pen", endless(market, 0.1))) == "timeout"
    assert time.monotonic() - start < 3


def test_a_page_that_never_answers_meets_the_time_limit(market: Any, reason_of: Reason) -> None:
    def hang(request: Request) -> Response:
        market.gate.wait(20)
        return Response("late")

    assert reason_of(market.at("/l/pen", hang)) == "timeout"
    assert market.pages_asked == {"/l/pen": 1}


def test_a_packed_page_is_measured_unpacked(market: Any, folder: Path, reason_of: Reason) -> None:
    fine, bomb = gzip.compress(b"fine"), gzip.compress(bytes(50_000_000))
    assert len(bomb) < QUICK.max_bytes
    small = market.at("/l/pen", fine, Content_Encoding="gzip")
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(small).text == "fine"
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(small).text == "fine"
    url = market.at("/l/bomb", bomb, Content_Encoding="gzip")
    tracemalloc.start()
    assert reason_of(url) == "too_large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25_000_000, "it is never unpacked whole"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("Preis: fünf".encode("latin-1"), {"Content_Type": "text/html; charset=utf-8"}),
        ("Preis: fünf".encode("latin-1"), {"Content_Type": "text/html"}),
        (b"x", {"Content_Type": "text/html; charset=klingon"}),
        (b"x", {"Content_Type": "text/html; charset=base64"}),
        (b"no gzip", {"Content_Encoding": "gzip"}),
        (gzip.compress(b"cut short" * 50, mtime=0)[:-20], {"Content_Encoding": "gzip"}),
        (b"x", {"Content_Encoding": "br"}),
    ],
)
def test_wrong_encodings_are_named(market: Any, body: bytes, headers: dict[str, str], reason_of: Reason) -> None:
    assert reason_of(market.at("/l/pen", body, **headers)) == "bad_encoding"


def test_another_encoding_that_is_named_is_read(market: Any, folder: Path) -> None:
    url = market.at("/l/pen", "fünf".encode("latin-1"), Content_Type="text/html; charset=iso-8859-1")
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(url).text == "fünf"


def test_a_body_that_breaks_off_is_not_kept(market: Any, folder: Path, reason_of: Reason) -> None:
    url = market.at("/l/pen", lambda request: Response([b"half"], 200, {"Content-Length": "1000"}))
    assert reason_of(url) == "connection"
    market.at("/l/pen", "whole")
    with Fetcher(folder, QUICK) as fetcher:
        assert fetcher.get(url).text == "whole"
