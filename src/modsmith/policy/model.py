"""`Policy`: the typed form of a policy file, and the rule that turns ratings or scores into a decision."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from modsmith.ratings import BORDERLINE, VIOLATION, Decision

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
CategoryId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Severity(_Strict):
    """What the two violating ratings look like in this category."""

    violation: Text
    """Rating 3: clearly breaks the rule."""
    severe: Text
    """Rating 4: as 3, with serious harm, victims or law-breaking at its core."""


class PolicyExample(_Strict):
    """A short case with its rating, for people and for models that read examples in their prompt."""

    text: Text
    rating: Annotated[int, Field(ge=0, le=4)]


class Thresholds(_Strict):
    """Probabilities at which scores turn into a decision. Lower is stricter."""

    disallow: Probability = 0.5
    """Disallow when P(rating >= 3) reaches this."""
    review: Probability = 0.5
    """Ask a person when P(rating >= 2) reaches this."""


class Costs(_Strict):
    """What the two kinds of mistake cost, in any unit; only their ratio matters. Training rewards and the
    cost-weighted error use them."""

    miss: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """A violating listing that was let through."""
    false_alarm: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """An allowed listing that was taken down."""


class Category(_Strict):
    """One thing that is not allowed."""

    id: CategoryId
    definition: Text
    """One sentence; this is what a small model reads in its prompt."""
    includes: list[Text] = []
    excludes: list[Text] = []
    severity: Severity | None = None
    examples: list[PolicyExample] = []
    thresholds: Thresholds = Thresholds()
    costs: Costs = Costs()


class Policy(_Strict):
    """A named, versioned list of categories."""

    name: Text
    version: Text
    description: str = ""
    review_counts_as_disallowed: bool = False
    """For the binary question "allowed or not": does `review` count as disallowed?"""
    overall_threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Disallow also when P(any category is violated) reaches this, although no single category reaches its own
    threshold: a listing can be surely wrong and unsurely named. `None` leaves it to the categories."""
    overall_floor: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """`overall_threshold` counts only where the likeliest category reaches this: many faint doubts are no violation.
    A title that says little earns a little of each."""
    categories: Annotated[list[Category], Field(min_length=1, max_length=64)]

    @field_validator("categories")
    @classmethod
    def _ids_differ(cls, categories: list[Category]) -> list[Category]:
        ids = [category.id for category in categories]
        if twice := [name for name in ids if ids.count(name) > 1]:
            raise ValueError(f"category id {twice[0]!r} is used twice")
        return categories

    @property
    def category_ids(self) -> list[str]:
        return [category.id for category in self.categories]

    @property
    def fingerprint(self) -> str:
        """Eight hex digits over the whole policy: two policies with the same version but other words differ here."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    @property
    def version_label(self) -> str:
        return f"{self.name}@{self.version}+{self.fingerprint}"

    def __getitem__(self, category_id: str) -> Category:
        for category in self.categories:
            if category.id == category_id:
                return category
        raise KeyError(category_id)

    def decide(
        self,
        ratings: Mapping[str, int] | None,
        scores: Mapping[str, float] | None = None,
        review_scores: Mapping[str, float] | None = None,
    ) -> Decision:
        """The decision rule.

        With `scores` (category -> P(rating >= 3)) and `review_scores` (category -> P(rating >= 2)) the policy's
        thresholds decide, each category's own and `overall_threshold` (listings rarely violate two categories, so
        P(any) is the sum of the scores, at most 1; it counts where one of them reaches `overall_floor`); without them
        the ratings do: any >= 3 disallow, else any == 2 review, else allow.
        An answer that did not parse (`ratings` is `None`) is sent to a person: it fails to `review`, as does a score
        that is not a number.
        """
        if ratings is None:
            return "review"
        if scores is not None:
            if any(scores[c.id] >= c.thresholds.disallow for c in self.categories):
                return "disallow"
            surely = self.overall_threshold is not None and sum(scores.values()) >= self.overall_threshold
            if surely and max(scores.values()) >= self.overall_floor:
                return "disallow"
            if review_scores and any(review_scores[c.id] >= c.thresholds.review for c in self.categories):
                return "review"
            if any(math.isnan(score) for score in [*scores.values(), *(review_scores or {}).values()]):
                return "review"
            return "allow"
        top = max((ratings[name] for name in self.category_ids), default=0)
        return "disallow" if top >= VIOLATION else "review" if top >= BORDERLINE else "allow"

    def is_disallowed(self, decision: Decision) -> bool:
        """The binary reading of a decision."""
        return decision == "disallow" or (decision == "review" and self.review_counts_as_disallowed)
