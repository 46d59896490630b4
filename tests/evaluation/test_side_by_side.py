"""Two systems item by item."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from modsmith.errors import UserError
from modsmith.evaluation import Prediction, measure
from modsmith.evaluation.side_by_side import item_records, side_by_side


def test_by_hand(make: SimpleNamespace) -> None:
    """a alone right on 2, b alone on 3 and 4 (the false alarm costs 3, the miss 1), both on 1, neither on 5."""
    examples = [
        make.example("1"),
        make.example("2", {"spam": 3}),
        make.example("3", {"iptv": 3}),
        make.example("4"),
        make.example("5", {"spam": 4}),
    ]
    a = [make.verdict("1"), make.verdict("2", {"spam": 4}), make.verdict("3"), make.verdict("4", {"spam": 3}),
         make.unparsed("5")]  # fmt: skip
    b = [make.verdict("1"), make.verdict("2"), make.verdict("3", {"iptv": 3}, {"iptv": 0.8}), make.verdict("4"),
         Prediction("5", "allow", None, None, decision_score=0.2)]  # fmt: skip
    found = side_by_side({"a": a, "b": b}, ("a", "b"), examples, make.policy())
    assert (found["both_right"], found["both_wrong"], found["only_a_count"], found["only_b_count"]) == (1, 1, 1, 2)
    assert [item["id"] for item in found["only_a"]] == ["2"]
    assert [item["id"] for item in found["only_b"]] == ["4", "3"], "the costliest mistake of the other first"
    assert found["only_b"][1] == {
        "id": "3",
        "title": "title 3",
        "kind": "ordinary",
        "gold": {"iptv": 3},
        "a": {"decision": "allow", "score": None, "ratings": {}},
        "b": {"decision": "disallow", "score": 0.8, "ratings": {"iptv": 3}},
    }
    assert found["mcnemar_p"] == 1.0


def test_unknown_names_are_named(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(1)
    with pytest.raises(UserError, match="no system 'x'; the systems are a"):
        side_by_side({"a": verdicts}, ("a", "x"), examples, make.policy())


def test_figures_can_be_recomputed_from_the_records(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(3, bad=0.1)
    records = item_records({"s": verdicts}, examples, make.policy())
    right = [record["systems"]["s"]["right"] for record in records]
    assert sum(right) / len(right) == pytest.approx(measure(examples, verdicts, make.policy())["accuracy"])
    silent = [record for record in records if record["systems"]["s"]["decision"] == "no answer"]
    assert silent and not any(record["systems"]["s"]["right"] for record in silent)
    assert all(set(record["gold"]) == set(make.names) for record in records)
