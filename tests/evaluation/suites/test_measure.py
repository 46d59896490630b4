"""What a suite's verdicts amount to, by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from modsmith.evaluation.suites.items import Item, changed, unchanged
from modsmith.evaluation.suites.measure import measure_suite
from modsmith.evaluation.suites.registry import Card, Suite


def changing_suite(make: SimpleNamespace, answer: Any = "recall_lost") -> Suite:
    """Four violating and two allowed originals, and two changed versions of each."""
    originals = [make.example(f"b{n}", {"spam": 3}) for n in range(4)] + [make.example(f"g{n}") for n in range(2)]
    items = list(unchanged(originals))
    items += [changed(example, row, title=f"{row} {example.id}") for row in ("x", "y") for example in originals]
    card = Card(title="t", question="q?", source="s", licence="l", labels="l", size=9, answer=answer,
                columns=["recall", "recall_lost", "fpr", "fpr_gained", "flipped"])  # fmt: skip
    return Suite("test", card, items)


def verdicts(make: SimpleNamespace, items: list[Item], flagged: set[str], silent: set[str] = frozenset()) -> list[Any]:  # type: ignore[assignment]
    return [
        make.unparsed(item.example.id) if item.example.id in silent
        else make.verdict(item.example.id, {"spam": 3 if item.example.id in flagged else 0})
        for item in items
    ]  # fmt: skip


def values(row: dict[str, Any]) -> dict[str, Any]:
    return {key: cell["value"] if isinstance(cell, dict) else cell for key, cell in row.items()}


def test_changes_by_hand(make: SimpleNamespace) -> None:
    """Originals: b0, b1, b2 caught. x: b0, b1 caught. y: b0, b3 caught and g0 flagged."""
    suite = changing_suite(make)
    flagged = {"b0", "b1", "b2", "b0~x", "b1~x", "b0~y", "b3~y", "g0~y"}
    found = measure_suite(suite, verdicts(make, suite.items, flagged), make.policy(), 100)
    every, before, x, y = map(values, found["rows"])
    assert before == {"slice": "unchanged", "n": 6, "recall": 0.75, "recall_lost": None, "fpr": 0.0,
                      "fpr_gained": None, "flipped": None}  # fmt: skip
    assert x == {"slice": "x", "n": 6, "recall": 0.5, "recall_lost": 0.25, "fpr": 0.0, "fpr_gained": 0.0,
                 "flipped": pytest.approx(1 / 3, abs=1e-6)}  # fmt: skip
    assert (y["recall"], y["recall_lost"], y["fpr"], y["fpr_gained"]) == (0.5, 0.25, 0.5, 0.5)
    assert y["flipped"] == pytest.approx(2 / 3, abs=1e-6), "b1 and b2 of the three that were caught"
    assert every["n"] == 12 and every["recall_lost"] == 0.25 and every["flipped"] == 0.5
    assert values({"a": found["answer"]}) == {"a": 0.25} and found["failure_rate"] == 0


def test_a_silent_answer_is_a_lost_one(make: SimpleNamespace) -> None:
    suite = changing_suite(make)
    flagged = {item.example.id for item in suite.items if item.example.violates}
    found = measure_suite(suite, verdicts(make, suite.items, flagged, {"b0~x", "g0~x"}), make.policy(), 100)
    every = values(found["rows"][0])
    assert every["recall_lost"] == every["flipped"] == 1 / 8 and every["fpr_gained"] == 1 / 4
    assert found["failure_rate"] == pytest.approx(2 / 18)


def test_nothing_lost_is_not_certain(make: SimpleNamespace) -> None:
    """Of four groups without a loss, the exact bound reaches up to 1 - 0.025^(1/4)."""
    suite = changing_suite(make)
    flagged = {item.example.id for item in suite.items if item.example.violates}
    found = measure_suite(suite, verdicts(make, suite.items, flagged), make.policy(), 100)
    lost = found["rows"][0]["recall_lost"]
    assert (lost["value"], lost["low"]) == (0, 0) and lost["high"] == pytest.approx(1 - 0.025**0.25, abs=1e-6)


def test_a_system_that_catches_nothing_has_nothing_to_flip(make: SimpleNamespace) -> None:
    suite = changing_suite(make, "flipped")
    found = measure_suite(suite, verdicts(make, suite.items, set()), make.policy(), 100)
    assert found["answer"] is None and values(found["rows"][0])["recall"] == 0


def test_plain_suites_count_every_item(make: SimpleNamespace) -> None:
    examples, said = make.random_set(2, n=40)
    items = [Item(replace(example, slice="a" if n % 2 else "b")) for n, example in enumerate(examples)]
    card = Card(title="t", question="q?", source="s", licence="l", labels="l", size=9, answer="f1", columns=["f1"])
    found = measure_suite(Suite("test", card, items), said, make.policy(), 50)
    assert [(row["slice"], row["n"]) for row in found["rows"]] == [("all", 40), ("b", 20), ("a", 20)]
