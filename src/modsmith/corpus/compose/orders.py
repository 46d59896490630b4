"""Orders to the moderator: what sellers write to be let through, from `orders/*.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from modsmith.corpus.compose.offers import read_yaml_list


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
    return tuple(Order(**entry) for entry in read_entries("orders"))


def read_entries(folder: str) -> list[Any]:
    """The entries of all YAML files in a folder beside this module, in the order of the files' names."""
    with resources.as_file(resources.files("modsmith.corpus.compose").joinpath(folder)) as path:
        return [entry for file in sorted(path.glob("*.yaml")) for entry in read_yaml_list(file, "orders file")]
