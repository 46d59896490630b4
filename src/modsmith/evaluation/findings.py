"""The verdict in words, from the numbers of a summary alone.

A difference is claimed only where the paired test, corrected by Holm, has p under 0.05 (`paired`); two intervals side
by side claim nothing. The best system is the one with the highest F1 that is no shortcut probe, and it is credited for
what it scores above bag of words. Missing numbers print as "n/a" with the reason and never win a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modsmith.evaluation.board import Board
from modsmith.evaluation.labels import METRICS
from modsmith.evaluation.paired import SIGNIFICANT
from modsmith.evaluation.report_plots import Estimate, number, percent, spaced


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know: its name, the figure, the figure's interval or unit, one or two sentences."""

    lead: str
    figure: str
    note: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict: a headline, four facts, and what to keep in mind."""

    headline: str
    facts: list[Fact]
    cautions: list[str]


def find(summary: Mapping[str, Any]) -> Finding:
    """Word the verdict. Raises `UserError` when the summary has no systems."""
    board = Board.of(summary)
    best, f1 = board.best, board.get(board.best, "f1")
    if best is None or f1 is None:
        return Finding("No system could be scored on this test set.", [], [])
    words = board.words if board.words != best else None
    base = board.get(words, "f1")
    if best in board.probes:
        headline = f"No model was evaluated; the best shortcut probe, {best}, reaches F1 {f1.text}."
        against = "A model has to beat this before it can be said to read the policy."
    elif words is None or base is None:
        headline = f"{best} reaches F1 {f1.text}; there is no bag-of-words baseline to compare it with."
        against = "Without that baseline nobody can say how much of this is reading the policy."
    else:
        ahead, because = _compare(summary, best, words)
        verb = {1: "clearly beats", 0: "is not clearly better than", -1: "is worse than"}[ahead]
        headline = f"{best} {verb} bag of words: F1 {f1.text} against {base.text}."
        against = f"Bag of words, which never sees the policy, reaches {base.full}. {because}"
    facts = [Fact("Overall, F1", f1.text, f1.interval, against), _missed(board), _flagged(board), _twins(board, words)]
    return Finding(headline, facts, _cautions(summary, board, f1))


def _compare(summary: Mapping[str, Any], a: str, b: str) -> tuple[int, str]:
    """1 when `a` is clearly better, -1 when `b` is, 0 when it may be chance; and the sentence that says so."""
    for pair in summary.get("paired") or []:
        e = Estimate.read({**pair, "value": pair.get("difference")})
        if pair.get("metric") != "f1" or {pair.get("a"), pair.get("b")} != {a, b} or e is None:
            continue
        value, low, high = (e.value, e.low, e.high) if pair["a"] == a else (-e.value, _minus(e.high), _minus(e.low))
        ends = "" if low is None or high is None else f"{number(low, True)} to {number(high, True)}, "
        p = Estimate.read(pair.get("p_holm"))
        sure = p is not None and p.value < SIGNIFICANT
        said = "not tested" if p is None else "p < 0.001" if p.value < 0.001 else f"p = {p.value:.3f}"
        chance = "" if sure else ", so it may be chance"
        return sure * ((value > 0) - (value < 0)), f"The difference is {number(value, True)} ({ends}{said}){chance}."
    return 0, "The two were not tested against each other, so the difference may be chance."


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _missed(board: Board) -> Fact:
    system = board.systems[board.best or ""]
    found = {name: Estimate.read((row or {}).get("recall")) for name, row in (system.get("per_category") or {}).items()}
    weak = sorted((e.value, name) for name, e in found.items() if e and e.value < 1)[:2]
    where = " and ".join(f"{spaced(name)} ({percent(value)}\u00a0found)" for value, name in weak)
    text = f"It is weakest on {where}." if weak else ""
    return _share(board, "What it misses", ("fn", "tp", "violating"), "pass", text)


def _flagged(board: Board) -> Fact:
    near, plain = board.get(board.best, "near_miss_fpr"), board.get(board.best, "ordinary_fpr")
    text = f"Of near misses, lawful but alarming at a glance, it flags {percent(near.value)}" if near else ""
    text += f"; of ordinary listings {percent(plain.value)}" if near and plain else ""
    return _share(board, "What it wrongly flags", ("fp", "tn", "allowed"), "are flagged", f"{text}." if text else "")


def _share(board: Board, lead: str, keys: tuple[str, str, str], verb: str, text: str) -> Fact:
    counts = board.systems[board.best or ""].get("confusion") or {}
    wrong, right, gold = counts.get(keys[0]), counts.get(keys[1]), keys[2]
    if wrong is None or right is None or wrong + right == 0:
        return Fact(lead, "n/a", "", f"The test set has no {gold} listing.")
    share = f"{percent(wrong / (wrong + right))} of {gold} listings {verb}."
    return Fact(lead, str(wrong), f"of {wrong + right} {gold}", f"{share} {text}".strip())


def _twins(board: Board, words: str | None) -> Fact:
    twins, base = board.get(board.best, "twin_accuracy"), board.get(words, "twin_accuracy")
    if twins is None:
        return Fact("Twins, both right", "n/a", "", f"Here {METRICS['twin_accuracy'].missing}.")
    text = "Twins sound alike and differ in one fact, so style cannot decide them."
    text += f" Bag of words gets {percent(base.value)} of the pairs." if base else ""
    ends = f"{100 * twins.ends[0]:.0f}–{percent(twins.ends[1])}" if twins.ends else ""
    return Fact("Twins, both right", percent(twins.value), ends, text)


def _cautions(summary: Mapping[str, Any], board: Board, f1: Estimate) -> list[str]:
    cautions = []
    if len(board.models) > 1 and (second := board.get(board.models[1], "f1")):
        ahead, _ = _compare(summary, board.models[0], board.models[1])
        gap = "clearly behind" if ahead > 0 else "close enough that their order may be chance"
        cautions.append(f"The runner-up is {board.models[1]}, F1 {second.full}: {gap}.")
    if f1.ends and f1.ends[1] - f1.ends[0] > 0.12:
        cautions.append("The interval is wide: this test set is too small to rank systems that are close.")
    parsed = board.get(board.best, "parse_rate")
    if parsed is not None and parsed.value < 0.99:
        cautions.append(f"{percent(1 - parsed.value)} of its answers could not be read and count as wrong.")
    return cautions
