"""The report: what it says in words, what it writes, and that untrusted listing text stays text."""

from __future__ import annotations

import io
import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from modsmith.errors import UserError
from modsmith.evaluation.labels import COLUMNS, METRICS
from modsmith.evaluation.report import (
    comparison_markdown,
    find,
    is_probe,
    print_comparison,
    write_report,
)

CATEGORIES = (
    "harassment", "adult_content", "spam", "non_fiat_currency", "weapon_components", "government_services", "gambling",
    "iptv", "phishing",
)  # fmt: skip
EVIL = '<script>alert("x")</script><img src="https://evil.example/p.png" onerror="alert(1)">'


def around(value: float | None, half: float = 0.05) -> dict[str, float] | None:
    """A metric with an interval, as `evaluation/summary.py` writes it."""
    return None if value is None else {"value": value, "low": value - half, "high": min(1.0, value + half)}


def make_system(f1: float, seed: int, scores: bool = True, ratings: bool = True, mistakes: int = 0) -> dict[str, Any]:
    """A believable system whose numbers all follow from its F1."""
    rng = random.Random(seed)
    fn, fp = round(94 * (1 - f1)), round(181 * (1 - f1) * 0.42)
    near = min(1.0, 1.6 * fp / 181)
    metrics: dict[str, tuple[float | None, float]] = {
        "f1": (f1, 0.05), "precision": ((94 - fn) / (94 - fn + fp), 0.05), "recall": ((94 - fn) / 94, 0.05),
        "fpr": (fp / 181, 0.03), "accuracy": (1 - (fn + fp) / 275, 0.04), "kappa": (f1 - 0.09, 0.07),
        "mcc": (f1 - 0.08, 0.07), "twin_accuracy": (max(0.1, 1.9 * f1 - 0.8), 0.09), "near_miss_fpr": (near, 0.06),
        "ordinary_fpr": (near / 7, 0.01), "cost_error": (0.5 - 0.45 * f1, 0.04),
    }  # fmt: skip
    of_ratings = {"severity_kappa": (f1 - 0.05, 0.08), "severity_mae": (0.9 - 0.7 * f1, 0.06),
                  "parse_rate": (0.996, 0.004), "top_category": (f1 - 0.02, 0.05)}  # fmt: skip
    of_scores = {"auroc": (0.45 + 0.55 * f1, 0.03), "auprc": (0.3 + 0.68 * f1, 0.05), "brier": (0.25 - 0.2 * f1, 0.02)}
    metrics |= {name: pair if ratings else (None, 0.0) for name, pair in of_ratings.items()}
    metrics |= {name: pair if scores else (None, 0.0) for name, pair in of_scores.items()}
    per_category: dict[str, Any] = {}
    for place, category in enumerate(CATEGORIES):
        value = min(1.0, max(0.05, f1 + rng.uniform(-0.17, 0.12)))
        per_category[category] = {"f1": around(value, 0.11), "recall": around(value), "support": 8 + place}
    cells = [[2210, 12, 3, fp // 2, 1], [14, 17, 5, fp - fp // 2, 0], [4, 5, 11, 4, 1], [fn // 2, 3, 4, 38, 12],
             [fn // 3, 1, 2, 9, 27]]  # fmt: skip
    histogram = {
        "edges": [i / 20 for i in range(21)],
        "allowed": [round(60 * 0.62**i) + rng.randint(0, 3) for i in range(20)],
        "violating": [round(30 * 0.74 ** (19 - i)) + rng.randint(0, 1) for i in range(20)],
    }
    return {
        "metrics": {name: around(value, half) for name, (value, half) in metrics.items()},
        "per_category": per_category,
        "confusion": {"tp": 94 - fn, "fp": fp, "fn": fn, "tn": 181 - fp},
        "rating_confusion": cells if ratings else None,
        "score_histogram": histogram if scores else None,
        "mistakes": {
            "counts": {"corpus": {"miss": mistakes}},
            "worst": [{"item": f"i-{i}", "type": kind_of_mistake(i), "categories": []} for i in range(mistakes)],
        },
    }


TITLES = (
    ("Stream like a pro: 4,000 channels", "iptv", "every match, works on Firestick"),
    ("Solid gains from zero: 6 calls a week", "non_fiat_currency", "you hold our token before the listing pump"),
    ("Citizenship-interview pack", "government_services", "this month's real officer answer sheet"),
    ("Blow-out weekend tips", "gambling", "sure odds, settled before kick-off"),
    ("Kit de verificación para clientes", "phishing", "página idéntica a la del banco"),
)


def kind_of_mistake(place: int) -> str:
    return "no answer" if place == 7 else "false alarm" if place % 3 == 1 else "miss"


def make_item(place: int, systems: Any) -> dict[str, Any]:
    title, category, quote = TITLES[place % len(TITLES)]
    missed = kind_of_mistake(place) != "false alarm"
    said = {
        "decision": "allow" if missed else "disallow",
        "score": 0.2 if missed else 0.8,
        "ratings": {category: 1 if missed else 3},
        "scores": {category: 0.2 if missed else 0.8},
        "evidence": [quote],
        "reasoning": "Delivers what the title says, at once.",
    }
    return {
        "set": "corpus",
        "id": f"i-{place}",
        "group": f"{category}-a-{place:03d}",
        "kind": "twin" if missed else "near_miss",
        "slice": "unseen offer" if place % 2 else "",
        "gold": {category: 3 + place % 2 if missed else 1},
        "listing": {
            "title": EVIL if place == 4 else title,
            "description": f"What you get: {quote}. Nothing else.",
            "price": "$9",
            "tags": ["a", "b"],
            "files": [],
        },
        "quote": quote,
        "rationale": f'Promises "{quote}".',
        "said": {name: said for name in systems},
    }


def make_summary() -> dict[str, Any]:
    """A whole summary: four models, five probes, with numbers missing where they would be."""
    return {
        "provenance": {
            "date": "2026-11-23",
            "command": "modsmith evaluate --model runs/grpo --corpus corpus/ --split test --baselines all",
            "model": "runs/grpo",
            "base": "SmolLM2-135M-Instruct",
            "corpus_hash": "b3f1c09a77d2",
            "policy_version": "marketplace 1.0",
            "seed": 7,
            "versions": {"modsmith": "0.1.0", "torch": "2.9.1", "trl": "1.16.0"},
        },
        "data": {
            "examples": 275,
            "groups": 171,
            "violating": 94,
            "kinds": {"twin": 176, "near_miss": 38, "borderline": 14, "multi": 7, "ordinary": 40},
            "by_category": {name: 20 + 3 * place for place, name in enumerate(CATEGORIES)},
        },
        "systems": {
            "base, zero-shot": make_system(0.31, 1, mistakes=30),
            "sft-direct": make_system(0.79, 2, mistakes=24),
            "sft-think": make_system(0.76, 3, scores=False, mistakes=28),
            "sft+grpo-think": make_system(0.82, 4, mistakes=22),
            "majority class": make_system(0.0, 5, scores=False, ratings=False)
            | {"metrics": {"f1": {"value": 0.0, "low": 0.0, "high": 0.0}, "precision": None, "recall": around(0.0, 0)}},
            "length only": make_system(0.36, 6, ratings=False),
            "formatting only": make_system(0.41, 7, ratings=False),
            "function words": make_system(0.47, 8, ratings=False),
            "bag of words": make_system(0.64, 9, ratings=False, mistakes=40),
        },
        "items": {f"i-{place}": make_item(place, ("sft+grpo-think", "bag of words")) for place in range(40)},
        "paired": [
            {
                "a": a,
                "b": b,
                "metric": metric,
                "difference": difference,
                "low": low,
                "high": high,
                "p": p,
                "p_holm": None if p is None else min(1.0, 4 * p),
            }
            for a, b, metric, difference, low, high, p in (
                ("sft+grpo-think", "bag of words", "f1", 0.18, 0.1, 0.26, 0.0002),
                ("sft+grpo-think", "sft-direct", "f1", 0.03, -0.02, 0.08, 0.21),
                ("sft-think", "sft-direct", "f1", -0.03, -0.07, -0.01, 0.03),
                ("sft+grpo-think", "bag of words", "fpr", -0.09, -0.14, -0.03, 0.002),
                ("sft+grpo-think", "sft-direct", "twin_accuracy", None, None, None, None),
            )
        ],
    }


def make_training() -> dict[str, list[dict[str, Any]]]:
    rng = random.Random(3)
    sft: list[dict[str, Any]] = [
        {"step": step, "loss": 0.2 + 2.1 * 0.985**step + rng.uniform(-0.07, 0.07)} for step in range(1, 301)
    ]
    sft += [
        {"step": step, "held_out/f1": 0.8 - 0.75 * 0.99**step, "held_out/recall": 0.83 - 0.8 * 0.99**step}
        for step in range(0, 301, 50)
    ]
    grpo = [
        {
            "step": step,
            "loss": 0.0,
            "reward/total": 1.1 + 0.5 * (1 - 0.985**step) + rng.uniform(-0.2, 0.2),
            "reward/verdict": 0.6 + 0.25 * (1 - 0.98**step) + rng.uniform(-0.1, 0.1),
            "reward/grounded": 0.3 + 0.2 * (1 - 0.99**step) + rng.uniform(-0.05, 0.05),
            **({"held_out/f1": 0.78 + 0.04 * step / 120} if step % 20 == 0 else {}),
        }
        for step in range(1, 121)
    ]
    return {"sft": sft, "grpo": grpo}


class Page(HTMLParser):
    """What a browser would see: tags, attributes, visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_report(make_summary(), tmp_path_factory.mktemp("report") / "new", make_training())


@pytest.fixture(scope="module")
def html(written: dict[str, Path]) -> str:
    return written["html"].read_text(encoding="utf-8")


# --- files -----------------------------------------------------------------------------------------------------------


def test_writes_three_files(written: dict[str, Path]) -> None:
    assert {kind: path.name for kind, path in written.items()} == {
        "json": "summary.json",
        "markdown": "report.md",
        "html": "report.html",
    }
    assert json.loads(written["json"].read_text()) == json.loads(json.dumps(make_summary()))
    assert sorted(path.name for path in written["json"].parent.iterdir()) == [
        "report.html",
        "report.md",
        "summary.json",
    ]


def test_a_failed_page_leaves_the_old_report_untouched(tmp_path: Path) -> None:
    write_report(make_summary(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="no systems"):
        write_report({"systems": {}}, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_not_a_number_becomes_null_and_numpy_is_unpacked(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    summary = {
        "systems": {
            "model \ud800": {
                "metrics": {"f1": {"value": numpy.float32(0.5), "low": float("nan"), "high": float("inf")}},
                "rating_confusion": numpy.eye(5, dtype=int),
            }
        }
    }
    paths = write_report(summary, tmp_path)
    system = json.loads(paths["json"].read_text())["systems"]["model ?"]
    assert system["metrics"]["f1"] == {"value": 0.5, "low": None, "high": None}
    assert system["rating_confusion"][1] == [0, 1, 0, 0, 0]


def test_a_summary_with_only_a_name_still_makes_a_page(tmp_path: Path) -> None:
    page = write_report({"systems": {"model": {}}, "provenance": {"seed": 7041}}, tmp_path)["html"].read_text()
    assert "No system could be scored" in page
    assert "7041" in page


# --- the page --------------------------------------------------------------------------------------------------------


def test_page_loads_nothing(html: str) -> None:
    for tag, attributes in Page(html).tags:
        assert tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}
        for name in ("src", "href", "action", "srcset", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, name)
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert "fetch(" not in html


def test_listing_text_is_only_ever_text(html: str) -> None:
    page = Page(html)
    assert EVIL in page.text
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_only_the_own_script_may_run(html: str) -> None:
    import base64
    import hashlib

    policy = next(a["content"] for _, a in Page(html).tags if a.get("http-equiv") == "Content-Security-Policy")
    script = html[html.index("<script>") + len("<script>") : html.rindex("</script>")]
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in (
        policy or ""
    )
    assert "default-src 'none'" in (policy or "")


def test_every_untrusted_field_is_escaped(tmp_path: Path) -> None:
    summary = make_summary()
    one = make_item(0, [EVIL])
    one |= {key: EVIL for key in ("set", "id", "group", "kind", "slice", "quote", "rationale")}
    one |= {"gold": {EVIL: 4}, "listing": {"title": EVIL, "description": EVIL, "price": EVIL, "tags": [EVIL]}}
    one["said"][EVIL] = {"decision": EVIL, "ratings": {EVIL: 3}, "evidence": [EVIL], "reasoning": EVIL}
    worst = [{"item": EVIL, "type": EVIL, "categories": [EVIL]}]
    summary["items"] = {EVIL: one}
    summary["compare"] = {"a": EVIL, "b": EVIL, "sets": [
        {"set": EVIL, "listings": 1, "both_right": 0, "both_wrong": 0, "mcnemar_p": 1.0, "only_a": [EVIL], "only_b": [],
         "only_a_count": 1, "only_b_count": 0}
    ]}  # fmt: skip
    summary["systems"] = {EVIL: make_system(0.7, 1) | {"mistakes": {"counts": {EVIL: {EVIL: 1}}, "worst": worst},
                                                       "per_category": {EVIL: {"f1": 0.5}}}}  # fmt: skip
    summary["paired"] = [{"a": EVIL, "b": EVIL, "metric": EVIL, "difference": 0.1, "low": 0.0, "high": 0.2, "p": 0.1}]
    summary["provenance"] = {EVIL: EVIL, "date": EVIL, "versions": {EVIL: EVIL}}
    training = {EVIL: [{"step": 1, f"reward/{EVIL}": 0.5}, {"step": 2, f"reward/{EVIL}": 0.6}]}
    paths = write_report(summary, tmp_path, training)
    page = Page(paths["html"].read_text())
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == ["script"]
    assert page.text.count("<script>alert") > 20
    markdown = paths["markdown"].read_text()
    assert not re.search(r"(?<!\\)<(?!/?sub>|0\.001)", markdown)
    assert "https://" not in markdown


def test_missing_numbers_say_why(html: str) -> None:
    assert f'<abbr title="{METRICS["precision"].missing}">n/a</abbr>' in html
    assert f'<abbr title="{METRICS["severity_kappa"].missing}">n/a</abbr>' in html
    assert "None" not in Page(html).text
    assert "nan" not in Page(html).text.split()


def test_the_best_system_is_shown_and_every_model_can_be_chosen(html: str) -> None:
    tags = Page(html).tags
    options = [a for tag, a in tags if tag == "option" and (a.get("value") or "").isdigit()]
    panes = [a for _, a in tags if "data-pane" in a]
    assert len(options) == 2 * 5  # four models and bag of words, in two selects
    assert [a["data-pane"] for a in panes if "hidden" not in a] == ["0", "0"]  # the closer look, the count of mistakes
    assert [a["value"] for a in options if "selected" in a] == ["0", "0"]


def test_long_lists_of_mistakes_are_cut_and_say_so(tmp_path: Path) -> None:
    summary = {"systems": {"model": make_system(0.5, 1, mistakes=320)}}
    summary["items"] = {f"i-{place}": make_item(place, ["model"]) for place in range(320)}
    page = Page(write_report(summary, tmp_path)["html"].read_text())
    assert sum(tag == "article" for tag, _ in page.tags) == 300
    assert "the first 300 of 320 on this page" in page.text


# --- the verdict -----------------------------------------------------------------------------------------------------


def test_verdict_names_the_best_model_and_bag_of_words() -> None:
    finding = find(make_summary())
    assert finding.headline == "sft+grpo-think clearly beats bag of words: F1 0.82 against 0.64."
    assert "+0.18 (+0.10 to +0.26, p < 0.001)" in finding.facts[0].text
    assert [fact.figure for fact in finding.facts[1:3]] == ["17", "14"]
    assert finding.facts[1].note == "of 94 violating"
    assert "runner-up is sft-direct" in finding.cautions[0]
    assert "chance" in finding.cautions[0]


@pytest.mark.parametrize(
    ("model", "paired", "expected"),
    [
        (0.76, [], "is not clearly better than bag of words"),
        (0.40, [], "is not clearly better"),
        (0.76, [{"a": "model", "b": "bag of words", "difference": 0.12, "p_holm": 0.049}], "clearly beats"),
        (0.40, [{"a": "model", "b": "bag of words", "difference": -0.24, "p_holm": 0.001}], "is worse than bag of"),
        (0.76, [{"a": "bag of words", "b": "model", "difference": -0.12, "p_holm": 0.01}], "clearly beats"),
        (0.76, [{"a": "model", "b": "bag of words", "difference": 0.12, "p_holm": 0.05}], "is not clearly"),
        (0.76, [{"a": "model", "b": "bag of words", "difference": 0.12, "p_holm": None}], "is not clearly"),
        (0.70, [{"a": "model", "b": "bag of words", "difference": None, "p_holm": None}], "is not clearly"),
    ],
)
def test_a_difference_is_claimed_by_holms_p_alone(model: float, paired: list[Any], expected: str) -> None:
    """Its interval and an uncorrected p, both of which say "clearly" here, do not count."""
    systems = {"model": make_system(model, 1), "bag of words": make_system(0.64, 2)}
    ends = {"metric": "f1", "p": 0.001, "low": 0.01, "high": 0.3}
    assert expected in find({"systems": systems, "paired": [ends | pair for pair in paired]}).headline


def test_verdict_without_models_or_without_bag_of_words() -> None:
    assert "No model was evaluated" in find({"systems": {"bag of words": make_system(0.6, 1)}}).headline
    assert "no bag-of-words baseline" in find({"systems": {"model": make_system(0.6, 1)}}).headline


def test_verdict_warns_of_wide_intervals_and_unreadable_answers() -> None:
    system = make_system(0.7, 1)
    system["metrics"] |= {"f1": around(0.7, 0.1), "parse_rate": around(0.9, 0.02)}
    cautions = " ".join(find({"systems": {"model": system}}).cautions)
    assert "too small" in cautions
    assert "10\u00a0% of its answers" in cautions


def test_probes_are_told_by_their_flag_then_by_their_name() -> None:
    names = ["majority", "length_only", "formatting-only", "function_words", "bag_of_words", "tfidf + logistic"]
    assert all(is_probe(name, {}) for name in names)
    assert not any(is_probe(name, {}) for name in ["sft", "grpo-think", "Qwen3Guard-0.6B", "bowser-8b"])
    assert is_probe("sft", {"probe": True})
    assert not is_probe("majority vote of three", {"probe": False})


# --- tables ----------------------------------------------------------------------------------------------------------


def test_markdown_table() -> None:
    lines = comparison_markdown(make_summary()).splitlines()
    assert lines[0].startswith("| System | F1 | Precision | Recall | FPR | Twins |")
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| sft+grpo-think | **0.82** <sub>0.77–0.87</sub> |")
    assert [line.split("|")[1].strip() for line in lines[6:]] == [
        "*bag of words*", "*function words*", "*formatting only*", "*length only*", "*majority class*",
    ]  # fmt: skip
    assert lines[-1].count("n/a") == len(COLUMNS) - 2
    assert "**" not in "".join(lines[6:])


def test_markdown_table_survives_odd_names() -> None:
    table = comparison_markdown({"systems": {"a|b\n<i>*x*": make_system(0.5, 1)}})
    assert r"| a\|b \<i\>\*x\* |" in table
    assert len(table.splitlines()) == 3


def test_lower_is_better_for_false_positives() -> None:
    systems = {"strict": make_system(0.8, 1), "loose": make_system(0.5, 2)}
    systems["strict"]["metrics"]["fpr"], systems["loose"]["metrics"]["fpr"] = around(0.3), around(0.1)
    row = comparison_markdown({"systems": systems}).splitlines()[3]
    assert "| **0.10** <sub>0.05–0.15</sub> |" in row


@pytest.mark.parametrize("width", [60, 80, 120, 220])
def test_terminal_table_never_cuts_a_number(width: int) -> None:
    out = io.StringIO()
    print_comparison(make_summary(), Console(file=out, width=width, color_system=None))
    text = out.getvalue()
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    assert "0.82" in text
    assert ("Failed answers" in text) == (width >= 120)


def test_failed_answers_stand_in_the_main_tables(tmp_path: Path) -> None:
    systems = {"sure": make_system(0.7, 1), "shaky": make_system(0.8, 2)}
    systems["sure"]["metrics"]["failure_rate"] = {"value": 0.0, "low": 0.0, "high": 0.01}
    systems["shaky"]["metrics"]["failure_rate"] = {"value": 0.07, "low": 0.04, "high": 0.1}
    card = {
        "title": "Twins",
        "question": "?",
        "answer": "fpr",
        "columns": ["fpr"],
        "labels": "",
        "source": "",
        "licence": "",
    }
    answer = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 9}
    results = {
        name: {"answer": answer, "failure_rate": share, "rows": []} for name, share in (("sure", 0), ("shaky", 0.4))
    }
    suites = {
        "twins": {"card": card, "listings": 30, "systems": results},
        "x": {"card": card | {"title": "X"}, "not_run": "-"},
    }
    paths = write_report({"systems": systems, "suites": suites}, tmp_path)
    rows = {
        line.split("|")[1].strip(): line for line in paths["markdown"].read_text("utf-8").splitlines() if "|" in line
    }
    assert "Failed answers" in rows["System"] and "0.07 <sub>0.04–0.10</sub>" in rows["shaky"]
    assert rows["Twins"].count("failed") == 1 and "40\u00a0% failed" in rows["Twins"]
    assert rows["All suites that were run"].endswith("| 40\u00a0% | 0\u00a0% |")
    page = Page(paths["html"].read_text("utf-8")).text
    assert "40\u00a0% failed" in page and "Failed answers" in page and "failed answers, which count as wrong" in page
