"""What a generated listing has to pass. Every rejection has a name that is counted.

| reason | what is rejected |
|---|---|
| refusal | the model declines, or talks about itself or the task |
| schema | the answer is not exactly the JSON object that was asked for |
| limit: ... | the content limits of `modsmith.corpus.limits` |
| assignment | the writer's own ratings are not those asked for: 3 or 4 in the category, or at most 1 in all |
| evidence | no quote where one is needed, or one that is not in the listing letter for letter |
| unchanged | the twin is its seed again; the retelling shares 80 % of its word triples |
| facts | a retelling with other numbers, another price or other file names |
| length, layout | the seed's length within a factor, its layout class, the same fields filled |
| judge | a reader's answer does not parse |
| near duplicate | 80 % of the word triples of a listing of another group, the very text of one of its own (`repeats`) |

Two blind readers must agree with each other and with the writer (`settle`); where they do not, the listing is
controversial and nothing is learnt from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from modsmith.corpus.audit.checks import is_meta_talk
from modsmith.corpus.example import Example
from modsmith.corpus.generate.axes import AS_IT_IS
from modsmith.corpus.generate.plan import Job
from modsmith.corpus.generate.responses import Answer
from modsmith.corpus.generate.shape import fields_of, layout_of, length_bounds, words_of
from modsmith.corpus.limits import broken_limit
from modsmith.corpus.similar import SIMILAR, Sketch, same_text
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.prompt import parse_answer
from modsmith.ratings import VIOLATION, Ratings

_Level = Annotated[int, Field(ge=0, le=4)]
_Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Written(_Strict):
    """The writer's answer."""

    title: _Said
    description: str
    price: str
    tags: list[str]
    files: list[str]
    ratings: dict[str, _Level]
    rationale: _Said
    evidence: str


class _Finding(_Strict):
    rule: str
    severity: _Level


class _Findings(_Strict):
    findings: list[_Finding]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a listing is not taken: the counted name, and what exactly was found."""

    reason: str
    detail: str = ""


def examine(job: Job, answer: Answer, policy: Policy, tag: str) -> Example | Rejection:
    """The writer's answer as an example, after every filter that needs no server. `tag` ends its id."""
    if answer.withheld:
        return Rejection(f"limit: {answer.withheld}", "the text is not kept")
    try:
        written = Written.model_validate_json(answer.text)
        ratings = Ratings.full(policy.category_ids, written.ratings)
    except ValidationError as error:
        if not answer.text or _declines(answer.text):
            return Rejection("refusal", answer.text[:200])
        first = error.errors()[0]
        return Rejection("schema", f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip())
    except ValueError as error:
        return Rejection("schema", str(error))
    example = _example(job, written, ratings, answer.model, tag)
    spoken = f"{example.listing.text}\n{example.rationale}"
    if is_meta_talk(spoken.replace("’", "'")):
        return Rejection("refusal", "the model talks about itself or the task")
    if limit := broken_limit(spoken):
        return Rejection(f"limit: {limit}")
    if not _as_assigned(example, job):
        return Rejection("assignment", f"rated {_above_zero(ratings)}")
    if problem := example.problem():
        return Rejection("evidence", problem)
    return _beside_base(job, example.listing) or example


_DECLINES = re.compile(
    r"\W*(?:i'm )?(?:sorry|unable|not able)\b|\W*i (?:can't|cannot|can not|won't|will not)\b", re.IGNORECASE
)


def _declines(text: str) -> bool:
    """Of an answer that is not what was asked for: is it a refusal?"""
    text = text.replace("’", "'")
    return bool(_DECLINES.match(text)) or is_meta_talk(text)


def _example(job: Job, written: Written, ratings: Ratings, model: str, tag: str) -> Example:
    seed, axes = job.seed, job.axes
    listing = Listing(
        id=f"{job.name}-{tag}",
        title=written.title,
        description=written.description.strip(),
        price=written.price.strip(),
        tags=tuple(text for one in written.tags if (text := one.strip())),
        files=tuple(text for one in written.files if (text := one.strip())),
        language=seed.listing.language,
    )
    return Example(
        listing=listing,
        ratings=ratings,
        rationale=" ".join(written.rationale.split()),
        evidence=written.evidence.strip(),
        group=seed.group,
        kind="twin",
        category=axes.category,
        source="generated",
        generator=model,
        voice=(seed.voice or AS_IT_IS) if axes.tone == AS_IT_IS else axes.tone,
        twin=f"{seed.listing.id}-{job.round}-{tag}",
        split="train",
    )


def _as_assigned(example: Example, job: Job) -> bool:
    if job.task == "violate":
        return example.ratings[job.axes.category] >= VIOLATION
    return example.ratings.top <= 1


def _above_zero(ratings: Ratings) -> str:
    return ", ".join(f"{name} {level}" for name, level in ratings.items() if level) or "all 0"


# --- beside the listing it was made from -----------------------------------------------------------------------------


def _beside_base(job: Job, listing: Listing) -> Rejection | None:
    base = job.base
    if job.task == "relaunder":
        if (overlap := Sketch(listing).overlap(Sketch(base))) >= SIMILAR:
            return Rejection("unchanged", f"{overlap:.0%} of the word triples")
        if difference := _lost_facts(base, listing):
            return Rejection("facts", difference)
    elif same_text(listing) == same_text(base):
        return Rejection("unchanged")
    fewest, most = length_bounds(words_of(base))
    if not fewest <= words_of(listing) <= most:
        return Rejection("length", f"{words_of(listing)} words, not {fewest} to {most}")
    if (found := layout_of(listing.description)) != (wanted := layout_of(base.description)):
        return Rejection("layout", f"{found}, not {wanted}")
    if (filled := fields_of(listing)) != fields_of(base):
        return Rejection("layout", f"fields filled: {', '.join(filled) or 'none'}")
    return None


def _lost_facts(base: Listing, listing: Listing) -> str:
    before, after = (set(re.findall(r"\d+(?:[.,:]\d+)*", f"{one.title}\n{one.description}")) for one in (base, listing))
    if before != after:
        return f"numbers lost: {sorted(before - after)}, added: {sorted(after - before)}"
    if base.price != listing.price:
        return f"price {listing.price!r}, not {base.price!r}"
    return "" if set(base.files) == set(listing.files) else "other file names"


# --- two blind readers -----------------------------------------------------------------------------------------------


def read_first(text: str, policy: Policy) -> Ratings | None:
    """The first reader's answer, or `None` when it does not parse."""
    return parse_answer(text, policy.category_ids).ratings


def read_second(text: str, policy: Policy) -> Ratings | None:
    """The second reader's answer, or `None` when it does not parse, names an unknown rule or one rule twice."""
    try:
        findings = _Findings.model_validate_json(text).findings
        given = {one.rule: one.severity for one in findings}
        return Ratings.full(policy.category_ids, given) if len(given) == len(findings) else None
    except ValueError:  # pydantic's ValidationError is one
        return None


def settle(job: Job, claimed: Ratings, readers: Sequence[Ratings]) -> Ratings | None:
    """The ratings to learn: per category the median of the writer's and the readers'. `None` when they disagree: a
    category rated more than 1 apart, a reader who finds another category worse than the assigned one, or a median on
    the other side of the line."""
    every = [claimed, *readers]
    levels = {name: [ratings[name] for ratings in every] for name in claimed}
    if any(max(given) - min(given) > 1 for given in levels.values()):
        return None
    agreed = Ratings({name: median_low(given) for name, given in levels.items()})
    if job.task != "violate":
        return agreed if agreed.top <= 1 else None
    category = job.axes.category
    same = all(reader[category] == reader.top for reader in readers)
    return agreed if same and agreed[category] >= VIOLATION else None
