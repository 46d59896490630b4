"""Two systems item by item."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from modsmith.errors import UserError
from modsmith.evaluation import Prediction
from modsmith.evaluation.judged import CORPUS, Judged
from modsmith.evaluation.side_by_side import side_by_side


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
    corpus = Judged(CORPUS, examples, {"a": a, "b": b})
    suite = Judged("sms_spam", examples[:2], {"a": a[:2], "b": b[:2]}, text_stays=True)
    found = side_by_side([corpus, suite], ("a", "b"), make.policy())
    assert found == {"a": "a", "b": "b", "sets": [
        {"from": {"systems": ["a", "b"], "data": "corpus"},
         "set": "corpus", "listings": 5, "both_right": 1, "both_wrong": 1, "mcnemar_p": 1.0,
         "only_a_count": 1, "only_a": ["2"], "only_b_count": 2, "only_b": ["4", "3"]},
        {"from": {"systems": ["a", "b"], "data": "sms_spam"},
         "set": "sms_spam", "listings": 2, "both_right": 1, "both_wrong": 0, "mcnemar_p": 1.0,
         "only_a_count": 1, "only_a": ["sms_spam/2"], "only_b_count": 0, "only_b": []},
    ]}, "the costliest mistake of the other first"  # fmt: skip


def test_unknown_names_are_named(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(1)
    with pytest.raises(UserError, match="no system 'x'; the systems are a"):
        side_by_side([Judged(CORPUS, examples, {"a": verdicts})], ("a", "x"), make.policy())
