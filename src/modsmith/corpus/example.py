"""`Example`: a listing with its gold ratings, the reason for them, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modsmith.listing import Listing
from modsmith.ratings import BORDERLINE, VIOLATION, Ratings

Kind = Literal["twin", "near_miss", "borderline", "multi", "ordinary"]
KINDS: tuple[Kind, ...] = ("twin", "near_miss", "borderline", "multi", "ordinary")
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
WEAK = "weakly allowed"
"""What `Example.source` begins with when nobody has rated the listing: that it was on sale is all that is known."""
COLLECTED = "weakly_allowed"
"""The `label` of a collected listing: the same, before it is an example."""
SCREENED = f"{WEAK}, screened"
"""The same, where a moderator has looked and found nothing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled listing. Examples of one `group` are never parted by a split."""

    listing: Listing
    ratings: Ratings
    rationale: str
    evidence: str
    """A verbatim quote from the listing; always there when a rating is 2 or more."""
    group: str
    kind: Kind
    category: str
    """The category the group was written for; empty for ordinary listings."""
    source: str
    """Where the text comes from: "written" for what ships written whole, else the file it was read from."""
    generator: str
    """Who or what wrote it: "hand-a", or a model's name."""
    voice: str = ""
    twin: str = ""
    """Names the pair that a twin belongs to, where a group holds several."""
    shell: str = ""
    """Id of the shell it is told through; empty when it was written whole."""
    evasion: str = ""
    """The disguise put on it, if any."""
    slice: str = ""
    """In the test split: what training has not seen ("unseen offer", "unseen shell", "unseen transform")."""
    split: Split | None = None

    @property
    def id(self) -> str:
        return self.listing.id

    @property
    def unit(self) -> str:
        """What batches and samples keep whole: the pair of a twin, else the example itself."""
        return (self.twin or self.group) if self.kind == "twin" else self.id

    @property
    def violates(self) -> bool:
        return self.ratings.top >= VIOLATION

    @property
    def weak(self) -> bool:
        """Has nobody rated it? Its ratings are then a guess and its rationale is no reason to learn."""
        return self.source.startswith(WEAK)

    @property
    def screened(self) -> bool:
        """Is it weak, and has a moderator found nothing in it?"""
        return self.source.startswith(SCREENED)

    def problem(self) -> str | None:
        """Why this example may not be trained on, or `None`. Evidence has to be verbatim and, except
        where there is little to quote from, not the whole listing."""
        if self.ratings.top >= BORDERLINE and not self.evidence:
            return "a rating of 2 or more needs an evidence quote"
        if self.evidence and self.evidence not in self.listing.text:
            return f"the evidence {self.evidence!r} is not in the listing"
        if len(self.evidence.split()) > 15 and len(self.evidence) > 0.9 * len(self.listing.text.strip()):
            return "the evidence is the whole listing; quote only the words that decide"
        if not self.rationale.strip():
            return "the rationale is missing"
        return None

    def to_record(self) -> dict[str, Any]:
        """A flat JSON-ready object with every column always present, so that tables keep one schema."""
        listing = self.listing
        return {
            "id": listing.id,
            "title": listing.title,
            "description": listing.description,
            "price": listing.price,
            "tags": list(listing.tags),
            "files": list(listing.files),
            "language": listing.language,
            "seller": listing.seller,
            "url": listing.url,
            "ratings": dict(self.ratings),
            "rationale": self.rationale,
            "evidence": self.evidence,
            "group": self.group,
            "kind": self.kind,
            "category": self.category,
            "source": self.source,
            "generator": self.generator,
            "voice": self.voice,
            "twin": self.twin,
            "shell": self.shell,
            "evasion": self.evasion,
            "slice": self.slice,
            "split": self.split,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], categories: Sequence[str], source: str, line: int = 0) -> Example:
        """Build an example from `to_record`'s form. Only a listing and `ratings` are required; a group that is not
        given is the listing's own id. Raises `ValueError` with one sentence."""
        if not isinstance(record, Mapping) or not isinstance(record.get("ratings"), Mapping):
            raise ValueError('an example needs `ratings`, an object such as {"spam": 3}')
        listing_part = {key: value for key, value in record.items() if key not in _GOLD_FIELDS}
        listing = Listing.from_record(listing_part, default_id=f"line-{line}")
        given = {str(name): level for name, level in record["ratings"].items() if level is not None}
        ratings = Ratings.full(categories, given)
        kind = record.get("kind") or "ordinary"
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
        split = record.get("split")
        if split is not None and split not in SPLITS:
            raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
        category = record.get("category")
        if category is None:
            category = max(ratings, key=ratings.__getitem__) if ratings.top else ""
        return cls(
            listing=listing,
            ratings=ratings,
            rationale=str(record.get("rationale") or ""),
            evidence=str(record.get("evidence") or ""),
            group=str(record.get("group") or listing.id),
            kind=kind,
            category=str(category),
            source=str(record.get("source") or source),
            generator=str(record.get("generator") or "unknown"),
            voice=str(record.get("voice") or ""),
            twin=str(record.get("twin") or ""),
            shell=str(record.get("shell") or ""),
            evasion=str(record.get("evasion") or ""),
            slice=str(record.get("slice") or ""),
            split=split,
        )


_GOLD_FIELDS = {
    "ratings",
    "rationale",
    "evidence",
    "group",
    "kind",
    "category",
    "source",
    "generator",
    "voice",
    "twin",
    "shell",
    "evasion",
    "slice",
    "split",
}
