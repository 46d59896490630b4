"""`Ratings` and `Verdict`: what a judge says about a listing, whoever or whatever the judge is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Decision = Literal["allow", "review", "disallow"]
DECISIONS: tuple[Decision, ...] = ("allow", "review", "disallow")
LEVELS = (0, 1, 2, 3, 4)
"""0 none, 1 adjacent, 2 borderline, 3 violation, 4 severe."""
SEVERE = 4
"""The rating of a violation with serious harm at its core."""
VIOLATION = 3
"""The lowest rating that breaks a category's rule."""
BORDERLINE = 2
"""The rating that asks for a person."""


class Ratings(dict[str, int]):
    """Category id -> rating 0..4, one for every category of a policy, in the policy's order."""

    @classmethod
    def full(cls, categories: Iterable[str], given: Mapping[str, int] | None = None) -> Ratings:
        """Ratings for all `categories`; those not `given` are 0. Raises `ValueError` on unknown names or levels."""
        categories = list(categories)
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            raise ValueError("ratings are a mapping, category -> number, such as {spam: 3}")
        if unknown := [name for name in given if name not in categories]:
            raise ValueError(f"unknown category {unknown[0]!r}; the policy has {', '.join(categories)}")
        for name, level in given.items():
            if isinstance(level, bool) or level not in LEVELS:
                raise ValueError(f"rating of {name} is {level!r}; a rating is a whole number from 0 to 4")
        return cls({name: int(given.get(name, 0)) for name in categories})

    @property
    def top(self) -> int:
        """The highest rating of any category (0 for none)."""
        return max(self.values(), default=0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judged listing. `None` means "not reported", never zero."""

    id: str
    decision: Decision
    ratings: Ratings | None
    """`None` when the answer did not parse."""
    scores: dict[str, float] | None
    """Category -> P(rating >= 3); `None` for judges that give no probabilities."""
    reasoning: str = ""
    evidence: list[str] = field(default_factory=list)
    """Verbatim quotes from the listing."""
    parse_ok: bool = True
    model: str = ""
    policy_version: str = ""
    windows: int = 1
    """How many windows of the listing were judged (1 unless it is long)."""
    uncalibrated: dict[str, float] | None = None
    """`scores` as they were before calibration; `None` for judges without one. Measured, never shown to users."""

    def to_record(self) -> dict[str, Any]:
        """A JSON-ready object; scores rounded to four decimals."""
        record = asdict(self)
        del record["uncalibrated"]
        if self.scores is not None:
            record["scores"] = {name: round(score, 4) for name, score in self.scores.items()}
        return record
