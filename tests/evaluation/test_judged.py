"""Figures are recomputed from `items.jsonl` alone, with nothing of modsmith's own arithmetic."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from modsmith.evaluation import measure, measure_categories
from modsmith.evaluation.judged import CORPUS, Judged, item_records
from modsmith.evaluation.outcomes import Prediction


def f1(records: list[Any], system: str) -> float:
    """An answer that cannot be used counts as the opposite of the gold."""
    gold = [one["disallowed"] for one in records]
    said = [one["systems"][system]["right"] == one["disallowed"] for one in records]
    both = sum(g and s for g, s in zip(gold, said, strict=True))
    return 2 * both / (sum(gold) + sum(said))


def category(records: list[Any], system: str, name: str) -> tuple[list[bool], list[float]]:
    """Label and score of one category; the score of an answer that cannot be used is the worst there is."""
    labels = [one["gold"][name] >= 3 for one in records]
    scores = [
        float(not label) if (said := one["systems"][system])["scores"] is None else said["scores"][name]
        for one, label in zip(records, labels, strict=True)
    ]
    return labels, scores


def ece(records: list[Any], system: str) -> float:
    """Ten bins; an answer that cannot be used adds one whole error."""
    gaps, lost = np.zeros(10), 0
    for one in records:
        score = one["systems"][system]["score"]
        if score is None:
            lost += 1
        else:
            gaps[min(9, int(score * 10))] += score - one["disallowed"]
    return float((np.abs(gaps).sum() + lost) / len(records))


@pytest.mark.parametrize("bad", [0.0, 0.1])
def test_figures_are_recomputed_from_the_file(make: SimpleNamespace, bad: float) -> None:
    examples, verdicts = make.random_set(3, n=120, bad=bad)
    written = [json.dumps(one) for one in item_records(Judged(CORPUS, examples, {"s": verdicts}), make.policy())]
    records = [json.loads(line) for line in written]
    whole = measure(examples, verdicts, make.policy())
    assert f1(records, "s") == pytest.approx(whole["f1"], abs=1e-4)
    assert ece(records, "s") == pytest.approx(whole["ece"], abs=1e-4)
    for name, found in measure_categories(examples, verdicts, make.policy()).items():
        assert average_precision_score(*category(records, "s", name)) == pytest.approx(found["auprc"], abs=1e-4)
    pairs: dict[str, list[bool]] = {}
    for one in records:
        if one["twin"]:
            pairs.setdefault(one["twin"], []).append(one["systems"]["s"]["right"])
    assert np.mean([all(pair) for pair in pairs.values()]) == pytest.approx(whole["twin_accuracy"], abs=1e-4)


def test_what_is_not_given_is_none_and_text_is_never_written(make: SimpleNamespace) -> None:
    examples = [make.example("1", {"spam": 3}, title="a secret title"), make.example("2")]
    said = [Prediction("1", "disallow", None, None, decision_score=0.7), make.unparsed("2")]
    records = list(item_records(Judged("xstest", examples, {"s": said}, True, ["", "1"]), make.policy()))
    assert records[0]["systems"]["s"] == {
        "decision": "disallow", "score": 0.7, "ratings": None, "scores": None, "right": True,
    }  # fmt: skip
    assert records[1]["systems"]["s"]["decision"] == "no answer" and not records[1]["systems"]["s"]["right"]
    assert (records[1]["set"], records[1]["origin"]) == ("xstest", "1")
    assert "secret" not in json.dumps(records)
