"""Filters one by one, the agreement of readers, and what counts as a repeat."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modsmith.corpus import Example
from modsmith.corpus.generate.axes import AS_IT_IS, Task, draw_axes
from modsmith.corpus.generate.filters import Rejection, examine, read_first, read_second, settle
from modsmith.corpus.generate.plan import Job, Seed
from modsmith.corpus.generate.responses import Answer
from modsmith.listing import Listing
from modsmith.policy import load_policy
from modsmith.prompt import render_answer
from modsmith.ratings import Ratings

POLICY = load_policy()
BASE = Listing(
    id="s",
    title="Stream overlays, 40 pieces",
    description="Animated overlays and alerts for your channel.\n\nDrop them into the program and go live at 8:30.",
    price="$12",
    tags=("obs", "stream"),
    files=("overlays.zip",),
    language="en",
)
RETOLD = {
    "title": "40 pieces to dress up your stream",
    "description": "Overlays that move, alerts that pop.\n\nPut all of it where you broadcast; on air by 8:30 already.",
}


def job(task: Task = "violate", **axes: Any) -> Job:
    seed = Seed(BASE, "g1", violates=task == "comply", category="iptv", voice="loud")
    drawn = dataclasses.replace(draw_axes(task, BASE, "iptv", 0, 0), **axes)
    return Job(task, seed, drawn, 0, BASE)


def written(**changes: Any) -> dict[str, Any]:
    """A good violating twin, with changes; `...` leaves a key out."""
    record = {
        "title": "Stream channels, 40 pieces",
        "description": BASE.description.replace("overlays and alerts", "channels from every paid provider"),
        "price": "$12", "tags": ["obs", "stream"], "files": ["overlays.zip"], "ratings": {"iptv": 3},
        "rationale": "Sells channels of others.", "evidence": "channels from every paid provider",
    } | changes  # fmt: skip
    return {key: value for key, value in record.items() if value is not ...}


def look(record: dict[str, Any] | str, task: Task = "violate", withheld: str = "", **axes: Any) -> Example | Rejection:
    text = record if isinstance(record, str) else json.dumps(record)
    return examine(job(task, **axes), Answer(text, "m", 1, 1, withheld=withheld), POLICY, "tag")


def test_a_good_twin_passes() -> None:
    example = look(written())
    assert isinstance(example, Example)
    assert (example.id, example.twin, example.group) == ("s-violate-0-tag", "s-0-tag", "g1")
    assert (example.voice, example.listing.language, example.ratings["iptv"]) == ("loud", "en", 3)
    told = look(written(), tone="terse")
    assert isinstance(told, Example) and told.voice == "terse"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("", "refusal"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I can’t write listings like this one.", "refusal"),
        ('{"error": "As an AI I must decline"}', "refusal"),
        (written(title="Certainly! Here is the listing"), "refusal"),
        (written(rationale="This is the violating twin."), "refusal"),
        ('{"title": "half', "schema"),
        ("[]", "schema"),
        (json.dumps(written()) + "\nI hope this helps.", "schema"),
        (written(title=" "), "schema"),
        (written(price=12), "schema"),
        (written(tags="obs"), "schema"),
        (written(ratings={"iptv": "3"}), "schema"),
        (written(ratings={"iptv": True}), "schema"),
        (written(ratings={"iptv": 5}), "schema"),
        (written(ratings={"piracy": 3}), "schema"),
        (written(evidence=...), "schema"),
        (written(colour="red"), "schema"),
        (written(title="Stream channels, best-tv.xyz"), "limit: live link"),
        (written(rationale="Ring +44 20 7946 0018 22"), "limit: phone number"),
        (written(ratings={"iptv": 2}), "assignment"),
        (written(ratings={"spam": 4}), "assignment"),
        (written(evidence=""), "evidence"),
        (written(evidence="Channels from every paid provider"), "evidence"),
        (written(title=BASE.title, description=BASE.description, evidence="Animated overlays"), "unchanged"),
        (written(description="channels from every paid provider\n\nnow"), "length"),
        (written(description=f"{written()['description']} {'more ' * 40}"), "length"),
        (written(description=written()["description"].replace("\n\n", " ")), "layout"),
        (written(description=f"# Offer\n\n{written()['description']}"), "layout"),
        (written(price=""), "layout"),
        (written(files=[]), "layout"),
        (written(tags=[" "]), "layout"),
    ],
)
def test_what_is_wrong_has_a_name(record: dict[str, Any] | str, reason: str) -> None:
    found = look(record)
    assert isinstance(found, Rejection) and found.reason == reason


def retold(**changes: Any) -> dict[str, Any]:
    return written(**RETOLD, ratings={}, evidence="", rationale="Graphics for the buyer's stream.") | changes


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (retold(), None),
        (retold(ratings={"iptv": 1}), None),
        (retold(tags=["overlay", "live"]), None),
        (retold(ratings={"iptv": 3}, evidence="Overlays"), "assignment"),
        (retold(title=BASE.title, description=BASE.description), "unchanged"),
        (retold(title="50 pieces to dress up your stream"), "facts"),
        (retold(title="Pieces to dress up your stream"), "facts"),
        (retold(price="$13"), "facts"),
        (retold(files=["other.zip"]), "facts"),
    ],
)
def test_a_retelling_keeps_the_facts_and_not_the_words(record: dict[str, Any], reason: str | None) -> None:
    found = look(record, "relaunder", tone=AS_IT_IS)
    assert (found.reason if isinstance(found, Rejection) else None) == reason


def test_a_compliant_twin_is_allowed_in_every_category() -> None:
    assert isinstance(look(written(ratings={"iptv": 1}), "comply"), Example)
    assert look(written(ratings={"spam": 2}), "comply") == Rejection("assignment", "rated spam 2")


def test_what_was_withheld_is_rejected_by_its_limit() -> None:
    found = look("", withheld="instructions for harm")
    assert isinstance(found, Rejection) and found.reason == "limit: instructions for harm"


# --- readers ---------------------------------------------------------------------------------------------------------


def rated(**levels: int) -> Ratings:
    return Ratings.full(POLICY.category_ids, levels)


@pytest.mark.parametrize(
    ("task", "claimed", "first", "second", "agreed"),
    [
        ("violate", {"iptv": 3}, {"iptv": 3}, {"iptv": 3}, {"iptv": 3}),
        ("violate", {"iptv": 4}, {"iptv": 3}, {"iptv": 3}, {"iptv": 3}),
        ("violate", {"iptv": 3}, {"iptv": 3}, {"iptv": 2}, {"iptv": 3}),
        ("violate", {"iptv": 3}, {"iptv": 2}, {"iptv": 2}, None),
        ("violate", {"iptv": 4}, {"iptv": 4}, {"iptv": 2}, None),
        ("violate", {"iptv": 3}, {"iptv": 3}, {}, None),
        ("violate", {"iptv": 3}, {"iptv": 3}, {"iptv": 3, "spam": 2}, None),
        ("violate", {"iptv": 3, "spam": 3}, {"iptv": 3, "spam": 4}, {"iptv": 3, "spam": 4}, None),
        ("violate", {"iptv": 3, "spam": 1}, {"iptv": 3}, {"iptv": 3, "spam": 1}, {"iptv": 3, "spam": 1}),
        ("comply", {"iptv": 1}, {"iptv": 1}, {}, {"iptv": 1}),
        ("comply", {}, {"iptv": 1}, {}, {}),
        ("comply", {"iptv": 1}, {"iptv": 2}, {"iptv": 2}, None),
        ("comply", {"iptv": 1}, {"iptv": 2}, {"iptv": 1}, {"iptv": 1}),
        ("relaunder", {}, {}, {"spam": 2}, None),
    ],
)
def test_readers_settle_on_the_median_or_not_at_all(
    task: Task, claimed: dict[str, int], first: dict[str, int], second: dict[str, int], agreed: dict[str, int] | None
) -> None:
    found = settle(job(task), rated(**claimed), (rated(**first), rated(**second)))
    assert found == (None if agreed is None else rated(**agreed))


def test_readers_answers() -> None:
    assert read_first(render_answer(rated(iptv=3)), POLICY) == rated(iptv=3)
    assert read_first("iptv: 3", POLICY) is None
    assert read_second('{"findings": [{"rule": "iptv", "severity": 3}]}', POLICY) == rated(iptv=3)
    assert read_second('{"findings": []}', POLICY) == rated()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", '{"findings": [{"rule": "piracy", "severity": 3}]}', '{"findings": [{"rule": "iptv"}]}',
        '{"findings": [{"rule": "iptv", "severity": 9}]}', '{"findings": [], "more": 1}',
        '{"findings": [{"rule": "iptv", "severity": 1}, {"rule": "iptv", "severity": 3}]}',
    ],
)  # fmt: skip
def test_a_second_reader_who_cannot_be_read(text: str) -> None:
    assert read_second(text, POLICY) is None


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one)).map(json.dumps))
def test_no_answer_breaks_the_filters(text: str) -> None:
    assert read_first(text, POLICY) is None and read_second(text, POLICY) is None
    assert isinstance(look(text), Rejection)
