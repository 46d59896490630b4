"""Finding suites by name, reading their cards, loading their items."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from modsmith.corpus import Example
from modsmith.errors import UserError
from modsmith.evaluation.suites.items import Context, Item
from modsmith.policy import Policy

FOLDER = Path(__file__).parent
SUITE_METRICS = (
    "f1", "precision", "recall", "fpr", "accuracy", "twin_accuracy", "pair_accuracy", "recall_lost", "fpr_gained",
    "flipped",
)  # fmt: skip
SuiteMetric = Literal[
    "f1", "precision", "recall", "fpr", "accuracy", "twin_accuracy", "pair_accuracy", "recall_lost", "fpr_gained",
    "flipped",
]  # fmt: skip


class Card(BaseModel):
    """What stands in `card.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    question: str
    source: str
    licence: str
    labels: str
    """How its labels become ratings."""
    size: int = Field(ge=1)
    """Listings judged in a run, unless `--limit` says otherwise."""
    public: bool = False
    """Items come from a public set, whose text is never written anywhere."""
    answer: SuiteMetric
    """The number that answers the question."""
    columns: list[SuiteMetric]
    """The numbers of its table, `answer` among them."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite ready to be judged."""

    name: str
    card: Card
    items: list[Item]
    files: Mapping[str, str] = field(default_factory=dict)
    """Name -> hash of the files it was read from."""


def suite_names() -> list[str]:
    """Every suite there is, those on the corpus first."""
    found = [path.parent.name for path in FOLDER.glob("*/card.yaml")]
    return sorted(found, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


_ORDER = ["slices", "twins", "near_miss", "languages", "obfuscation", "injection", "long"]


def read_card(name: str) -> Card:
    """The card of a suite. Raises `UserError` for unknown names."""
    if name not in suite_names():
        raise UserError(f"there is no suite {name!r}; the suites are {', '.join(suite_names())}, and all")
    return Card.model_validate(yaml.safe_load((FOLDER / name / "card.yaml").read_text(encoding="utf-8")))


def load_suite(
    name: str,
    test: Sequence[Example],
    policy: Policy,
    data: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Suite:
    """Load a suite. Raises `UserError` for unknown names and `NotRunError` when it cannot be run here."""
    card = read_card(name)
    loader = importlib.import_module(f"modsmith.evaluation.suites.{name}.load")
    context = Context(test, policy, data, limit or card.size, seed)
    return Suite(name, card, loader.load(context), context.opened)
