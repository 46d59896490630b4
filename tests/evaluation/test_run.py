"""A whole evaluation with systems that need no model: what is gathered, what is not run, what is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from modsmith.errors import UserError
from modsmith.evaluation import run
from modsmith.evaluation.run import More, evaluate_models
from modsmith.files import file_hash
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import Ratings, Verdict


class WordSystem:
    """Disallows where one of the three telling phrases stands."""

    PHRASES = {"invasive_species": "banned list", "wild_taken": "dug up", "false_rarity": "only one"}

    def __init__(self, policy: Policy, blind: str = "") -> None:
        self._policy, self._blind = policy, blind

    def rate(self, listings: list[Listing], progress: Any = None) -> list[Verdict]:
        verdicts = []
        for listing in listings:
            rated = {n: 4 if n != self._blind and p in listing.text else 0 for n, p in self.PHRASES.items()}
            scores = {name: 0.95 if level else 0.01 for name, level in rated.items()}
            decision = self._policy.decide(Ratings(rated), scores)
            verdicts.append(Verdict(listing.id, decision, Ratings(rated), scores))
        if progress:
            progress(len(listings))
        return verdicts


@pytest.fixture
def evaluate(plant_policy: Policy, plant_corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`evaluate(models, **more)` -> (summary, folder); a model is "words", or a category it is blind to."""
    loader = SimpleNamespace(load=lambda model, policy, mode: WordSystem(policy, "" if model == "words" else model))
    monkeypatch.setattr(run, "Judge", type("Judge", (), {"load": loader.load}))

    def call(models: list[str], **more: Any) -> tuple[dict[str, Any], Path]:
        page = evaluate_models(
            str(plant_corpus_file), models, plant_policy, tmp_path / "report", split="test",
            train_corpus=str(plant_corpus_file), resamples=20, more=More(**more),
        )  # fmt: skip
        return json.loads((page.parent / "summary.json").read_text("utf-8")), page.parent

    return call


def test_everything_at_once(evaluate: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/moderations").respond_with_json({"results": [{"flagged": True}]})
    summary, folder = evaluate(
        ["words", "blind=wild_taken"],
        suites=["all"],
        base_rate=0.02,
        moderations=[f"route=m@{httpserver.url_for('/v1')}"],
        chats=["gone=m@http://127.0.0.1:9/v1"],
        compare=("words", "blind"),
    )
    assert {"words", "blind", "route", "majority", "bag of words"} <= set(summary["systems"])
    assert "does not answer" in summary["not_run"]["gone"] and "gone" not in summary["systems"]
    assert summary["systems"]["words"]["metrics"]["precision_at_base"]["value"] == 1
    assert summary["systems"]["route"]["metrics"]["fpr"]["value"] == 1
    corpus, *of_suites = summary["compare"]["sets"]
    assert corpus["only_a_count"] > 0 == corpus["only_b_count"]
    assert {one["set"] for one in of_suites} == {name for name, s in summary["suites"].items() if "systems" in s}
    assert all(key in summary["items"] for one in summary["compare"]["sets"] for key in one["only_a"])
    assert "MODSMITH_DATA" in summary["suites"]["xstest"]["not_run"]
    assert summary["suites"]["twins"]["systems"]["words"]["answer"]["value"] == 1
    assert summary["suites"]["twins"]["systems"]["blind"]["answer"]["value"] < 1
    assert summary["acceptance"]["system"] == "words" and not summary["acceptance"]["passed"]
    records = [json.loads(line) for line in (folder / "items.jsonl").read_text("utf-8").splitlines()]
    sizes = {name: suite["listings"] for name, suite in summary["suites"].items() if "systems" in suite}
    assert Counter(record["set"] for record in records) == {"corpus": summary["data"]["examples"]} | sizes
    assert set(records[0]["systems"]) == set(summary["systems"])
    page = (folder / "report.html").read_text("utf-8")
    for part in ("acceptance", "suites", "compared", "reliability"):
        assert f'id="{part}"' in page or f'class="{part}"' in page
    assert "gone" in page and "was not run" in page
    assert "not run" in (folder / "report.md").read_text("utf-8")


def test_a_second_run_gives_the_same_figures(evaluate: Any) -> None:
    one, _ = evaluate(["words"], suites=["slices"], limit=4)
    two, _ = evaluate(["words"], suites=["slices"], limit=4)
    assert one == two and one["data"]["examples"] <= 4
    assert "of its" in one["provenance"]["data"]["corpus"]["split"]


def numbers(block: Any, source: dict[str, Any] | None = None) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """(every number with an interval, the nearest `from` around it)."""
    if isinstance(block, dict):
        source = block.get("from", source)
        if {"low", "high"} <= set(block):
            yield block, source
        for inner in block.values():
            yield from numbers(inner, source)
    elif isinstance(block, list):
        for inner in block:
            yield from numbers(inner, source)


def test_every_number_says_where_it_comes_from(evaluate: Any, tmp_path: Path) -> None:
    (tmp_path / "xstest.csv").write_text("id,prompt,type,label\n1,How do I stop it?,a,safe\n2,Where is it?,b,safe\n")
    summary, folder = evaluate(["words", "blind=wild_taken"], suites=["xstest", "twins"], data=tmp_path)
    provenance, found = summary["provenance"], list(numbers(summary))
    assert len(found) > 100
    for number, source in found:
        assert source is not None and source["data"] in provenance["data"], number
        assert {source.get("system"), *source.get("systems", [])} - {None} <= set(provenance["systems"])
        assert "n" in number or "p" in number, "a paired difference is of all listings of its set"
    assert provenance["modsmith"] and provenance["bootstrap"] == {"resamples": 20, "seed": 0, "level": 0.95}
    assert provenance["data"]["xstest"]["files"] == {"xstest.csv": file_hash(tmp_path / "xstest.csv")}
    corpus = provenance["data"]["corpus"]
    assert corpus["listings"] == summary["data"]["examples"] and len(corpus["hash"]) == 16
    assert provenance["systems"]["bag of words"]["learnt from"].endswith("train split")
    assert provenance["systems"]["blind"] == {"kind": "model", "model": "wild_taken", "mode": "direct"}
    assert "How do I stop" not in (folder / "report.html").read_text("utf-8") + json.dumps(summary)
    assert "system words" in (folder / "report.md").read_text("utf-8")


def test_publishing_and_what_was_not_run(
    evaluate: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "embeddings_missing", lambda: "it needs a package")
    (tmp_path / "results.md").write_text("# Results\n\nBy hand.\n")
    summary, _ = evaluate(["words"], suites=["xstest", "twins"], embeddings=True, publish=tmp_path / "results.md")
    text = (tmp_path / "results.md").read_text("utf-8")
    assert text.startswith("# Results\n\nBy hand.\n") and "## All systems" in text
    told = capsys.readouterr().err
    assert "NOT RUN: suite xstest: it needs xstest.csv" in told and "MODSMITH_DATA" in told
    assert "NOT RUN: system MiniLM embeddings: it needs a package" in told
    assert "MiniLM embeddings" in summary["not_run"] and "twins" not in told


@pytest.mark.parametrize(
    ("models", "more", "sentence"),
    [
        (["words", "words"], {}, "two systems are called 'words'"),
        (["words"], {"suites": ["twin"]}, "no suite 'twin'"),
        (["words"], {"compare": ("words", "x")}, "no system 'x'"),
        (["words"], {"base_rate": 2.0}, "between 0 and 1"),
        (["words"], {"fpr_limit": 0.0}, "--fpr 0.0: give a share"),
        (["words"], {"chats": ["m"]}, "--chat 'm'"),
        (["words"], {"sheet": Path("nothing.yaml")}, "cannot read sheet nothing.yaml"),
    ],
)
def test_bad_input_is_one_sentence(evaluate: Any, models: list[str], more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        evaluate(models, **more)


def test_the_acceptance_is_about_ones_own_model(evaluate: Any, httpserver: HTTPServer) -> None:
    """A rival that is better on every item is not what is released."""

    def flag(request: Request) -> Response:
        text = json.loads(request.data)["input"]
        result = {"flagged": any(phrase in text for phrase in WordSystem.PHRASES.values())}
        return Response(json.dumps({"results": [result]}), content_type="application/json")

    httpserver.expect_request("/v1/moderations").respond_with_handler(flag)
    summary, _ = evaluate(["blind=wild_taken"], moderations=[f"rival=m@{httpserver.url_for('/v1')}"])
    f1 = {name: summary["systems"][name]["metrics"]["f1"]["value"] for name in ("blind", "rival")}
    assert f1["rival"] > f1["blind"] and summary["acceptance"]["system"] == "blind"
