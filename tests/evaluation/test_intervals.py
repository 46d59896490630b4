"""Intervals: they cover, they respect groups, they do not pretend to certainty; paired tests."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modsmith.evaluation import (
    METRICS,
    Prediction,
    bootstrap,
    bootstrap_categories,
    compare,
    mcnemar,
    measure,
    measure_categories,
    paired_difference,
)
from modsmith.evaluation.intervals import base_rate_interval, draw_weights
from modsmith.evaluation.paired import holm, permutation_p


def coins(make: SimpleNamespace, seed: int, right: float, n: int = 60, copies: int = 1) -> tuple[list[Any], list[Any]]:
    """Half violating; each of n groups is judged rightly with chance `right`; `copies` equal listings per group."""
    rng = np.random.default_rng(seed)
    examples, verdicts = [], []
    for place in range(n):
        gold = {"spam": 3} if place % 2 else {}
        answer = gold if rng.random() < right else ({} if gold else {"spam": 3})
        for copy in range(copies):
            examples.append(make.example(f"{place}-{copy}", gold, f"g{place}"))
            verdicts.append(make.verdict(f"{place}-{copy}", answer))
    return examples, verdicts


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_value_is_the_metric_and_lies_inside(make: SimpleNamespace, seed: int) -> None:
    examples, verdicts = make.random_set(seed, bad=0.05)
    wanted = measure(examples, verdicts, make.policy())
    found = bootstrap(examples, verdicts, make.policy(), resamples=100, seed=1)
    assert list(found) == list(METRICS)
    for name, interval in found.items():
        assert interval.value == (None if wanted[name] is None else pytest.approx(wanted[name])), name
        if interval.value is None:
            assert interval.low is None and interval.high is None
        elif interval.low is not None and interval.high is not None:
            assert interval.low <= interval.high
            assert interval.n > 0


def test_units(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(3, bad=0.1)
    found = bootstrap(examples, verdicts, make.policy(), resamples=10)
    parsed = sum(verdict.parse_ok for verdict in verdicts)
    assert found["f1"].n == found["auroc"].n == found["parse_rate"].n == len(examples)
    assert found["severity_kappa"].n == found["severity_mae"].n == 3 * parsed
    assert found["severity_mae_nonzero"].n < found["severity_mae"].n
    assert found["recall"].n == sum(example.violates for example in examples)
    assert found["twin_accuracy"].n == sum(example.kind == "twin" for example in examples) / 2


def test_coverage(make: SimpleNamespace) -> None:
    """The 95 % interval holds the truth in about 95 % of samples (here 120, of 100 groups: at least 88 %)."""
    held = {"accuracy": 0, "recall": 0, "f1": 0}
    for seed in range(120):
        found = bootstrap(*coins(make, seed, right=0.8, n=100), make.policy(), resamples=200, seed=seed)
        for name in held:
            low, high = found[name].low, found[name].high
            held[name] += low is not None and high is not None and low <= 0.8 <= high
    assert min(held.values()) >= 106, held
    assert max(held.values()) < 120, "intervals this wide say nothing"


def test_duplicates_add_no_certainty(make: SimpleNamespace) -> None:
    """Four copies of each listing: by group the interval stays as it is, listing by listing it would halve."""
    once = bootstrap(*coins(make, 0, 0.8), make.policy())
    clustered = bootstrap(*coins(make, 0, 0.8, copies=4), make.policy())
    examples, verdicts = coins(make, 0, 0.8, copies=4)
    naive = bootstrap([replace(example, group=example.id) for example in examples], verdicts, make.policy())
    for name in ("f1", "accuracy", "recall", "kappa"):
        width, wide, narrow = (found[name].high - found[name].low for found in (once, clustered, naive))  # type: ignore[operator]
        assert wide == pytest.approx(width), name
        assert 0.35 < narrow / wide < 0.7, name


def test_it_equals_the_slow_way(make: SimpleNamespace) -> None:
    """Percentiles over resamples that are really built, group by group."""
    examples, verdicts = make.random_set(11, n=30)
    groups = compare(examples, verdicts, make.policy()).group_N
    values: dict[str, list[float]] = {"f1": [], "auroc": [], "severity_kappa": []}
    for weights in draw_weights(int(groups.max()) + 1, 40, seed=7)[1:].astype(int):
        copies = [(n, copy) for n in range(len(examples)) for copy in range(weights[groups[n]])]
        drawn = [
            replace(examples[n], listing=replace(examples[n].listing, id=f"{n}-{copy}"), group=f"{groups[n]}/{copy}")
            for n, copy in copies
        ]
        found = measure(drawn, [replace(verdicts[n], id=f"{n}-{copy}") for n, copy in copies], make.policy())
        for name, seen in values.items():
            assert found[name] is not None
            seen.append(found[name])  # type: ignore[arg-type]
    fast = bootstrap(examples, verdicts, make.policy(), resamples=40, seed=7)
    for name, seen in values.items():
        assert [fast[name].low, fast[name].high] == pytest.approx(np.quantile(seen, [0.025, 0.975]).tolist()), name


def test_the_seed_decides(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(2)
    first, again, other = (bootstrap(examples, verdicts, make.policy(), 50, seed) for seed in (4, 4, 5))
    assert first == again
    assert first != other


def test_a_thousand_resamples_of_400_listings_are_quick(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(0, n=400)
    start = time.perf_counter()
    bootstrap(examples, verdicts, make.policy(), resamples=1000)
    assert time.perf_counter() - start < 2


# --- the edges --------------------------------------------------------------------------------------------------------


def test_a_perfect_score_is_not_certain(make: SimpleNamespace) -> None:
    """All 12 violating found: the exact binomial interval of 12 of 12 starts at 0.735, and copies do not raise it."""
    for copies in (1, 5):
        found = bootstrap(*coins(make, 0, 1.0, n=24, copies=copies), make.policy(), resamples=50)
        assert (found["recall"].value, found["recall"].high) == (1.0, 1.0)
        assert found["recall"].low == pytest.approx(0.735, abs=1e-3)
        assert found["f1"].low == pytest.approx(2 * 0.735 / 1.735, abs=1e-3)
        assert (found["fpr"].value, found["fpr"].low) == (0.0, 0.0)
        assert found["fpr"].high == pytest.approx(1 - 0.735, abs=1e-3)
    per_category = bootstrap_categories(*coins(make, 0, 1.0, n=24), make.policy(), resamples=50)
    assert per_category["spam"]["recall"].low == pytest.approx(0.735, abs=1e-3)


def test_one_group_has_no_interval(make: SimpleNamespace) -> None:
    examples = [make.example("1", {"spam": 3}, "g"), make.example("2", {}, "g")]
    verdicts = [make.verdict("1", {"spam": 3}), make.verdict("2", {"spam": 3})]
    for interval in bootstrap(examples, verdicts, make.policy(), resamples=20).values():
        assert interval.low is None and interval.high is None
    gap = paired_difference(verdicts, [make.unparsed("1"), make.unparsed("2")], examples, make.policy(), resamples=20)
    assert gap.value == pytest.approx(2 / 3)
    assert gap.low is gap.high is gap.p is None


def test_mostly_undefined_resamples_give_no_interval(make: SimpleNamespace) -> None:
    """One allowed listing, one passed: MCC needs both, and both are in 40 % of resamples; the false positive rate needs
    one of them, which is in 63 %, and knows next to nothing."""
    examples = [make.example(str(n), {"spam": 3} if n else {}) for n in range(20)]
    verdicts = [make.verdict(str(n), {"spam": 3} if n != 1 else {}) for n in range(20)]
    found = bootstrap(examples, verdicts, make.policy(), resamples=200)
    assert found["mcc"].value == pytest.approx(-1 / 19)
    assert found["mcc"].low is None and found["mcc"].high is None
    assert (found["fpr"].value, found["fpr"].low, found["fpr"].high) == (1, pytest.approx(0.025), 1)
    assert found["fpr"].n == 1
    nobody = bootstrap(examples[2:4], verdicts[2:4], make.policy(), resamples=20)
    assert nobody["fpr"].value is None and nobody["fpr"].n == 0


def test_categories_use_the_same_numbers(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(9)
    wanted = measure_categories(examples, verdicts, make.policy())
    for category, row in bootstrap_categories(examples, verdicts, make.policy(), resamples=50).items():
        for name, interval in row.items():
            value = wanted[category][name]
            assert interval.value == (None if value is None else pytest.approx(value))


# --- pairs ------------------------------------------------------------------------------------------------------------


def two_judges(make: SimpleNamespace, seed: int = 0, n: int = 120) -> tuple[list[Any], list[Any], list[Any]]:
    """A judge that errs in 30 %, and one that mends half of those errors and makes none of its own."""
    examples, worse = coins(make, seed, 0.7, n)
    rng = np.random.default_rng(seed + 1)
    better = [
        make.verdict(example.id, dict(example.ratings)) if rng.random() < 0.5 else verdict
        for example, verdict in zip(examples, worse, strict=True)
    ]
    return examples, better, worse


def test_a_real_difference_is_found(make: SimpleNamespace) -> None:
    examples, better, worse = two_judges(make)
    gap = paired_difference(better, worse, examples, make.policy(), "accuracy")
    found = [measure(examples, verdicts, make.policy())["accuracy"] for verdicts in (better, worse)]
    assert gap.value == pytest.approx(found[0] - found[1])  # type: ignore[operator]
    assert gap.low is not None and gap.low > 0
    assert gap.p is not None and gap.p < 0.01 and gap.mcnemar_p < 0.01
    ends = [bootstrap(examples, verdicts, make.policy())["accuracy"] for verdicts in (better, worse)]
    assert gap.high is not None
    unpaired = np.hypot(*(end.high - end.low for end in ends))  # type: ignore[operator]
    assert gap.high - gap.low < 0.9 * unpaired, "pairing removes the shared noise"


def test_swapping_turns_the_sign(make: SimpleNamespace) -> None:
    examples, better, worse = two_judges(make)
    one = paired_difference(better, worse, examples, make.policy())
    two = paired_difference(worse, better, examples, make.policy())
    assert (two.value, two.low, two.high) == pytest.approx((-one.value, -one.high, -one.low))  # type: ignore[operator]
    assert (two.p, two.mcnemar_p) == pytest.approx((one.p, one.mcnemar_p))


def test_equal_systems_do_not_differ(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(2)
    for metric in METRICS:
        gap = paired_difference(verdicts, list(verdicts), examples, make.policy(), metric, resamples=50)
        assert (gap.value, gap.low, gap.high, gap.p, gap.mcnemar_p) == (0, 0, 0, 1, 1), metric
    assert paired_difference(verdicts, verdicts, examples, make.policy(), resamples=50).value == 0


def test_chance_is_seldom_called_a_difference(make: SimpleNamespace) -> None:
    """Two judges of equal skill: p falls under 0.05 in about one of twenty data sets."""
    called = 0
    for seed in range(100):
        examples, a = coins(make, seed, 0.7, 80)
        _, b = coins(make, seed + 10_000, 0.7, 80)
        p = paired_difference(a, b, examples, make.policy(), "accuracy", resamples=200, seed=seed).p
        called += p is not None and p < 0.05
    assert called <= 12


def test_undefined_on_one_side_is_none(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(1)
    silent = [Prediction(example.id, "allow", None, None) for example in examples]
    gap = paired_difference(verdicts, silent, examples, make.policy(), "precision", resamples=20)
    assert gap.value is gap.low is gap.high is gap.p is None
    assert 0 <= gap.mcnemar_p <= 1


def test_an_unknown_metric_is_named(make: SimpleNamespace) -> None:
    examples, verdicts = make.random_set(1)
    with pytest.raises(ValueError, match="unknown metric 'F1'; the metrics are precision"):
        paired_difference(verdicts, verdicts, examples, make.policy(), "F1")


def test_mcnemar_by_hand(make: SimpleNamespace) -> None:
    """Only A right 6 times, only B once: two-sided exact p = 2 (1 + 7) / 2^7."""
    examples = [make.example(str(n), {"spam": 3}) for n in range(10)]
    right, wrong = {"spam": 3}, {}
    a = [make.verdict(str(n), right if n < 8 else wrong) for n in range(10)]
    b = [make.verdict(str(n), right if n < 2 or n == 8 else wrong) for n in range(10)]
    p = mcnemar(compare(examples, a, make.policy()), compare(examples, b, make.policy()))
    assert p == pytest.approx(2 * (1 + 7) / 2**7)


@pytest.mark.parametrize("metric", ["accuracy", "auroc"])
def test_p_is_that_of_swapping_whole_groups(make: SimpleNamespace, metric: str) -> None:
    """All 2^6 swaps of six groups, each measured afresh, against the sampled ones."""
    rng = np.random.default_rng(1)
    examples = [make.example(f"{n}", {"spam": 3} if n % 2 else {}, f"g{n // 3}") for n in range(18)]
    a, b = (
        [
            make.verdict(e.id, {"spam": int(4 * s)}, {"spam": s})
            for e in examples
            for s in [float(np.clip(e.violates * skill + rng.normal() / 4 + 0.2, 0, 1))]
        ]
        for skill in (0.6, 0.2)
    )
    groups = sorted({example.group for example in examples})

    def gap(swapped: set[str]) -> float:
        first, second = (
            [
                other if example.group in swapped else own
                for example, own, other in zip(examples, ours, theirs, strict=True)
            ]
            for ours, theirs in ((a, b), (b, a))
        )
        found = [measure(examples, verdicts, make.policy())[metric] for verdicts in (first, second)]
        return found[0] - found[1]  # type: ignore[operator]

    every = [gap({g for place, g in enumerate(groups) if bits >> place & 1}) for bits in range(2 ** len(groups))]
    exact = np.mean([abs(one) >= abs(every[0]) - 1e-12 for one in every])
    ours, theirs = (compare(examples, verdicts, make.policy()) for verdicts in (a, b))
    assert permutation_p([metric], ours, theirs, 4999)[metric] == pytest.approx(exact, abs=0.03)


def test_permutation_agrees_with_scipy(make: SimpleNamespace) -> None:
    from scipy.stats import permutation_test

    examples, a = coins(make, 3, 0.75, 60)
    _, b = coins(make, 4, 0.65, 60)
    ours, theirs = (compare(examples, verdicts, make.policy()) for verdicts in (a, b))
    wanted = permutation_test(
        (ours.right_N.astype(float), theirs.right_N.astype(float)),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        permutation_type="samples", vectorized=True, n_resamples=4999, rng=np.random.default_rng(0),
    ).pvalue  # fmt: skip
    assert permutation_p(["accuracy"], ours, theirs)["accuracy"] == pytest.approx(wanted, abs=0.03)


def test_holm_by_hand() -> None:
    """Holm's own steps: 0.01 x 4, 0.013 x 3 = 0.039 held at 0.04, 0.04 x 2, and 0.8 x 1; `None` is no question."""
    assert holm([0.04, 0.01, None, 0.8, 0.013]) == pytest.approx([0.08, 0.04, None, 0.8, 0.04])
    assert holm([]) == [] and holm([0.9, 0.7]) == [1.0, 1.0]


@settings(max_examples=50, deadline=None)
@given(ps=st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_never_helps(ps: list[float]) -> None:
    found = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, found, strict=True))  # type: ignore[operator]
    assert [found[n] for n in np.argsort(ps, kind="stable")] == sorted(found)  # type: ignore[type-var]


def test_precision_at_a_base_rate(make: SimpleNamespace) -> None:
    """Bayes by hand; at the set's own rate it is the plain precision; without a false alarm it is not certain."""
    examples, verdicts = coins(make, 1, 0.8, 100)
    outcomes = compare(examples, verdicts, make.policy())
    weights = draw_weights(outcomes.groups, 200, 0)
    found = measure(examples, verdicts, make.policy())
    recall, fpr = found["recall"], found["fpr"]
    assert recall is not None and fpr
    wanted = 0.02 * recall / (0.02 * recall + 0.98 * fpr)
    rare = base_rate_interval(outcomes, weights, 0.02)
    assert rare.value == pytest.approx(wanted) and rare.low < wanted < rare.high  # type: ignore[operator]
    assert base_rate_interval(outcomes, weights, 0.5).value == pytest.approx(found["precision"])
    perfect = compare(*coins(make, 1, 1.0, 100), make.policy())
    sure = base_rate_interval(perfect, weights, 0.02)
    upper = 1 - 0.025 ** (1 / 50)
    assert sure.value == 1 and sure.low == pytest.approx(0.02 / (0.02 + 0.98 * upper)) and sure.low < 0.3
