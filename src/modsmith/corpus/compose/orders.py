"""Orders to the moderator: what sellers write to be let through, from `orders/*.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True)
class Order:
    """One order, a sentence or a few."""

    text: str
    language: str
    """ISO code, or "mixed"."""
    style: str
    test: bool = False
    """Whether it stands in tests alone."""


@cache
def read_orders() -> tuple[Order, ...]:
    """All orders that ship with modsmith."""
    files = sorted(resources.files("modsmith.corpus.compose").joinpath("orders").iterdir(), key=lambda file: file.name)
    return tuple(Order(**entry) for file in files for entry in yaml.safe_load(file.read_text("utf-8")))
