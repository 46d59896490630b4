"""Verdicts beside gold: what counts as wrong, as answered, and what a mistake costs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from modsmith.evaluation import Prediction, compare, decision_score, gold_disallowed
from modsmith.ratings import Ratings, Verdict


def test_order_and_ids_must_match(make: SimpleNamespace) -> None:
    examples = [make.example("1"), make.example("2")]
    verdicts = [make.verdict("1"), make.verdict("2")]
    with pytest.raises(ValueError, match="verdict 0 is of listing '2', but example 0 is '1'"):
        compare(examples, verdicts[::-1], make.policy())
    with pytest.raises(ValueError, match="1 verdicts for 2 examples"):
        compare(examples, verdicts[:1], make.policy())
    with pytest.raises(ValueError, match="no examples"):
        compare([], [], make.policy())


def test_a_missing_category_is_named(make: SimpleNamespace) -> None:
    ratings = Ratings({"spam": 0, "iptv": 0})
    for verdict in (
        Verdict("1", "allow", ratings, None),
        replace(make.verdict("1", scores={}), scores={"spam": 0.1, "iptv": 0.1}),
    ):
        with pytest.raises(ValueError, match="'1' has no value for category 'phishing'"):
            compare([make.example("1")], [verdict], make.policy())


def test_a_rating_off_the_scale_is_refused(make: SimpleNamespace) -> None:
    verdict = Verdict("1", "allow", Ratings({"spam": 7, "iptv": 0, "phishing": 0}), None)
    with pytest.raises(ValueError, match="whole number from 0 to 4"):
        compare([make.example("1")], [verdict], make.policy())


@pytest.mark.parametrize("case", ["not parsed", "no ratings", "nan score", "infinite score"])
def test_an_unusable_answer_is_wrong_everywhere(make: SimpleNamespace, case: str) -> None:
    examples = [make.example("1", {"spam": 4}), make.example("2"), make.example("3")]
    broken = []
    for example, decision in zip(examples[:2], ("disallow", "allow"), strict=True):  # the decision would be right
        good = replace(make.verdict(example.id, scores={}), decision=decision)
        broken.append(
            {
                "not parsed": replace(good, parse_ok=False),
                "no ratings": replace(good, ratings=None),
                "nan score": replace(good, scores={**(good.scores or {}), "spam": float("nan")}),
                "infinite score": replace(good, scores={**(good.scores or {}), "spam": float("-inf")}),
            }[case]
        )
    found = compare(examples, [*broken, make.verdict("3", scores={"iptv": 0.2})], make.policy())
    assert found.answered_N.tolist() == [False, False, True]
    assert found.right_N.tolist() == [False, False, True]
    assert found.score_N is not None and found.flagged_NC is not None and found.score_NC is not None
    assert found.score_N.tolist() == [0.0, 1.0, 0.2]
    assert found.flagged_NC.tolist() == [[False, True, True], [True] * 3, [False] * 3]
    assert found.score_NC.tolist() == [[0, 1, 1], [1, 1, 1], [0, 0.2, 0]]


def test_review_counts_only_when_the_policy_says_so(make: SimpleNamespace) -> None:
    examples = [make.example("1", {"iptv": 2}), make.example("2", {"iptv": 3}), make.example("3", {"iptv": 1})]
    verdicts = [make.verdict(example.id, {"iptv": 2}) for example in examples]
    assert [verdict.decision for verdict in verdicts] == ["review"] * 3
    lenient, strict = make.policy(), make.policy(review_counts_as_disallowed=True)
    assert gold_disallowed(examples, lenient).tolist() == [False, True, False]
    assert gold_disallowed(examples, strict).tolist() == [True, True, False]
    assert compare(examples, verdicts, lenient).predicted_N.tolist() == [False] * 3
    assert compare(examples, verdicts, strict).predicted_N.tolist() == [True] * 3


def test_scores_are_given_only_when_every_answer_has_them(make: SimpleNamespace) -> None:
    examples = [make.example("1"), make.example("2")]
    some = compare(examples, [make.verdict("1", scores={"spam": 0.3}), make.verdict("2")], make.policy())
    assert some.score_N is None and some.score_NC is None
    assert compare(examples, [make.unparsed("1"), make.unparsed("2")], make.policy()).score_N is None


def test_decision_score(make: SimpleNamespace) -> None:
    assert decision_score(make.verdict("1", scores={"spam": 0.2, "iptv": 0.7})) == pytest.approx(0.9)
    assert decision_score(make.verdict("1", scores={"spam": 0.6, "iptv": 0.7})) == 1.0
    assert decision_score(make.verdict("1")) is None
    both = Prediction("1", "allow", None, {"spam": 0.9}, decision_score=0.0)
    assert decision_score(both) == 0.0
    assert decision_score(replace(both, decision_score=None)) == 0.9


def test_a_prediction_without_ratings_is_an_answer(make: SimpleNamespace) -> None:
    examples = [make.example("1", {"spam": 3}), make.example("2")]
    verdicts = [Prediction(id, "disallow", None, None, decision_score=0.8) for id in ("1", "2")]
    found = compare(examples, verdicts, make.policy())
    assert found.answered_N.all()
    assert found.right_N.tolist() == [True, False]
    assert found.rated_NC is None and found.flagged_NC is None and found.score_NC is None
    failed = [replace(verdict, parse_ok=False) for verdict in verdicts]
    assert not compare(examples, failed, make.policy()).right_N.any()


def test_thresholds_per_category_flag_scores(make: SimpleNamespace) -> None:
    policy = make.policy()
    strict = policy.categories[0].model_copy(
        update={"thresholds": policy.categories[0].thresholds.model_copy(update={"disallow": 0.2})}
    )
    policy = policy.model_copy(update={"categories": [strict, *policy.categories[1:]]})
    found = compare([make.example("1")], [make.verdict("1", scores={"spam": 0.2, "iptv": 0.2})], policy)
    assert found.flagged_NC is not None
    assert found.flagged_NC.tolist() == [[True, False, False]]


def test_costs(make: SimpleNamespace) -> None:
    """Costs of the test policy: miss 1, 1, 2; false alarm 3, 1, 1."""
    examples = [
        make.example("miss", {"spam": 3, "phishing": 4}),
        make.example("alarm", {}),
        make.example("right", {"iptv": 3}),
        make.example("unparsed miss", {"spam": 3}),
        make.example("unparsed alarm", {}),
    ]
    verdicts = [
        make.verdict("miss"),
        make.verdict("alarm", {"spam": 3, "iptv": 4}),
        make.verdict("right", {"spam": 3}),
        make.unparsed("unparsed miss"),
        make.unparsed("unparsed alarm"),
    ]
    assert compare(examples, verdicts, make.policy()).cost_N.tolist() == [2, 3, 0, 1, pytest.approx(5 / 3)]
    blind = [Prediction(example.id, "disallow", None, None) for example in examples]
    assert compare(examples, blind, make.policy()).cost_N.tolist() == pytest.approx([0, 5 / 3, 0, 0, 5 / 3])


def test_only_complete_pairs_are_twins(make: SimpleNamespace) -> None:
    examples = [
        make.example("a1", group="a", kind="twin"),
        make.example("b1", group="b", kind="twin"),
        make.example("c1", group="c", kind="near_miss"),
        make.example("a2", group="a", kind="twin"),
        make.example("c2", group="c", kind="near_miss"),
    ]
    found = compare(examples, [make.verdict(example.id) for example in examples], make.policy())
    assert found.pairs == [(0, 3)]
    assert found.groups == 3
    assert found.group_N.tolist() == [0, 1, 2, 0, 2]
    assert np.array_equal(found.kind_N == "twin", [True, True, False, True, False])
