"""The gate: models that must not pass fail for the right reason, and a good one passes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from modsmith.cli import app
from modsmith.errors import UserError
from modsmith.evaluation import summarise
from modsmith.evaluation.gate import SHEET, judge_release, read_sheet
from modsmith.evaluation.probes import fit_probes
from modsmith.evaluation.report import write_report
from modsmith.evaluation.suites import Suite
from modsmith.evaluation.suites.items import changed, unchanged
from modsmith.evaluation.suites.measure import measure_suite
from modsmith.evaluation.suites.registry import read_card
from modsmith.ratings import Verdict

_NOUNS = "lamp river stone cloud garden window paper bridge candle forest silver market coffee winter"
WORDS = _NOUNS.split()
SHEET_TEXT = """
name: test sheet
criteria:
  - {metric: precision, at_least: 0.9}
  - {metric: recall, at_least: 0.9}
  - {metric: fpr, at_most: 0.05}
  - {metric: specificity, at_least: 0.9}
  - {metric: recall, of: every category, at_least: 0.85}
  - {metric: failure_rate, at_most: 0.01}
  - {metric: f1, above: every probe}
  - {metric: twin_accuracy, at_least: 0.75}
"""


def listings(make: SimpleNamespace, seed: int, twins: int, leaky: int) -> list[Any]:
    """Twins that no layout tells apart, and listings whose violating half carries bullets."""
    rng = random.Random(seed)
    names = make.names

    def words() -> str:
        return " ".join(rng.choices(WORDS, k=20))

    examples = []
    for n in range(twins):
        for side, gold in (("a", {}), ("b", {names[n % 3]: 3})):
            examples.append(make.example(f"{seed}t{n}{side}", gold, f"{seed}t{n}", "twin", description=words()))
    for n in range(leaky):
        gold = {names[n % 3]: 3} if n % 2 else {}
        text = words() if not gold else "\n".join(f"- {word}" for word in words().split())
        examples.append(make.example(f"{seed}l{n}", gold, description=text))
    for n in range(20):
        examples.append(make.example(f"{seed}n{n}", {}, kind="near_miss", description=words()))
    return examples


def suites_of(make: SimpleNamespace, test: list[Any], model: Callable[[Any], Verdict]) -> dict[str, Any]:
    """The three suites that the shipped sheet asks for, each made of a few test listings and a changed version."""
    originals = [example for example in test if example.kind == "ordinary"][:30]
    found = {}
    for name in ("obfuscation", "injection", "long"):
        items = [*unchanged(originals), *(changed(one, "changed", title="another title") for one in originals)]
        suite = Suite(name, read_card(name), items)
        result = measure_suite(suite, [model(item.example) for item in items], make.policy(), 50)
        found[name] = {"card": suite.card.model_dump(), "listings": len(items), "systems": {"model": result}}
    return found


def measured(make: SimpleNamespace, model: Callable[[Any], Verdict], twins: int = 10, leaky: int = 200) -> Any:
    """A summary of the model beside all probes, which have learnt from listings of the same kind."""
    policy = make.policy()
    test, train = listings(make, 1, twins, leaky), listings(make, 2, twins, leaky)
    systems = {"model": [model(example) for example in test]}
    systems |= {name: probe.rate([e.listing for e in test]) for name, probe in fit_probes(train, policy).items()}
    return summarise(systems, test, policy, {}, resamples=100) | {"suites": suites_of(make, test, model)}


@pytest.fixture(scope="module")
def sheet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheet") / "sheet.yaml"
    path.write_text(SHEET_TEXT)
    return path


@pytest.fixture(scope="module")
def good(make: SimpleNamespace) -> Any:
    """A summary of a model that is always right."""
    return measured(make, lambda e: right(make, e), 60, 60)


def status(result: Any) -> dict[str, str]:
    return {line["label"]: line["status"] for line in result["lines"]}


def right(make: SimpleNamespace, example: Any) -> Verdict:
    scores = {name: 0.99 if level >= 3 else 0.001 for name, level in example.ratings.items()}
    return make.verdict(example.id, dict(example.ratings), scores)  # type: ignore[no-any-return]


def by_the_shipped_sheet(summary: Any) -> tuple[bool, dict[tuple[str, str], Any]]:
    """(passed, (label, wanted) -> line)."""
    result = judge_release(summary, read_sheet())
    return result["passed"], {(line["label"], line["wanted"]): line for line in result["lines"]}


def test_a_good_model_passes(good: Any, sheet_file: Path) -> None:
    passed, lines = by_the_shipped_sheet(good)
    assert passed and {line["status"] for line in lines.values() if not line["optional"]} == {"met"}
    result = judge_release(good, read_sheet(sheet_file))
    assert result["passed"] and set(status(result).values()) == {"met"} and result["system"] == "model"


def test_always_disallow_fails_on_what_it_flags(make: SimpleNamespace, sheet_file: Path) -> None:
    everything = dict.fromkeys(make.names, 4)
    summary = measured(make, lambda e: make.verdict(e.id, everything, dict.fromkeys(make.names, 1.0)))
    found = status(judge_release(summary, read_sheet(sheet_file)))
    assert {name for name, one in found.items() if one == "met"} == {"Recall", "Recall of every category",
                                                                     "Failed answers"}  # fmt: skip
    assert found["Precision"] == found["FPR"] == found["Specificity"] == found["Twins"] == "missed"
    passed, lines = by_the_shipped_sheet(summary)
    missed = {label for (label, _), line in lines.items() if line["status"] == "missed"}
    assert not passed and {"Precision", "FPR", "Near-miss FPR", "Twins", "ECE", "Severity kappa"} <= missed
    assert "Recall" not in missed and "Failed answers" not in missed, "nothing is wrong with these"


def test_reading_only_formatting_fails_on_twins_and_probes(make: SimpleNamespace, sheet_file: Path) -> None:
    """On a set that formatting gives away, precision, recall and FPR are fine: only what sees through it may miss."""

    def bullets(example: Any) -> Verdict:
        if example.kind == "twin" or "- " not in example.listing.description:
            return make.verdict(example.id)  # type: ignore[no-any-return]
        return make.verdict(example.id, dict(example.ratings))  # type: ignore[no-any-return]

    summary = measured(make, bullets, twins=6)
    result = judge_release(summary, read_sheet(sheet_file))
    missed = {name for name, one in status(result).items() if one == "missed"}
    assert missed == {"F1", "Twins"} and not result["passed"]
    above = next(line for line in result["lines"] if line["label"] == "F1")
    assert "formatting only" in above["found"]
    passed, lines = by_the_shipped_sheet(summary)
    missed = {line for line, one in lines.items() if one["status"] == "missed"}
    assert not passed and {("F1", "above every probe"), ("Twins", "at least 0.75")} <= missed
    assert not {label for label, _ in missed} & {"Precision", "FPR", "Near-miss FPR", "Failed answers"}


def test_unparsable_answers_fail_as_such(make: SimpleNamespace, sheet_file: Path) -> None:
    summary = measured(make, lambda e: make.unparsed(e.id))
    result = judge_release(summary, read_sheet(sheet_file))
    found = status(result)
    assert found["Failed answers"] == "missed" and found["Recall"] == found["Precision"] == "missed"
    failed = next(line for line in result["lines"] if line["label"] == "Failed answers")
    assert failed["found"].startswith("1.00"), "the reason is in the line"
    passed, lines = by_the_shipped_sheet(summary)
    assert not passed and lines["Failed answers", "at most 0.01"]["found"].startswith("1.00")
    assert lines["ECE", "at most 0.05"]["status"] != "met", "silence is not calibrated"


def test_a_few_unparsable_answers_fail_on_that_alone(make: SimpleNamespace, sheet_file: Path) -> None:
    silent = {"1l10", "1l20", "1l30"}
    summary = measured(make, lambda e: make.unparsed(e.id) if e.id in silent else right(make, e), 60, 60)
    found = status(judge_release(summary, read_sheet(sheet_file)))
    assert {name for name, one in found.items() if one == "missed"} == {"Failed answers"}
    passed, lines = by_the_shipped_sheet(summary)
    assert not passed and {label for (label, _), one in lines.items() if one["blocks"]} == {"Failed answers"}


def test_what_was_not_measured_blocks_unless_optional(good: Any, tmp_path: Path) -> None:
    summary = good | {"suites": {"gumroad": {"not_run": "there is no gumroad_listings.csv in x"}}}
    path = tmp_path / "sheet.yaml"
    for optional, passed in ((True, True), (False, False)):
        bar = f"{{metric: fpr, suite: gumroad, at_most: 0.02, optional: {str(optional).lower()}}}"
        path.write_text(f"name: s\ncriteria:\n  - {bar}\n")
        result = judge_release(summary, read_sheet(path))
        assert result["passed"] is passed and result["lines"][0]["status"] == "not measured"
        assert "no gumroad_listings.csv" in result["lines"][0]["found"]


def test_suites_and_sureness(good: Any, tmp_path: Path) -> None:
    answer = {"slice": "all", "n": 9, "recall_lost": {"value": 0.04, "low": 0.0, "high": 0.09}}
    summary = good | {"suites": {"obfuscation": {"systems": {"model": {"rows": [answer]}}}}}
    path = tmp_path / "sheet.yaml"
    for surely, wanted in (("false", "met"), ("true", "missed")):
        path.write_text(
            "name: s\ncriteria:\n"
            f"  - {{metric: recall_lost, suite: obfuscation, at_most: 0.05, surely: {surely}}}\n"
        )  # fmt: skip
        assert judge_release(summary, read_sheet(path))["lines"][0]["status"] == wanted


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: s\ncriteria: []", "at least 1 item"),
        ("name: s\ncriteria:\n  - {metric: f1}", "give one of at_least, at_most and above"),
        ("name: s\ncriteria:\n  - {metric: f1, at_least: 1, at_most: 1}", "give one of"),
        ("name: s\ncriteria:\n  - {metric: f2, at_least: 1}", "no metric 'f2'"),
        ("name: s\ncriteria:\n  - {metric: f1, at_least: 1, suite: x, of: every category}", "at most one of"),
        ("name: s\ncriteria:\n  - {metric: f1, atleast: 1}", "Extra inputs"),
        ("name: [", "not valid YAML"),
    ],
)
def test_bad_sheets_are_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_sheet(path)


def test_the_sheet_that_ships_holds_the_bars() -> None:
    bars = {(c.metric, c.suite, c.of): c for c in read_sheet().criteria if not c.above}
    assert SHEET.is_file()
    assert all(bars[name, None, None].at_least == 0.9 for name in ("precision", "recall", "f1", "specificity"))
    assert bars["kappa", None, None].at_least == 0.75 and bars["mcc", None, None].at_least == 0.8
    assert bars["recall", None, "every category"].at_least == 0.85
    assert bars["flipped", "injection", None].at_most == 0.01 and bars["fpr", "gumroad", None].at_most == 0.02


def test_the_command(make: SimpleNamespace, good: Any, sheet_file: Path, tmp_path: Path) -> None:
    write_report(good, tmp_path / "good")
    write_report(measured(make, lambda e: make.unparsed(e.id), 60, 60), tmp_path / "bad")
    run = CliRunner().invoke
    passed = run(app, ["gate", str(tmp_path / "good"), "--sheet", str(sheet_file)])
    assert passed.exit_code == 0 and "model may go out" in passed.output and passed.output.count("met  ") == 8
    shipped = run(app, ["gate", str(tmp_path / "good")])
    assert shipped.exit_code == 0 and "(modsmith acceptance sheet)" in shipped.output
    assert run(app, ["gate", str(tmp_path / "bad")]).exit_code == 1, "the shipped sheet stops it too"
    bad = run(app, ["gate", str(tmp_path / "bad" / "summary.json"), "--sheet", str(sheet_file)])
    assert bad.exit_code == 1 and "may not go out: 8 of 8" in bad.output
    unknown = run(app, ["gate", str(tmp_path / "good"), "--system", "x"])
    assert isinstance(unknown.exception, UserError) and "no system 'x'" in str(unknown.exception)
    (tmp_path / "no.json").write_text("[]")
    assert isinstance(run(app, ["gate", str(tmp_path / "no.json")]).exception, UserError)


def test_the_report_begins_with_it(good: Any, sheet_file: Path, tmp_path: Path) -> None:
    summary = good | {"acceptance": judge_release(good, read_sheet(sheet_file))}
    paths = write_report(summary, tmp_path)
    page = paths["html"].read_text("utf-8")
    assert "meets the test sheet" in page.split("<h1>")[1].split("</h1>")[0]
    assert page.index('id="acceptance"') < page.index('id="comparison"')
    assert paths["markdown"].read_text("utf-8").startswith("# model meets the test sheet")
    assert json.loads(paths["json"].read_text("utf-8"))["acceptance"]["passed"] is True


def test_a_number_near_the_bar_shows_its_side(good: Any, tmp_path: Path) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text("name: s\ncriteria:\n  - {metric: fpr, suite: x, at_most: 0.01}\n")
    for value, shown, wanted in ((0.0084, "0.008", "met"), (0.0124, "0.012", "missed"), (0.01, "0.01", "met")):
        row = {"slice": "all", "n": 9, "fpr": {"value": value, "low": None, "high": None}}
        summary = good | {"suites": {"x": {"systems": {"model": {"rows": [row]}}}}}
        line = judge_release(summary, read_sheet(path))["lines"][0]
        assert (line["found"], line["status"]) == (shown, wanted)
