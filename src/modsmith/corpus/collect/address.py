"""Web addresses: one spelling for each page, and whether two are on the same host."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\s\ud800-\udfff]")
"""Control characters, blanks, halves of surrogate pairs."""


def page_address(link: object, base: str = "") -> str | None:
    """The address of a page, as seen from `base`; `None` when it is not http(s), holds a password, or is no address.

    Product pages (`/l/PERMALINK`) lose their query: it only tells where the visitor came from.
    """
    try:
        parts = urlsplit(urljoin(base, link.strip()) if isinstance(link, str) else "")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or a bracket that makes no sense
        return None
    if not usable or "@" in parts.netloc or _UNFIT.search(parts.geturl()):
        return None
    query = "" if "/l/" in parts.path else parts.query
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", query, ""))


def host_of(url: str) -> str:
    """Host and, where given, port: `127.0.0.1:8000`."""
    return urlsplit(url).netloc.lower()
