"""Metrics against scikit-learn, against cases worked by hand, and for judges that must not look good."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from modsmith.evaluation import (
    CATEGORY_METRICS,
    METRICS,
    Prediction,
    measure,
    measure_categories,
    pair_accuracy,
    score_held_out,
)
from modsmith.evaluation.metrics import confusion, rating_confusion, replicate, replicate_categories
from modsmith.evaluation.outcomes import compare
from modsmith.ratings import Verdict

seeds = st.integers(0, 2**32 - 1)


def expect(value: float | None, wanted: float) -> None:
    """Equal where defined; `wanted` is what scikit-learn says of the same data."""
    if value is not None:
        assert value == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, with_scores=st.booleans(), review_counts=st.booleans())
def test_overall_metrics_agree_with_sklearn(
    make: SimpleNamespace, seed: int, with_scores: bool, review_counts: bool
) -> None:
    examples, verdicts = make.random_set(seed, with_scores=with_scores)
    policy = make.policy(review_counts_as_disallowed=review_counts)
    found = measure(examples, verdicts, policy)
    gold = [example.ratings.top >= (2 if review_counts else 3) for example in examples]
    said = [policy.is_disallowed(verdict.decision) for verdict in verdicts]
    assert list(found) == list(METRICS)
    expect(found["precision"], sk.precision_score(gold, said, zero_division=0))
    expect(found["recall"], sk.recall_score(gold, said, zero_division=0))
    expect(found["f1"], sk.f1_score(gold, said, zero_division=0))
    expect(found["accuracy"], sk.accuracy_score(gold, said))
    expect(found["kappa"], sk.cohen_kappa_score(gold, said))
    expect(found["mcc"], sk.matthews_corrcoef(gold, said))
    tn, fp, fn, tp = sk.confusion_matrix(gold, said, labels=[False, True]).ravel().tolist()
    expect(found["fpr"], fp / max(1, fp + tn))
    assert confusion(compare(examples, verdicts, policy)) == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}

    true = np.array([list(example.ratings.values()) for example in examples]).ravel()
    rated = np.array([list(verdict.ratings.values()) for verdict in verdicts]).ravel()
    expect(found["severity_kappa"], sk.cohen_kappa_score(true, rated, weights="quadratic", labels=range(5)))
    expect(found["severity_mae"], sk.mean_absolute_error(true, rated))
    expect(found["severity_mae_nonzero"], sk.mean_absolute_error(true[true > 0], rated[true > 0]))
    cells = sk.confusion_matrix(true, rated, labels=range(5)).tolist()
    assert rating_confusion(compare(examples, verdicts, policy)) == cells

    assert (found["auroc"] is not None) == with_scores
    if with_scores:
        score = [min(1.0, sum(verdict.scores.values())) for verdict in verdicts]
        expect(found["auroc"], sk.roc_auc_score(gold, score))
        expect(found["auprc"], sk.average_precision_score(gold, score))
        expect(found["brier"], sk.mean_squared_error(gold, score))
        alarms, recalls, _ = sk.roc_curve(gold, score, drop_intermediate=False)
        expect(found["recall_at_fpr"], recalls[alarms <= 0.05].max())
        outcomes = compare(examples, verdicts, policy)
        wide = replicate(outcomes, np.ones((1, outcomes.groups)), ["recall_at_fpr"], fpr_limit=0.3)
        expect(wide["recall_at_fpr"][0], recalls[alarms <= 0.3].max())
        expect(found["ece"], slow_ece(score, gold))


def slow_ece(scores: list[float], gold: list[bool]) -> float:
    """The textbook's: gap of mean score and frequency in each bin, weighed by the bin's share."""
    bins = np.minimum(np.array(scores) * 10, 9.5).astype(int)
    parts = [(bins == b, (bins == b).mean()) for b in set(bins.tolist())]
    return float(sum(w * abs(np.mean(np.array(scores)[rows]) - np.mean(np.array(gold)[rows])) for rows, w in parts))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, with_scores=st.booleans())
def test_category_metrics_agree_with_sklearn(make: SimpleNamespace, seed: int, with_scores: bool) -> None:
    examples, verdicts = make.random_set(seed, with_scores=with_scores)
    found = measure_categories(examples, verdicts, make.policy())
    for name in make.names:
        gold = [example.ratings[name] >= 3 for example in examples]
        said = [v.scores[name] >= 0.5 if with_scores else v.ratings[name] >= 3 for v in verdicts]
        row = found[name]
        assert list(row) == [*CATEGORY_METRICS, "support"]
        assert row["support"] == sum(gold)
        expect(row["precision"], sk.precision_score(gold, said, zero_division=0))
        expect(row["recall"], sk.recall_score(gold, said, zero_division=0))
        expect(row["f1"], sk.f1_score(gold, said, zero_division=0))
        expect(row["kappa"], sk.cohen_kappa_score(gold, said))
        if row["mcc"] is not None:
            expect(row["mcc"], sk.matthews_corrcoef(gold, said))
        expect(row["fpr"], 1 - sk.recall_score(gold, said, pos_label=False, zero_division=0))
        if with_scores and 0 < sum(gold) < len(gold):
            expect(row["auroc"], sk.roc_auc_score(gold, [verdict.scores[name] for verdict in verdicts]))
        else:
            assert row["auroc"] is None


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_a_weight_is_a_number_of_copies(make: SimpleNamespace, seed: int) -> None:
    """What the bootstrap stands on: weighting groups equals repeating them."""
    examples, verdicts = make.random_set(seed, n=30, bad=0.1)
    outcomes = compare(examples, verdicts, make.policy())
    weights = np.random.default_rng(seed).integers(0, 4, outcomes.groups)
    weights[0] += 1
    copies = [(n, copy) for n in range(len(examples)) for copy in range(weights[outcomes.group_N[n]])]
    repeated = [
        replace(
            examples[n], listing=replace(examples[n].listing, id=f"{n}-{copy}"), group=examples[n].group + f"/{copy}"
        )
        for n, copy in copies
    ]
    answers = [replace(verdicts[n], id=f"{n}-{copy}") for n, copy in copies]
    wanted, wanted_of = measure(repeated, answers, make.policy()), measure_categories(repeated, answers, make.policy())
    for name, values in replicate(outcomes, weights[None]).items():
        assert values[0] == pytest.approx(np.nan if wanted[name] is None else wanted[name], nan_ok=True), name
    for category, rows in replicate_categories(outcomes, weights[None]).items():
        for name, values in rows.items():
            value = wanted_of[category][name]
            assert values[0] == pytest.approx(np.nan if value is None else value, nan_ok=True), (category, name)


def test_ranking_in_chunks_changes_nothing(make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    examples, verdicts = make.random_set(5)
    outcomes = compare(examples, verdicts, make.policy())
    weights = np.random.default_rng(0).integers(0, 3, (17, outcomes.groups))
    whole = replicate(outcomes, weights)
    monkeypatch.setattr("modsmith.evaluation.ranks.CHUNK", 3 * len(examples))
    for name, values in replicate(outcomes, weights).items():
        np.testing.assert_array_equal(values, whole[name])


# --- judges that must look as good as they are ------------------------------------------------------------------------

WORST_IS_ONE = ("fpr", "near_miss_fpr", "ordinary_fpr")
ERRORS = (*WORST_IS_ONE, "severity_mae", "severity_mae_nonzero", "brier", "cost_error", "ece", "failure_rate")


@pytest.fixture
def mixed(make: SimpleNamespace) -> list[Any]:
    """Twins, near misses and ordinary listings: 3 disallowed of 8."""
    return [
        make.example("t1a", {"iptv": 1}, "t1", "twin"),
        make.example("t1b", {"iptv": 4}, "t1", "twin"),
        make.example("t2a", {"spam": 3}, "t2", "twin"),
        make.example("t2b", {}, "t2", "twin"),
        make.example("n", {"phishing": 1}, kind="near_miss"),
        make.example("b", {"phishing": 2}, kind="borderline"),
        make.example("m", {"phishing": 4, "spam": 3}, kind="multi"),
        make.example("o", {}, kind="ordinary"),
    ]


def perfect(make: SimpleNamespace, example: Any) -> Verdict:
    scores = {name: 1.0 if level >= 3 else 0.0 for name, level in example.ratings.items()}
    return make.verdict(example.id, dict(example.ratings), scores)  # type: ignore[no-any-return]


def test_the_perfect_judge(make: SimpleNamespace, mixed: list[Any]) -> None:
    found = measure(mixed, [perfect(make, example) for example in mixed], make.policy())
    assert found == {name: 0.0 if name in ERRORS else 1.0 for name in METRICS}
    for name, row in measure_categories(mixed, [perfect(make, e) for e in mixed], make.policy()).items():
        wanted = {metric: 0.0 if metric in ("fpr", "ece") else 1.0 for metric in CATEGORY_METRICS}
        assert row == wanted | {"support": 1 if name == "iptv" else row["support"]}


def test_always_disallowing_is_not_rewarded(make: SimpleNamespace, mixed: list[Any]) -> None:
    everything = dict.fromkeys(make.names, 4)
    verdicts = [make.verdict(e.id, everything, dict.fromkeys(make.names, 1.0)) for e in mixed]
    found = measure(mixed, verdicts, make.policy())
    assert found["recall"] == 1 and found["precision"] == pytest.approx(3 / 8)
    assert found["kappa"] == 0 and found["mcc"] is None
    assert found["fpr"] == found["near_miss_fpr"] == found["ordinary_fpr"] == 1
    assert found["twin_accuracy"] == 0 and found["pair_accuracy"] == 0.5 and found["auroc"] == 0.5
    assert found["severity_kappa"] == 0
    assert found["brier"] == pytest.approx(5 / 8)
    assert found["cost_error"] == pytest.approx(5 * 3 / 8)
    assert found["top_category"] == pytest.approx(1 / 3), "ties go to the first category of the policy"


def test_the_unparsable_judge_is_wrong_everywhere(make: SimpleNamespace, mixed: list[Any]) -> None:
    verdicts = [make.unparsed(example.id) for example in mixed]
    found = measure(mixed, verdicts, make.policy())
    assert found["accuracy"] == found["f1"] == found["recall"] == found["precision"] == 0
    assert found["twin_accuracy"] == found["parse_rate"] == found["top_category"] == 0
    assert found["fpr"] == found["near_miss_fpr"] == found["ordinary_fpr"] == 1
    assert found["kappa"] is not None and found["kappa"] < 0
    for name in ("severity_kappa", "severity_mae", "severity_mae_nonzero", "auroc", "auprc", "brier", "pair_accuracy"):
        assert found[name] is None, name
    for row in measure_categories(mixed, verdicts, make.policy()).values():
        assert row["f1"] == row["recall"] == 0 and row["fpr"] == 1


@settings(max_examples=40, deadline=None)
@given(seed=seeds, data=st.data())
def test_leaving_a_listing_unanswered_never_pays(make: SimpleNamespace, seed: int, data: st.DataObject) -> None:
    examples, verdicts = make.random_set(seed, n=20)
    place = data.draw(st.integers(0, len(examples) - 1))
    before = measure(examples, verdicts, make.policy())
    silent = [*verdicts[:place], make.unparsed(examples[place].id), *verdicts[place + 1 :]]
    after = measure(examples, silent, make.policy())
    for name in METRICS:
        if name.startswith("severity") or before[name] is None or after[name] is None or name == "cost_error":
            continue
        sign = -1 if name in ERRORS else 1
        assert sign * after[name] <= sign * before[name] + 1e-9, name


def test_unparsed_answers_are_left_out_of_severity_only(make: SimpleNamespace, mixed: list[Any]) -> None:
    verdicts = [perfect(make, example) for example in mixed[:-1]] + [make.unparsed("o")]
    found = measure(mixed, verdicts, make.policy())
    assert found["severity_kappa"] == 1 and found["severity_mae"] == 0
    assert found["parse_rate"] == found["accuracy"] == pytest.approx(7 / 8)
    confused = rating_confusion(compare(mixed, verdicts, make.policy()))
    assert np.sum(confused) == 7 * 3


def test_nothing_defined_is_none(make: SimpleNamespace) -> None:
    """Only allowed listings, none flagged, no ratings: most questions have no answer."""
    examples = [make.example("1"), make.example("2")]
    found = measure(examples, [Prediction(e.id, "allow", None, None) for e in examples], make.policy())
    defined = {name: value for name, value in found.items() if value is not None}
    assert defined == {"fpr": 0, "accuracy": 1, "ordinary_fpr": 0, "cost_error": 0, "failure_rate": 0}
    flagged = measure(examples, [make.verdict("1", {"spam": 3}), make.verdict("2")], make.policy())
    assert flagged["f1"] is None and flagged["recall"] is None and flagged["precision"] == 0
    only_bad = measure([make.example("1", {"spam": 3})], [make.verdict("1", {"spam": 3})], make.policy())
    assert only_bad["fpr"] is None and only_bad["kappa"] is None and only_bad["auroc"] is None


def test_decision_only_systems_have_no_category_metrics(make: SimpleNamespace, mixed: list[Any]) -> None:
    verdicts = [Prediction(e.id, "disallow", None, None, decision_score=0.7) for e in mixed]
    for row in measure_categories(mixed, verdicts, make.policy()).values():
        assert row.pop("support")
        assert set(row.values()) == {None}
    assert rating_confusion(compare(mixed, verdicts, make.policy())) is None


def test_the_held_out_score_follows_the_costs(make: SimpleNamespace, mixed: list[Any]) -> None:
    best = score_held_out(mixed, [perfect(make, example) for example in mixed], make.policy())
    assert best["score"] == best["f1"] == 1
    silent = score_held_out(mixed, [make.verdict(example.id) for example in mixed], make.policy())
    assert silent["score"] == pytest.approx(1 - (1 + 1 + 2) / 8)
    assert "precision" not in silent and "auroc" not in silent, "undefined is left out, not 0"


# --- twins and categories ---------------------------------------------------------------------------------------------


def test_twins_are_right_together_or_not_at_all(make: SimpleNamespace, mixed: list[Any]) -> None:
    verdicts = [perfect(make, example) for example in mixed]
    verdicts[0] = make.verdict("t1a", {"iptv": 3})
    assert measure(mixed, verdicts, make.policy())["twin_accuracy"] == 0.5
    assert measure(mixed[1:], verdicts[1:], make.policy())["twin_accuracy"] == 1, "an incomplete pair is no pair"


@pytest.mark.parametrize(
    ("allowed", "violating", "wanted"),
    [(0.1, 0.2, 1.0), (0.9, 0.95, 1.0), (0.3, 0.3, 0.5), (0.4, 0.1, 0.0), (None, 0.9, 0.0), (0.0, None, 0.0)],
)
def test_pair_accuracy_ranks_without_a_threshold(
    make: SimpleNamespace, allowed: float | None, violating: float | None, wanted: float
) -> None:
    examples = [make.example("a", {}, "g", "twin"), make.example("b", {"spam": 3}, "g", "twin"), make.example("c")]
    verdicts = [
        make.unparsed(id) if score is None else make.verdict(id, scores={"iptv": score})
        for id, score in (("a", allowed), ("b", violating), ("c", 0.0))
    ]
    assert pair_accuracy(examples, verdicts, make.policy()) == wanted
    assert pair_accuracy(examples[::-1], verdicts[::-1], make.policy()) == wanted


def test_pair_accuracy_needs_scores(make: SimpleNamespace, mixed: list[Any]) -> None:
    assert pair_accuracy(mixed, [make.verdict(example.id) for example in mixed], make.policy()) is None


@pytest.mark.parametrize(
    ("rated", "scores", "wanted"),
    [
        ({"phishing": 3}, None, 1),
        ({"phishing": 3, "spam": 4}, None, 0),
        ({"phishing": 1}, None, 1),
        ({}, {"phishing": 0.4}, 0),
        ({"phishing": 3, "spam": 3}, {"phishing": 0.9, "spam": 0.8}, 1),
        ({"phishing": 3, "spam": 3}, {"phishing": 0.7, "spam": 0.8}, 0),
        ({"phishing": 3, "spam": 3}, None, 0),
    ],
)
def test_top_category(make: SimpleNamespace, rated: dict[str, int], scores: Any, wanted: float) -> None:
    examples = [make.example("1", {"phishing": 4, "spam": 3}), make.example("2")]
    verdicts = [make.verdict("1", rated, scores), make.verdict("2", {"iptv": 4}, scores and {"iptv": 0.9})]
    assert measure(examples, verdicts, make.policy())["top_category"] == wanted
