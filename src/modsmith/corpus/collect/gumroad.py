"""Pages of a Gumroad-shaped site: the data inside them, listings made of it, and the links worth following."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from modsmith.corpus.collect.address import page_address
from modsmith.corpus.collect.price import price_text
from modsmith.corpus.collect.reasons import Skipped
from modsmith.corpus.example import COLLECTED
from modsmith.listing import Listing

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What one page says, as the site's own objects."""

    kind: Literal["product", "profile", "discover"]
    product: Record | None
    cards: tuple[Record, ...]
    owner: Record | None
    """The seller whose page it is; `None` on discover pages, and where a profile does not say."""

    def to_follow(self, follow: str) -> list[Record]:
        """The cards whose product pages `follow` asks for: "none", the page's own "seller", or all ("discover")."""
        if follow == "none" or (follow == "seller" and self.kind == "discover"):
            return []
        return [card for card in self.cards if follow == "discover" or self._is_own(card)]

    def _is_own(self, card: Record) -> bool:
        theirs, own = _seller_key(card.get("seller")), _seller_key(self.owner)
        return theirs == own if theirs and own else self.kind == "profile"


def read_content(html: str, url: str) -> Content:
    """Find the product or the cards of a page.

    The data is JSON: in a `data-page` attribute (Inertia) or in a `<script type="application/json">` (Inertia,
    React on Rails). Raises `Skipped` with bad_json, no_data or no_listing.
    """
    blobs: list[Any] = []
    components, broken = [urlsplit(url).path], False
    for name, text in _blobs(html):
        try:
            blob = json.loads(text)
        except (ValueError, RecursionError):
            broken = True
            continue
        blobs.append(blob)
        components.append(name or (str(blob.get("component")) if isinstance(blob, dict) else ""))
    if not blobs and not broken:  # an attribute that is never closed is no attribute: look for its beginning
        raise Skipped("bad_json" if "data-page=" in html else "no_data")
    nodes = list(_objects(blobs))
    product = next((node for key, node in nodes if key == "product" and _is_product(node)), None)
    cards = tuple(node for key, node in _objects(blobs, leave_out=product) if _is_card(node))
    if product is None and not cards:
        raise Skipped("bad_json" if broken else "no_listing")
    if product is not None:
        return Content("product", product, cards, _record(product.get("seller")))
    sellers = {key: card["seller"] for card in cards if (key := _seller_key(card.get("seller")))}
    if len(sellers) > 1 or "discover" in " ".join(components).lower():
        return Content("discover", None, cards, None)
    named = next((node for key, node in nodes if key in ("creator_profile", "creator") and node.get("name")), None)
    return Content("profile", None, cards, named or next(iter(sellers.values()), None))


def _blobs(html: str) -> Iterator[tuple[str, str]]:
    tree = LexborHTMLParser(html)
    for node in tree.css("[data-page]"):
        if (text := node.attributes.get("data-page") or "").lstrip().startswith("{"):
            yield "", text
    for node in tree.css('script[type="application/json"]'):
        yield node.attributes.get("data-component-name") or "", node.text()


def _objects(blobs: list[Any], leave_out: Record | None = None) -> Iterator[tuple[str, Record]]:
    """Every object with the key it stands under, the outermost first; `leave_out` and what is in it are passed over."""
    waiting: deque[tuple[str, Any]] = deque(("", blob) for blob in blobs)
    while waiting:
        key, node = waiting.popleft()
        if isinstance(node, dict) and node is not leave_out:
            yield key, node
            waiting.extend(node.items())
        elif isinstance(node, list):
            waiting.extend((f"{key}[]", child) for child in node)


def _is_product(node: Record) -> bool:
    return bool(_text(node.get("name")) and _product_id(node))


def _is_card(node: Record) -> bool:
    return bool(_text(node.get("permalink"))) and "name" in node and ("price_cents" in node or "url" in node)


def _product_id(product: Record) -> str:
    return _text(product.get("id")) or _text(product.get("permalink"))


def product_address(product: Record, page_url: str) -> str | None:
    """Where a product's own page is: its `url` or `long_url`, else `/l/PERMALINK` on the host of `page_url`."""
    given = product.get("url") or product.get("long_url") or f"/l/{_text(product.get('permalink'))}"
    return page_address(given, page_url)


def to_listing(
    product: Record,
    url: str,
    at: datetime,
    *,
    keep_seller: bool = False,
    owner: Record | None = None,
    partial: bool = False,
) -> Listing:
    """A product, or with `partial` a card, as a listing. `owner`: the page's seller, where the card does not name one.

    The description is Markdown: the page's text, its summary, what its options say and what a bundle holds. Tags are
    "name: value" of the attributes and the names of the options. The seller is 16 hexadecimal digits of SHA-256.
    Raises `Skipped` (empty).
    """
    options = _records(product, "options")
    attributes = [(_text(one.get("name")), _text(one.get("value"))) for one in _records(product, "attributes")]
    tags = [": ".join(filter(None, pair)) for pair in attributes] + [_text(one.get("name")) for one in options]
    parts = [
        _text(product.get("description")) if partial else _markdown(_text(product.get("description_html"))),
        _text(product.get("summary")),
        _list("Options", [f"{_text(o.get('name'))}: {said}" for o in options if (said := _text(o.get("description")))]),
        _list("This bundle contains", [_text(one.get("name")) for one in _records(product, "bundle_products")]),
    ]
    record = {
        "id": _product_id(product),
        "title": _text(product.get("name")),
        "description": "\n\n".join(part for part in parts if part),
        "price": price_text(product),
        "tags": list(dict.fromkeys(filter(None, tags))),
        "files": [name for file in _records(product, "public_files") if (name := _text(file.get("name")))],
        "seller": _seller(product.get("seller") or owner, keep_seller),
        "url": url,
        "source": "gumroad",
        "collected_at": at.isoformat(timespec="seconds"),
        "label": COLLECTED,
    }
    if not record["id"] or not record["title"]:
        raise Skipped("empty")
    return Listing.from_record(record | ({"partial": True} if partial else {}))


def _seller_key(seller: object) -> str:
    """What tells one seller from another: the id, else the profile's address, else the name."""
    record = _record(seller) or {}
    profile = _text(record.get("profile_url")).split("?")[0].rstrip("/")
    return _text(record.get("id")) or _text(record.get("external_id")) or profile or _text(record.get("name"))


def _seller(seller: object, keep: bool) -> str:
    key = _seller_key(seller)
    if keep:
        return _text((_record(seller) or {}).get("name")) or key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16] if key else ""


def _markdown(html: str) -> str:
    from markdownify import markdownify

    try:  # inside a <div>, because text that looks like a file name would be warned about
        text = markdownify(
            f"<div>{html}</div>",
            heading_style="ATX",
            bullets="-",
            strip=["img"],
            escape_asterisks=False,
            escape_underscores=False,
        )
    except RecursionError:  # nested absurdly deep
        text = re.sub(r"<[^>]*>", "\n", html)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()


def _list(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", "", *(f"- {line}" for line in lines if line)]) if any(lines) else ""


def _record(value: object) -> Record | None:
    return value if isinstance(value, dict) else None


def _records(product: Record, key: str) -> list[Record]:
    value = product.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """Text and numbers as text without surrounding space; anything else is nothing."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value).strip()
    return ""
