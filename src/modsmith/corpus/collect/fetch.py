"""A polite client: one request at a time, never faster than the site asks, nothing asked for twice."""

from __future__ import annotations

import hashlib
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import httpx
from hishel import SqliteStorage
from hishel.httpx import CacheClient
from protego import Protego

from modsmith.corpus.collect.address import host_of, page_address
from modsmith.corpus.collect.lines import LineFile
from modsmith.corpus.collect.manners import Manners
from modsmith.corpus.collect.reasons import Skipped
from modsmith.corpus.collect.response import Page, header_date, read_body, retry_after
from modsmith.errors import UserError

_DAY = 86_400.0
_FAILURES_IN_A_ROW = 10


class _Again(Exception):
    """A failure that may pass; `after`: the seconds that the site asks to wait."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


class Fetcher:
    """Gets pages, keeping them and every final failure in `folder`. A context manager. Raises `UserError`."""

    def __init__(
        self, folder: Path, manners: Manners | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.manners = manners or Manners()
        self._sleep = sleep
        self._storage = SqliteStorage(connection=_open_cache(folder), max_size=None)
        self._notes = LineFile(folder / "outcomes.jsonl", "the crawl's notes")
        self._known: dict[str, dict[str, Any]] = {str(note.get("key")): note for note in self._notes.read()}
        self._client = CacheClient(
            storage=self._storage,
            headers={
                "User-Agent": self.manners.user_agent,
                "Accept": "text/html, */*;q=0.5",
                "Accept-Encoding": "gzip",
            },
            timeout=self.manners.timeout,
        )
        self._robots: dict[str, Protego | None] = {}
        self._pace: dict[str, float] = {}
        self._free_at: dict[str, float] = {}
        self._failures: Counter[str] = Counter()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._notes.__exit__(kind, error, trace)

    def get(self, url: str) -> Page:
        """The page at `url`, from the cache or from the site, after redirects on the same host. Raises `Skipped`."""
        return self._follow(url, self._check_robots)

    def _follow(self, url: str, check: Callable[[str], None], keep: float | None = None) -> Page:
        host = host_of(url)
        for _ in range(self.manners.max_redirects + 1):
            check(url)
            answer = self._recall_or_ask(url, keep)
            if isinstance(answer, Page):
                return answer
            if host_of(answer) != host:
                raise Skipped("off_host_redirect")
            url = answer
        raise Skipped("too_many_redirects")

    def _check_robots(self, url: str) -> None:
        root = urljoin(url, "/")
        if root not in self._robots:
            self._robots[root] = self._read_robots(root)
        rules = self._robots[root]
        if rules is None:
            raise Skipped("robots_unreachable", final=False)
        if not rules.can_fetch(url, "modsmith"):
            raise Skipped("robots", final=False)

    def _read_robots(self, root: str) -> Protego | None:
        """RFC 9309: without a robots.txt (4xx) all is allowed, without an answer nothing is; kept for a day at most."""
        try:
            page = self._follow(urljoin(root, "robots.txt"), lambda url: None, keep=_DAY)
        except Skipped as skipped:
            missing = skipped.reason in ("not_found", "gone") or skipped.reason.startswith("http_4")
            return Protego.parse("") if missing else None
        rules = Protego.parse(page.body.decode("utf-8-sig", "replace"))
        rate = rules.request_rate("modsmith")
        asked = (rules.crawl_delay("modsmith") or 0.0, rate.seconds / rate.requests if rate else 0.0)
        host = host_of(root)
        self._pace[host] = max(self.manners.delay, *asked)
        self._free_at[host] = self._free_at.get(host, 0.0) + self._pace[host] - self.manners.delay
        return rules

    def _recall_or_ask(self, url: str, keep: float | None) -> Page | str:
        """A page, or the address that the site sends on to. What is final is written down for `keep` seconds."""
        if note := self._recall(url):
            if "to" in note:
                return str(note["to"])
            raise Skipped(str(note.get("reason")))
        try:
            answer = self._insist(url, keep)
        except Skipped as skipped:
            if skipped.final:
                self._note(url, keep, reason=skipped.reason)
            raise
        if isinstance(answer, str):
            self._note(url, keep, to=answer)
        return answer

    def _insist(self, url: str, keep: float | None) -> Page | str:
        host, reason = host_of(url), ""
        for attempt in range(1, self.manners.tries + 1):
            try:
                return self._ask(url, host, keep)
            except _Again as trouble:
                reason = trouble.reason
                backoff = max(self.manners.delay, 0.1) * 4**attempt if attempt < self.manners.tries else 0.0
                self._rest(host, max(backoff, trouble.after))
        self._failures[host] += 1
        raise Skipped(reason, final=False)

    def _ask(self, url: str, host: str, keep: float | None) -> Page | str:
        key = hashlib.sha256(url.encode()).hexdigest()
        cached = bool(self._storage.get_entries(key))
        if not cached:
            self._wait(host)
        deadline = time.monotonic() + self.manners.timeout
        try:
            with self._client.stream("GET", url, extensions={"caching": {"key": key, "ttl": keep}}) as response:
                if response.status_code == 429 or response.status_code >= 500:
                    reason = "rate_limited" if response.status_code == 429 else "server_error"
                    raise _Again(reason, retry_after(response.headers.get("retry-after")))
                self._failures.pop(host, None)
                if response.has_redirect_location:
                    if (target := page_address(response.headers["location"], url)) is None:
                        raise Skipped("bad_url")
                    return target
                if response.status_code != 200:
                    raise Skipped(
                        {404: "not_found", 410: "gone"}.get(response.status_code, f"http_{response.status_code}")
                    )
                body = read_body(response, self.manners.max_bytes, deadline)
                at = header_date(response.headers.get("date")) if cached else None
                return Page(url, body, response.charset_encoding, at or datetime.now(UTC), cached)
        except httpx.TimeoutException:
            raise Skipped("timeout", final=False) from None
        except zlib.error:
            raise Skipped("bad_encoding") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
            raise Skipped("bad_url") from None
        except httpx.HTTPError:
            raise _Again("connection") from None
        except sqlite3.Error as error:
            raise UserError(f"the page cache cannot be read ({error}); delete its folder to fetch anew") from error
        finally:
            if not cached:
                self._free_at[host] = time.monotonic() + self._pace.get(host, self.manners.delay)

    def _wait(self, host: str) -> None:
        """Sleep until `host` may be asked again. Raises `Skipped` when it had better be left alone."""
        if self._recall(host):
            raise Skipped("retry_later", final=False)
        if self._failures[host] >= _FAILURES_IN_A_ROW:
            raise Skipped("host_failing", final=False)
        if (pause := self._free_at.get(host, 0.0) - time.monotonic()) > 0:
            self._sleep(pause)

    def _rest(self, host: str, seconds: float) -> None:
        if seconds > self.manners.patience:
            self._note(host, seconds, reason="retry_later")
        self._free_at[host] = max(self._free_at.get(host, 0.0), time.monotonic() + seconds)

    def _note(self, key: str, keep: float | None, **outcome: str) -> None:
        note = {"key": key, **outcome, "until": None if keep is None else time.time() + keep}
        self._known[key] = note
        self._notes.append(note)

    def _recall(self, key: str) -> dict[str, Any] | None:
        note = self._known.get(key)
        return note if note and (note.get("until") is None or note["until"] > time.time()) else None


def _open_cache(folder: Path) -> sqlite3.Connection:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")  # pages name people: not for a repository
        connection = sqlite3.connect(folder / "pages.db", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA schema_version").fetchone()
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"the page cache {folder} cannot be used ({error}); delete it to fetch anew") from error
    return connection
