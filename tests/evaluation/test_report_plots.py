"""What the report shows: numbers, rows, plots."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modsmith.evaluation.report_plots import (
    Estimate,
    category_rows,
    difference_ticks,
    histogram,
    number,
    paired_rows,
    percent,
    training_panels,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0.00"), (1.0, "1.00"), (0.004, "0.004"), (0.9961, "0.996"), (0.00001, "<0.001"), (0.99999, ">0.999"),
     (-0.05, "−0.05"), (12.345, "12.35")],
)  # fmt: skip
def test_number(value: float, expected: str) -> None:
    assert number(value) == expected


@given(st.floats(0, 1))
def test_a_number_or_share_reads_as_none_or_all_only_when_it_is(value: float) -> None:
    assert (number(value) == "1.00") == (value == 1)
    assert (number(value) == "0.00") == (value == 0)
    if 0.001 < value < 0.999:
        assert percent(value) not in ("0\u00a0%", "100\u00a0%", "0.0\u00a0%", "100.0\u00a0%")


def test_estimate_reads_what_a_summary_holds() -> None:
    assert Estimate.read(None) is None
    assert Estimate.read({"value": None, "low": 0.1, "high": 0.2}) is None
    assert Estimate.read(True) is None
    assert Estimate.read(float("nan")) is None
    assert Estimate.read(0.5) == Estimate(0.5)
    assert Estimate(0.5, 0.4, 0.6).full == "0.50 (0.40–0.60)"
    assert Estimate(0.0, -0.1, 0.1).interval == "−0.10 to 0.10"


def test_paired_rows_know_which_direction_is_better() -> None:
    ends = [("f1", 0.1, 0.26), ("f1", -0.02, 0.08), ("f1", -0.07, -0.01), ("fpr", -0.14, -0.03), ("recall", None, None)]
    paired = [
        {
            "a": "x",
            "b": "y",
            "metric": metric,
            "difference": low,
            "low": low,
            "high": high,
            "p": 0.0004,
            "p_holm": 0.0008 if low and (low > 0) == (high > 0) else 0.3,
        }
        for metric, low, high in ends
    ]
    rows = paired_rows(paired)
    assert [row.style for _, row in rows] == ["better", "unclear", "worse", "better", "unclear"]
    assert [row.note for _, row in rows] == ["p < 0.001", "p = 0.300", "p < 0.001", "p < 0.001", "p = 0.300"]
    assert paired_rows([paired[0] | {"p_holm": 0.06}])[0][1].style == "unclear", "whatever the interval says"
    assert paired_rows([paired[0] | {"p_holm": None}])[0][1].style == "unclear"
    low, *_, high = difference_ticks(row for _, row in rows)
    assert (low, high) == (-0.3, 0.3)


def test_histogram_bars_are_shares_of_their_class() -> None:
    svg = histogram([0, 0.5, 1], [90, 10], [1, 9])
    heights = [float(height) for height in re.findall(r'height="([\d.]+)%"', svg)]
    assert heights == [45.0, 5.0, 5.0, 45.0]


def test_training_panels() -> None:
    sft = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "held_out/f1": 0.4}]
    grpo = [{"step": 1, "loss": 0.0, "reward/format": 1.0, "reward/total": 1.5, "held_out/f1": 0.5}]
    panels = training_panels({"sft": sft, "grpo": grpo})
    assert [title for title, _ in panels] == [
        "SFT: loss",
        "SFT: held-out scores",
        "GRPO: reward",
        "GRPO: held-out scores",
    ]
    assert panels[2][1].index("total") < panels[2][1].index("format")
    assert training_panels({"sft": []}) == []
    assert training_panels({"sft": [{"loss": None}, {"loss": 0.5}]})[0][0] == "SFT: loss"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
@example([5e-324])
def test_curves_stay_inside_their_plot(values: list[float]) -> None:
    ((_, svg),) = training_panels({"sft": [{"step": step, "loss": value} for step, value in enumerate(values)]})
    for points in re.findall(r'points="([^"]+)"', svg):
        for part in re.split("[ ,]", points):
            assert 0 <= float(part) <= 100


def test_categories_stand_weakest_first_beside_the_baseline() -> None:
    system = {"per_category": {"spam": {"f1": 0.9, "support": 31}, "iptv": {"f1": None}, "gambling": {"f1": 0.4}}}
    metric, rows = category_rows(system, {"per_category": {"spam": {"f1": 0.5}, "gambling": None}})
    assert metric == "f1"
    assert [row.name for row in rows] == ["gambling", "spam", "iptv"]
    assert rows[1].second == Estimate(0.5)
    assert rows[1].note == "n = 31"
    assert rows[2].estimate is None
    assert category_rows({"per_category": {"spam": {"recall": 0.9}}}, {})[0] == "recall"
    assert category_rows({}, {}) == ("recall", [])
