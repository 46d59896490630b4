"""What became of every job, and the files that say so. They are written whole, from all answers there are so far."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modsmith.corpus.example import Example
from modsmith.corpus.generate.plan import Job, Seeds
from modsmith.corpus.repeats import Repeats
from modsmith.files import atomic_write, write_json
from modsmith.ratings import Ratings

State = Literal["accepted", "rejected", "controversial", "open"]
GENERATED, REJECTED, CONTROVERSIAL, SUMMARY = "generated.jsonl", "rejected.jsonl", "controversial.jsonl", "summary.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One job after the run. "open": not (or not fully) answered; a later run asks again."""

    job: Job
    state: State
    reason: str = ""
    """The counted name of a rejection, or why the job is open."""
    detail: str = ""
    example: Example | None = None
    answer: str = ""
    """What the writer wrote; empty where it may not be kept."""
    claimed: Ratings | None = None
    """The writer's own ratings, where readers were asked."""
    readers: tuple[Ratings, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """A JSON-ready object for the files of what was not accepted."""
        axes = dataclasses.asdict(self.job.axes)
        rated = {"claimed": self.claimed, "readers": list(self.readers)} if self.claimed is not None else {}
        return {
            "id": self.job.name, "task": self.job.task, "seed": self.job.seed.listing.id, "reason": self.reason,
            "detail": self.detail, "axes": axes, **rated, "answer": self.answer,
        }  # fmt: skip


def drop_repeats(outcomes: Iterable[Outcome], seeds: Seeds) -> list[Outcome]:
    """Reject what repeats the source or an earlier job, in the order of jobs: the same whatever came back first."""
    repeats: Repeats | None = None
    kept: list[Outcome] = []
    for one in outcomes:
        if one.state == "accepted" and one.example is not None:
            repeats = repeats or Repeats(seeds.known)
            if not repeats.take(one.example):
                one = dataclasses.replace(one, state="rejected", reason="near duplicate", example=None)
        kept.append(one)
    return kept


def write_outcomes(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the three files of listings, each whole. Raises `UserError`."""
    _write_lines(folder / GENERATED, [one.example.to_record() for one in outcomes if one.example is not None])
    for name, state in ((REJECTED, "rejected"), (CONTROVERSIAL, "controversial")):
        _write_lines(folder / name, [one.to_record() for one in outcomes if one.state == state])


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with atomic_write(path) as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts of what became of the jobs, and of what is in the accepted ones."""
    states = Counter(one.state for one in outcomes)
    accepted = [one for one in outcomes if one.state == "accepted"]
    by: dict[str, Callable[[Outcome], object]] = {
        "task": lambda one: one.job.task,
        "category": lambda one: one.job.axes.category,
        "language": lambda one: one.job.axes.language,
        "tone": lambda one: one.job.axes.tone,
        "top_rating": lambda one: one.example.ratings.top if one.example else None,
    }
    sides = Counter(one.example.twin for one in accepted if one.example)
    return {
        "asked_for": len(outcomes),
        **{state: states[state] for state in ("accepted", "rejected", "controversial", "open")},
        "violating": sum(one.example.violates for one in accepted if one.example),
        "whole_twins": sum(count == 2 for count in sides.values()),
        "rejected_by": dict(Counter(one.reason for one in outcomes if one.state == "rejected").most_common()),
        "open_by": dict(Counter(one.reason for one in outcomes if one.state == "open").most_common()),
        "accepted_by": {name: dict(Counter(str(of(one)) for one in accepted).most_common()) for name, of in by.items()},
    }


def write_summary(folder: Path, record: dict[str, Any]) -> None:
    """Write `summary.json`. Raises `UserError`."""
    write_json(folder / SUMMARY, record)
