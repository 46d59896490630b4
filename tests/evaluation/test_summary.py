"""The summary: complete, JSON-ready, and honest about what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modsmith.evaluation import METRICS, Prediction, bootstrap, paired_difference, summarise
from modsmith.evaluation.report import write_report
from modsmith.evaluation.report_plots import number
from modsmith.evaluation.summary import PAIRED_METRICS

PROVENANCE = {"model": "m", "seed": 3}


@pytest.fixture
def data(make: SimpleNamespace) -> tuple[list[Any], dict[str, Any]]:
    """Examples and three systems: a good one, a weaker one without scores, and a decision-only baseline."""
    examples, good = make.random_set(1, n=80)
    weak = [make.verdict(e.id, {"spam": 4} if n % 3 else dict(e.ratings)) for n, e in enumerate(examples)]
    weak[5] = make.unparsed(examples[5].id)
    length = [Prediction(e.id, "allow", None, None, decision_score=0.4) for e in examples]
    return examples, {"weak": weak, "good": good, "length only": length}


def test_the_whole_shape(make: SimpleNamespace, data: Any) -> None:
    examples, systems = data
    found = summarise(systems, examples, make.policy(), PROVENANCE, resamples=50)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["provenance", "fpr_limit", "data", "systems", "paired"]
    assert found["provenance"] == PROVENANCE
    assert found["data"]["examples"] == len(examples) == sum(found["data"]["kinds"].values())
    assert found["data"]["groups"] == len({example.group for example in examples})
    assert found["data"]["violating"] == sum(example.violates for example in examples)
    assert found["data"]["by_category"] == {n: sum(e.ratings[n] >= 3 for e in examples) for n in make.names}
    assert list(found["systems"]) == list(systems)
    for system in found["systems"].values():
        assert set(system) == {
            "from", "metrics", "per_category", "confusion", "rating_confusion", "score_histogram", "reliability",
            "before_calibration",
        }  # fmt: skip
        assert list(system["metrics"]) == list(METRICS)
        assert sum(system["confusion"].values()) == len(examples)
        assert list(system["per_category"]) == make.names


def test_numbers_are_those_of_the_parts(make: SimpleNamespace, data: Any) -> None:
    examples, systems = data
    found = summarise(systems, examples, make.policy(), {}, resamples=60, seed=9)
    for name, interval in bootstrap(examples, systems["good"], make.policy(), 60, seed=9).items():
        cell = found["systems"]["good"]["metrics"][name]
        assert cell == pytest.approx(
            {"value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}, abs=1e-6
        )
    for row in found["paired"]:
        gap = paired_difference(systems[row["a"]], systems[row["b"]], examples, make.policy(), row["metric"], 60, 9)
        assert [row[key] for key in ("difference", "low", "high", "p")] == [
            None if value is None else pytest.approx(value, abs=1e-6) for value in (gap.value, gap.low, gap.high, gap.p)
        ]


def test_missing_stays_missing(make: SimpleNamespace, data: Any) -> None:
    examples, systems = data
    found = summarise(systems, examples, make.policy(), {}, resamples=20)["systems"]
    probe = found["length only"]
    assert probe["rating_confusion"] is None and probe["metrics"]["severity_kappa"] is None
    assert probe["metrics"]["precision"] is None and probe["metrics"]["auroc"]["value"] == 0.5
    assert all(row["f1"] is None and row["support"] > 0 for row in probe["per_category"].values())
    assert found["weak"]["score_histogram"] is None and found["weak"]["metrics"]["auroc"] is None


def test_histogram_counts_answers_by_gold(make: SimpleNamespace) -> None:
    examples = [make.example("1", {"spam": 3}), *(make.example(str(n)) for n in range(2, 6))]
    scores = [0.97, 0.0, 0.52, 1.0]
    verdicts = [make.verdict(str(n), scores={"spam": score}) for n, score in enumerate(scores, start=1)]
    verdicts.append(make.unparsed("5"))
    found = summarise({"s": verdicts}, examples, make.policy(), {}, resamples=10)["systems"]["s"]["score_histogram"]
    assert (found["edges"][0], found["edges"][-1], len(found["edges"])) == (0.0, 1.0, 21)
    assert found["violating"] == [0] * 19 + [1]
    assert found["allowed"] == [1, *[0] * 9, 1, *[0] * 8, 1]


def test_pairs(make: SimpleNamespace, data: Any) -> None:
    examples, systems = data
    both = systems | {"bag of words": systems["length only"]}
    rows = summarise(both, examples, make.policy(), {}, resamples=20)["paired"]
    pairs = [("good", "weak"), ("good", "bag of words"), ("weak", "bag of words")]
    wanted = [(*pair, metric) for pair in pairs for metric in PAIRED_METRICS]
    wanted += [("good", "length only", "f1"), ("weak", "length only", "f1")]
    assert [(row["a"], row["b"], row["metric"]) for row in rows] == wanted
    rows = summarise(systems, examples, make.policy(), {}, 20)["paired"]
    assert {row["b"] for row in rows} == {"weak", "length only"}
    assert summarise({"good": systems["good"]}, examples, make.policy(), {}, 20)["paired"] == []


def test_errors_name_the_system(make: SimpleNamespace, data: Any) -> None:
    examples, systems = data
    with pytest.raises(ValueError, match="system 'good': 79 verdicts for 80 examples"):
        summarise({"good": systems["good"][1:]}, examples, make.policy(), {})
    with pytest.raises(ValueError, match="no systems"):
        summarise({}, examples, make.policy(), {})
    with pytest.raises(ValueError, match="no examples"):
        summarise({"good": []}, [], make.policy(), {})


def test_the_report_takes_it(make: SimpleNamespace, data: Any, tmp_path: Path) -> None:
    examples, systems = data
    found = summarise(systems, examples, make.policy(), PROVENANCE, resamples=20)
    paths = write_report(found, tmp_path)
    assert json.loads(paths["json"].read_text("utf-8")) == found


def test_the_page_has_a_table_of_categories(make: SimpleNamespace, data: Any, tmp_path: Path) -> None:
    examples, systems = data
    strict, wide = (
        summarise(systems, examples, make.policy(), {}, resamples=20, fpr_limit=limit) for limit in (0.02, 0.5)
    )
    one, other = (
        found["systems"]["good"]["per_category"]["spam"]["recall_at_fpr"]["value"] for found in (strict, wide)
    )
    assert one < other
    page = write_report(strict, tmp_path)["html"].read_text("utf-8")
    table = page.split('class="categories"')[1].split("</table>")[0]
    for label in ("MCC", "AUPRC", "Recall at fixed FPR", "FPR 2\u00a0%", "ECE", "spam", "iptv"):
        assert label in table
    assert number(one) in table


def test_reliability_before_and_after_calibration(make: SimpleNamespace, tmp_path: Path) -> None:
    """Before, every listing is said to violate with 0.95; after, with what is so. Silence is in neither curve."""
    examples = [make.example(str(n), {"spam": 3} if n % 2 else {}) for n in range(40)]
    verdicts = [
        replace(make.verdict(e.id, dict(e.ratings), {"spam": 0.9 if e.violates else 0.1}), uncalibrated={"spam": 0.95})
        for e in examples
    ]
    verdicts[0] = make.unparsed("0")
    found = summarise({"model": verdicts}, examples, make.policy(), {}, resamples=20)
    system = found["systems"]["model"]
    before = system["before_calibration"]
    assert before["reliability"]["count"] == [0] * 9 + [39] and system["reliability"]["count"][9] == 20
    assert before["ece"]["value"] == pytest.approx((39 * 0.95 - 20 + 1) / 40) and before["ece"]["n"] == 40
    assert system["metrics"]["ece"]["value"] == pytest.approx((39 * 0.1 + 1) / 40)
    page = write_report(found, tmp_path)["html"].read_text("utf-8")
    assert 'class="dot before"' in page and 'class="dot after"' in page and "before calibration, ECE" in page
    plain = summarise({"model": [replace(v, uncalibrated=None) for v in verdicts]}, examples, make.policy(), {}, 20)
    assert plain["systems"]["model"]["before_calibration"] is None
    assert "before calibration, ECE" not in write_report(plain, tmp_path)["html"].read_text("utf-8")
