"""The mistakes: which are kept, in which order, what is told of them, and what the page makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modsmith.evaluation import summarise
from modsmith.evaluation.judged import CORPUS, Judged
from modsmith.evaluation.mistakes import MISTAKES, SUITE_MISTAKES, describe_items, find_mistakes
from modsmith.evaluation.page_items import marked, show
from modsmith.evaluation.report import write_report


@pytest.fixture
def judged(make: SimpleNamespace) -> Judged:
    """By cost (misses 1, 1, 2; false alarms 3, 1, 1) times distance: alarm, costly, silent, far, near, elsewhere."""
    examples = [
        make.example("fine", {"iptv": 3}),
        make.example("near", {"iptv": 3}),
        make.example("far", {"iptv": 3}),
        make.example("costly", {"phishing": 4, "iptv": 1}, title="A costly <b>bank</b> page", price="$3"),
        make.example("alarm", {}),
        make.example("silent", {"iptv": 3}),
        make.example("elsewhere", {"iptv": 3}),
    ]
    verdicts = [
        make.verdict("fine", {"iptv": 3}, {"iptv": 0.9}),
        make.verdict("near", {"iptv": 1}, {"iptv": 0.45}),
        make.verdict("far", {}, {"iptv": 0.01}),
        make.verdict("costly", {"iptv": 2}, {"phishing": 0.1}),
        make.verdict("alarm", {"spam": 3}, {"spam": 0.8}),
        make.unparsed("silent"),
        make.verdict("elsewhere", {"spam": 3}, {"spam": 0.7}),
    ]
    return Judged(CORPUS, examples, {"s": verdicts})


def test_worst_first(make: SimpleNamespace, judged: Judged) -> None:
    found = find_mistakes([judged], "s", make.policy())
    assert found["worst"] == [
        {"item": "alarm", "type": "false alarm", "categories": ["spam"]},
        {"item": "costly", "type": "miss", "categories": ["phishing"]},
        {"item": "silent", "type": "no answer", "categories": ["iptv"]},
        {"item": "far", "type": "miss", "categories": ["iptv"]},
        {"item": "near", "type": "miss", "categories": ["iptv"]},
        {"item": "elsewhere", "type": "wrong category", "categories": ["iptv"]},
    ]
    assert found["counts"] == {CORPUS: {"false alarm": 1, "miss": 3, "no answer": 1, "wrong category": 1}}


def test_an_item_is_told_whole(make: SimpleNamespace, judged: Judged) -> None:
    item = describe_items([judged], ["costly"])["costly"]
    assert item["gold"] == {"iptv": 1, "phishing": 4} and item["rationale"] == "because"
    assert item["listing"]["title"] == "A costly <b>bank</b> page" and item["listing"]["price"] == "$3"
    said = item["said"]["s"]
    assert said["ratings"] == {"spam": 0, "iptv": 2, "phishing": 0} and said["scores"]["phishing"] == 0.1
    assert describe_items([judged], ["silent"])["silent"]["said"]["s"]["decision"] == "no answer"


def test_mistakes_are_capped_and_counted_in_full(make: SimpleNamespace) -> None:
    examples = [make.example(str(n), {"spam": 3}) for n in range(MISTAKES + 5)]
    verdicts = {"s": [make.verdict(example.id) for example in examples]}
    found = find_mistakes([Judged(CORPUS, examples, verdicts), Judged("long", examples, verdicts)], "s", make.policy())
    items = [one["item"] for one in found["worst"]]
    assert sum(item.startswith("long/") for item in items) == SUITE_MISTAKES and len(items) == MISTAKES + SUITE_MISTAKES
    assert found["counts"]["long"] == {"miss": MISTAKES + 5}


def page_of(make: SimpleNamespace, sets: list[Judged], folder: Path) -> tuple[str, Any]:
    summary = summarise(sets[0].verdicts, sets[0].examples, make.policy(), {}, resamples=10)
    mistakes = summary["systems"]["s"]["mistakes"] = find_mistakes(sets, "s", make.policy())
    summary["items"] = describe_items(sets, [one["item"] for one in mistakes["worst"]])
    return write_report(summary, folder)["html"].read_text("utf-8"), summary


def test_the_page_shows_text_gold_and_every_systems_ratings(
    make: SimpleNamespace, judged: Judged, tmp_path: Path
) -> None:
    from dataclasses import replace

    judged.examples[3] = replace(judged.examples[3], evidence="<b>bank</b>")  # type: ignore[index]
    judged.verdicts["other"] = [make.verdict(example.id, {"phishing": 1}) for example in judged.examples]
    page, _ = page_of(make, [judged], tmp_path)
    article = next(part for part in page.split("<article")[1:] if "id <bdi>costly<" in part).split("</article>")[0]
    assert "A costly <mark>&lt;b&gt;bank&lt;/b&gt;</mark> page" in article, "the quote is marked, and escaped"
    assert "because" in article and "<details" in article and "$3" in article
    rows = article.split("<tbody>")[1].replace("\n", "")
    assert '<th scope="col">iptv</th><th scope="col">phishing</th>' in article, (
        "spam, which nobody suspects, is left out"
    )
    assert '<th scope="row">gold</th><td></td><td>1</td><td>4</td>' in rows
    assert "<bdi>s</bdi></th><td>allow, score 0.10</td><td>2 · 0.00</td><td>0 · 0.10</td>" in rows
    assert "<bdi>other</bdi></th><td>allow</td><td>0</td><td>1</td>" in rows
    assert 'data-type="miss" data-rank="1"' in article and 'data-place="corpus|"' in article


def test_public_text_never_reaches_a_report(make: SimpleNamespace, judged: Judged, tmp_path: Path) -> None:
    from dataclasses import replace

    theirs = replace(make.example("x7", {"spam": 3}, title="their own words"), slice="counter speech")
    verdict = replace(make.verdict("x7"), evidence=["their own"], reasoning="It says their own words.")
    public = Judged("hatecheck", [theirs], {"s": [verdict]}, text_stays=True)
    page, summary = page_of(make, [judged, public], tmp_path)
    assert "hatecheck/x7" in summary["items"]
    for text in (page, json.dumps(summary), (tmp_path / "report.md").read_text("utf-8")):
        assert "their own" not in text
    assert "x7" in page and "counter speech" in page and "whose text is not shown" in page


def test_marking_keeps_text_text() -> None:
    assert marked("a <i> b <i>", "<i>") == "a <mark>&lt;i&gt;</mark> b &lt;i&gt;"
    assert marked("a <i>", "absent") == marked("a <i>", "") == "a &lt;i&gt;"


def test_an_item_without_answers_is_still_shown() -> None:
    shown = show({"id": "1", "set": "long", "slice": "deep_tail", "gold": {}, "listing": None}, ["s"])
    assert (shown.gold, shown.where, shown.rows, shown.place) == (
        "allowed",
        "suite long · deep tail",
        [],
        "long|deep_tail",
    )
