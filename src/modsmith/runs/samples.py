"""Sampled completions of a GRPO run, made ready to be read by a person.

A run can have tens of thousands. The page gets the extremes: the best and the worst by reward, by advantage and by
disagreement with the gold ratings, and the newest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from modsmith.errors import UserError
from modsmith.prompt import parse_answer

SAMPLES_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion of one listing."""

    step: int
    listing: str
    completion: str
    reward: float
    """The weighted sum that GRPO saw."""
    parts: Mapping[str, float]
    """Reward parts before their weights."""
    advantage: float | None
    gold: Mapping[str, int] | None
    predicted: Mapping[str, int] | None
    """`None` when the completion does not parse."""
    reasoning: str
    """Empty when there is none, or when the completion does not parse."""
    quotes: tuple[str, ...]
    """What the reasoning quotes."""
    example_id: str
    mode: str
    tokens: int | None

    @property
    def disagreement(self) -> int | None:
        """Sum of |predicted - gold| over the categories; `None` when either is not known."""
        if self.gold is None or self.predicted is None:
            return None
        return sum(abs(level - self.gold.get(name, 0)) for name, level in self.predicted.items())

    @property
    def invented(self) -> list[str]:
        """Quotes that do not stand in the listing."""
        return [quote for quote in self.quotes if not _quote_pattern(quote).search(self.listing)]


def read_samples(run: Path, weights: Mapping[str, float]) -> list[Sample]:
    """Every completion of RUN/completions, oldest first; none when there is no such folder. Raises `UserError` when a
    file cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    samples = []
    for path in sorted((Path(run) / "completions").glob("*.parquet")):
        try:
            rows = parquet.read_table(path).to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"cannot read the completions in {path}: {error}") from error
        samples += [_sample(row, weights) for row in rows]
    return samples


def _sample(row: Mapping[str, Any], weights: Mapping[str, float]) -> Sample:
    parts = {
        name.removeprefix("reward_"): float(value)
        for name, value in row.items()
        if name.startswith("reward_") and value is not None
    }
    gold, predicted = (json.loads(row[name]) if row.get(name) else None for name in ("gold", "predicted"))
    answer = parse_answer(row["completion"], list(predicted)) if predicted else None
    return Sample(
        step=int(row["step"]),
        listing=row.get("listing") or row["prompt"],
        completion=row["completion"],
        reward=sum(weights.get(name, 0.0) * value for name, value in parts.items()),
        parts=parts,
        advantage=row.get("advantage"),
        gold=gold,
        predicted=predicted,
        reasoning=answer.reasoning if answer else "",
        quotes=tuple(answer.quotes) if answer else (),
        example_id=row.get("example_id") or "",
        mode=row.get("mode") or "",
        tokens=row.get("tokens"),
    )


ORDERS: Mapping[str, Callable[[Sample], float | None]] = {
    "reward": lambda sample: sample.reward,
    "advantage": lambda sample: sample.advantage,
    "disagreement": lambda sample: sample.disagreement,
    "step": lambda sample: sample.step,
}


def choose_samples(samples: Sequence[Sample], count: int = SAMPLES_SHOWN) -> list[Sample]:
    """At most `count` samples: both ends of every order in turn, the newest first among equals. Of completions of one
    listing that are word for word the same, only the newest counts."""
    samples = list({(one.listing, one.completion): one for one in samples}.values())
    if len(samples) <= count:
        return samples
    ranked: list[list[int]] = []
    for key in ORDERS.values():
        known = [(value, index) for index, one in enumerate(samples) if (value := key(one)) is not None]
        rising = [index for _, index in sorted(known, key=lambda pair: (pair[0], -pair[1]))]
        ranked += [[index for _, index in sorted(known, key=lambda pair: (-pair[0], -pair[1]))], rising]
    ranked.pop()  # the oldest are of no interest
    chosen: dict[int, None] = {}
    for turn in zip_longest(*ranked):
        for index in turn:
            if index is not None and len(chosen) < count:
                chosen[index] = None
    return [samples[index] for index in sorted(chosen)]


# --- quotes ----------------------------------------------------------------------------------------------------------

_QUOTE_MARKS = "\"'“”«»‘’"


def _quote_pattern(quote: str) -> re.Pattern[str]:
    """Matches a quote as the grounding reward does: white space, case and quote marks aside."""
    words = [
        "".join(f"[{_QUOTE_MARKS}]" if char in _QUOTE_MARKS else re.escape(char) for char in word)
        for word in quote.split()
    ]
    return re.compile(r"\s+".join(words), re.IGNORECASE)


def mark_quotes(text: str, quotes: Sequence[str]) -> Markup:
    """The text, escaped, with every occurrence of a quote in `<mark>`; overlapping ones become one."""
    spans = sorted(match.span() for quote in quotes if quote.split() for match in _quote_pattern(quote).finditer(text))
    marked, at = Markup(""), 0
    for start, end in spans:
        if end <= at:
            continue
        start = max(start, at)
        marked += escape(text[at:start]) + Markup("<mark>{}</mark>").format(text[start:end])
        at = end
    return marked + escape(text[at:])
