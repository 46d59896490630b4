"""What came back from a site: a page's bytes within limits, and the headers that say when."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from modsmith.corpus.collect.reasons import Skipped

_YEAR = 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came. `at`: when it was fetched."""

    url: str
    body: bytes
    charset: str | None
    at: datetime
    cached: bool

    @property
    def text(self) -> str:
        """Raises `Skipped` (bad_encoding)."""
        try:
            return self.body.decode(self.charset or "utf-8").removeprefix("\ufeff")
        except (LookupError, ValueError):
            raise Skipped("bad_encoding") from None


def read_body(response: httpx.Response, most: int, deadline: float) -> bytes:
    """The unpacked body, never more than `most` bytes of it in memory. Raises `Skipped` and `zlib.error`."""
    packed = response.headers.get("content-encoding", "identity").lower()
    if packed not in ("identity", "gzip", "deflate", ""):
        raise Skipped("bad_encoding")
    unpack = zlib.decompressobj(wbits=47) if packed in ("gzip", "deflate") else None
    body, received = bytearray(), 0
    for chunk in response.iter_raw():
        received += len(chunk)
        body += unpack.decompress(chunk, most + 1 - len(body)) if unpack else chunk
        if max(len(body), received) > most:
            raise Skipped("too_large")
        if time.monotonic() > deadline:
            raise Skipped("timeout", final=False)
    if unpack and not unpack.eof and received:
        raise Skipped("bad_encoding")
    return bytes(body)


def retry_after(value: str | None) -> float:
    """Seconds from now of a Retry-After header (seconds or a date); 0 when there is none that makes sense."""
    if value and value.strip().isdecimal():
        return min(float(value), _YEAR)
    date = header_date(value)
    return max(0.0, (date - datetime.now(UTC)).total_seconds()) if date else 0.0


def header_date(value: str | None) -> datetime | None:
    """The time that a header names, or `None`."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
