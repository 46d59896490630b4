"""The crawl: seeds in, listings out, and where it stops it goes on."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modsmith.corpus.collect.address import host_of, page_address
from modsmith.corpus.collect.fetch import Fetcher
from modsmith.corpus.collect.gumroad import product_address, read_content, to_listing
from modsmith.corpus.collect.lines import LineFile
from modsmith.corpus.collect.manners import Manners
from modsmith.corpus.collect.reasons import Skipped
from modsmith.errors import UserError
from modsmith.files import read_text
from modsmith.listing import Listing

FOLLOW = ("none", "seller", "discover")


def read_seeds(arguments: Sequence[str]) -> list[str]:
    """Addresses of pages, from the arguments themselves or from text files of them (one a line, `#` comments).

    Raises `UserError`.
    """
    seeds: list[str] = []
    for argument in arguments:
        if "://" in argument:
            seeds.append(_seed(argument, "the command line"))
            continue
        for number, line in enumerate(read_text(Path(argument), "list of pages").splitlines(), start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                seeds.append(_seed(line, f"{argument}, line {number}"))
    if not seeds:
        raise UserError("no pages to start from; give addresses such as https://example.org/l/abc, or a file of them")
    return list(dict.fromkeys(seeds))


def _seed(text: str, place: str) -> str:
    address = page_address(text)
    if address is None:
        raise UserError(f"{place}: {text.strip()!r} is no address of a page; write https://example.org/l/abc")
    return address


@dataclass
class Tally:
    """What a crawl did so far."""

    visited: int = 0
    """Pages looked at, whether they came from the site or from the cache, and whether or not they could be read."""
    pages: int = 0
    """Those that could be read."""
    cached: int = 0
    listings: int = 0
    already_there: int = 0
    left: int = 0
    """Pages known but not looked at, because the limit was reached."""
    skipped: Counter[str] = field(default_factory=Counter)


class Crawl:
    """Collects the listings of `seeds` into the JSONL file `out`; pages are kept in the folder `out` + ".cache".

    A crawl that was stopped is run again in the same way: pages come from the cache, listings that `out` holds are
    not written again. A page that fails is counted and passed over. A card becomes a (partial) listing only if the
    product's own page is not among those to visit.
    """

    def __init__(
        self,
        out: Path,
        manners: Manners | None = None,
        follow: str = "seller",
        limit: int = 1000,
        keep_seller: bool = False,
    ) -> None:
        if follow not in FOLLOW:
            raise UserError(f"--follow {follow!r}: choose {', '.join(FOLLOW)}")
        if out.is_dir() or out.name in ("", "-"):
            raise UserError(f"--out {out}: name a file, for example listings.jsonl")
        self.out = out if out.suffix else out.with_suffix(".jsonl")
        self.cache = self.out.with_name(f"{self.out.name}.cache")
        self.manners, self.follow, self.limit, self.keep_seller = manners or Manners(), follow, limit, keep_seller
        self.tally = Tally()

    def run(self, seeds: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None) -> Tally:
        """Visit the pages. `progress` is told how many are done and how many there are. Raises `UserError`."""
        waiting = deque(seeds)
        planned = set(seeds)
        cards: list[Listing] = []
        with LineFile(self.out, "listings") as file, Fetcher(self.cache, self.manners) as fetcher:
            known = {str(record.get("id")) for record in file.read()}
            while waiting and self.tally.visited < self.limit:
                progress(self.tally.visited, min(self.limit, self.tally.visited + len(waiting)))
                self.tally.visited += 1
                links: list[str] = []
                try:
                    whole, partial, links = self._visit(waiting.popleft(), fetcher)
                    self._write(whole, file, known)
                    cards += partial
                except Skipped as skipped:
                    self.tally.skipped[skipped.reason] += 1
                waiting.extend(new := [link for link in dict.fromkeys(links) if link not in planned])
                planned.update(new)
                if self.follow == "none":
                    self._write([card for card in cards if card.url not in planned], file, known)
                    cards.clear()
            self._write([card for card in cards if card.url not in planned], file, known)
            progress(self.tally.visited, self.tally.visited)
        self.tally.left = len(waiting)
        return self.tally

    def _visit(self, url: str, fetcher: Fetcher) -> tuple[list[Listing], list[Listing], list[str]]:
        """The listing of the page, those of its cards, and the pages to visit next (of the same host)."""
        page = fetcher.get(url)
        content = read_content(page.text, page.url)
        whole: list[Listing] = []
        partial: list[Listing] = []
        if content.product is not None:
            whole = [to_listing(content.product, page.url, page.at, keep_seller=self.keep_seller)]
        else:
            for card in content.cards:
                address = product_address(card, page.url) or page.url
                try:
                    partial.append(
                        to_listing(
                            card, address, page.at, keep_seller=self.keep_seller, owner=content.owner, partial=True
                        )
                    )
                except Skipped as skipped:
                    self.tally.skipped[skipped.reason] += 1
        links = [product_address(card, page.url) for card in content.to_follow(self.follow)]
        self.tally.pages += 1
        self.tally.cached += page.cached
        return whole, partial, [link for link in links if link and host_of(link) == host_of(page.url)]

    def _write(self, listings: Sequence[Listing], file: LineFile, known: set[str]) -> None:
        for listing in listings:
            if listing.id in known:
                self.tally.already_there += 1
                continue
            file.append(listing.to_record())
            known.add(listing.id)
            self.tally.listings += 1
