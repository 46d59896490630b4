"""What one run is given, and what it reports while it goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from modsmith.corpus.generate.axes import TASKS, Task
from modsmith.corpus.generate.client import Server
from modsmith.corpus.generate.cost import Account, Prices, check_budget


@dataclass(frozen=True, slots=True)
class Settings:
    """One run."""

    server: Server
    model: str
    source: str
    out: Path
    tasks: tuple[Task, ...] = TASKS
    count: int = 100
    """Listings to ask for; fewer are accepted."""
    seed: int = 0
    prices: Prices = Prices()
    budget: float | None = None
    """Dollars that everything in `out` may cost, earlier runs included."""
    second_model: str = ""
    """The second reader; the writer's model by default."""

    def __post_init__(self) -> None:
        check_budget(self.prices, self.budget)

    @property
    def tag(self) -> str:
        """Ends the ids of this run's listings, so that runs with other models or seeds can be put together."""
        return hashlib.sha256(f"{self.model}:{self.seed}".encode()).hexdigest()[:6]


@dataclass(frozen=True, slots=True)
class Status:
    """Where a run stands."""

    done: int
    total: int
    accepted: int
    paid: Account
    """What this run has paid so far."""
    ending: bool = False
    """Nothing new is asked; what is under way is awaited."""
