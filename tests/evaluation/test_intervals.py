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
from modsmith.evaluation.intervals import draw_weights


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


def test_p_by_hand(make: SimpleNamespace) -> None:
    """Twice the smaller side of zero, counted over differences that are recomputed here from the weights."""
    examples, a = coins(make, 3, 0.75, 60)
    _, b = coins(make, 4, 0.65, 60)
    right = [compare(examples, verdicts, make.policy()).right_N.astype(int) for verdicts in (a, b)]
    drawn = draw_weights(60, 300, seed=2)[1:] @ (right[0] - right[1])
    gap = paired_difference(a, b, examples, make.policy(), "accuracy", resamples=300, seed=2)
    assert gap.p == pytest.approx(2 * (min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1) / 301)
    assert 0.02 < gap.p < 0.9
