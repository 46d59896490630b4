"""A small market on localhost, shaped like Gumroad, that can misbehave in every way a site can."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from modsmith.corpus.collect import Fetcher, Manners, Skipped


def _product(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "permalink": name,
        "name": f"Product {name}",
        "seller": {"id": "s1", "name": "Ann Author", "profile_url": "http://ann.test/?recommended_by=x"},
        "summary": "You get a PDF.",
        "attributes": [{"name": "Pages", "value": "120"}, {"name": "Format", "value": "PDF"}],
        "description_html": "<h2>About</h2><p>A <strong>good</strong> thing.</p><ul><li>one</li><li>two</li></ul>",
        "currency_code": "usd",
        "price_cents": 1200,
        "options": [],
        "bundle_products": [],
        "public_files": [{"id": "f1", "name": "Sample chapter.pdf", "extension": "PDF"}],
        **more,
    }


class Market:
    """Serves pages by path and remembers every request."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.times: list[tuple[float, str]] = []
        self.gate = threading.Event()
        """Handlers that hang wait for it; it is set when the test ends."""
        self.handlers: dict[str, Callable[[Request], Response]] = {}
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        path = request.full_path.rstrip("?")
        self.asked[path] += 1
        self.agents.add(request.headers.get("User-Agent", ""))
        self.times.append((time.monotonic(), path))
        handler = self.handlers.get(path)
        return handler(request) if handler else Response("no such page", 404)

    def url(self, path: str) -> str:
        return self.server.url_for(path)

    @property
    def pages_asked(self) -> Counter[str]:
        return Counter({path: count for path, count in self.asked.items() if path != "/robots.txt"})

    def at(
        self, path: str, body: str | bytes | Callable[[Request], Response], status: int = 200, **headers: str
    ) -> str:
        """Serve `body` at `path`; headers are given as `Retry_After="1"`. Returns the page's address."""
        if callable(body):
            self.handlers[path] = body
        else:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            named.setdefault("Content-Type", "text/html; charset=utf-8")
            self.handlers[path] = lambda request: Response(body, status, named)
        return self.url(path)

    def product(self, name: str, style: str = "inertia", **more: Any) -> str:
        return self.at(f"/l/{name}", self.page({"product": _product(name, **more)}, style, "Products/Show"))

    def cards(self, path: str, names: list[str], component: str = "Profile/Show", **more: Any) -> str:
        cards = [self.card(name, **more) for name in names]
        return self.at(path, self.page({"sections": [{"search_results": {"products": cards}}]}, "inertia", component))

    def card(self, name: str, **more: Any) -> dict[str, Any]:
        card = {key: value for key, value in _product(name).items() if key in ("id", "permalink", "name", "seller")}
        return {
            **card,
            "ratings": None,
            "price_cents": 1200,
            "url": self.url(f"/l/{name}") + "?layout=profile",
            "description": "A good thing, cut...",
            **more,
        }

    @staticmethod
    def page(props: dict[str, Any], style: str = "inertia", component: str = "Products/Show") -> str:
        if style == "inertia":
            data = html.escape(json.dumps({"component": component, "props": props, "url": "/"}), quote=True)
            inside = f'<div id="app" data-page="{data}"></div>'
        else:
            data = json.dumps(props).replace("</", "<\\/")
            inside = (
                '<script type="application/json" class="js-react-on-rails-component" '
                f'data-component-name="{component}">'
                f"{data}</script>"
            )
        return f"<!doctype html><html><body><nav>Shop</nav>{inside}</body></html>"


@pytest.fixture(scope="session")
def _server() -> Iterator[HTTPServer]:
    server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def market(_server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    market = Market(_server)
    yield market
    market.gate.set()
    _server.clear()


@pytest.fixture
def product() -> Callable[..., dict[str, Any]]:
    return _product


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def reason_of(folder: Path) -> Callable[[str], str]:
    """Why a page is skipped; each call is a new run over the same cache."""

    def ask(url: str) -> str:
        manners = Manners(delay=0.0, timeout=1.0, max_bytes=100_000)
        with Fetcher(folder, manners) as fetcher, pytest.raises(Skipped) as skipped:
            print(fetcher.get(url).text)
        return skipped.value.reason

    return ask
