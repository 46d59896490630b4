"""Anything that can be measured: a name, and `rate(listings) -> verdicts`.

A system that fails on a listing says so with a verdict that did not parse; it then counts as wrong there
(`outcomes`). One that cannot be asked at all raises `UserError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from modsmith.listing import Listing
from modsmith.ratings import Verdict

Tick = Callable[[int], None]
"""Told how many listings were done since the last call."""


class System(Protocol):
    """A judge, a baseline, a server."""

    def rate(self, listings: Sequence[Listing], progress: Tick | None = None) -> list[Verdict]:
        """One verdict for each listing, in their order."""
        ...


class Remembering:
    """A system that judges equal listings once, whatever their ids: suites share many listings."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._known: dict[tuple[object, ...], Verdict] = {}

    def rate(self, listings: Sequence[Listing], progress: Tick | None = None) -> list[Verdict]:
        """As the system's own."""
        keys = [_key(listing) for listing in listings]
        new: dict[tuple[object, ...], Listing] = {}
        for key, listing in zip(keys, listings, strict=True):
            if key not in self._known:
                new.setdefault(key, listing)
        if progress and len(new) < len(listings):
            progress(len(listings) - len(new))
        if new:
            found = self._system.rate(list(new.values()), progress)
            self._known |= dict(zip(new, found, strict=True))
        return [replace(self._known[key], id=listing.id) for key, listing in zip(keys, listings, strict=True)]


def _key(listing: Listing) -> tuple[object, ...]:
    """What a system sees of a listing."""
    return listing.title, listing.description, listing.price, listing.tags, listing.files
