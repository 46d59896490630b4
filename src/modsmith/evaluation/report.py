"""The evaluation report: one summary, read by people as a page, a Markdown file and a terminal table.

The verdict is worded here, from the numbers alone: the best system is the one with the highest F1 that is no shortcut
probe, and it is credited for what it scores above bag of words. Missing numbers print as "n/a" with the reason and
never win a comparison. Listing text is untrusted: the page escapes it and forbids every script but its own by hash, and
the Markdown file escapes all punctuation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modsmith.errors import UserError
from modsmith.evaluation import report_plots as plots
from modsmith.evaluation.look import page_environment
from modsmith.evaluation.report_plots import COLUMNS, METRICS, Estimate, number, percent, spaced
from modsmith.evaluation.summary import MISTAKES
from modsmith.files import atomic_write

if TYPE_CHECKING:
    from rich.console import Console

# --- systems -----------------------------------------------------------------------------------------------


MISTAKES_SHOWN = 300
"""Most mistakes per system on the page, whatever wrote the summary; modsmith's own keep `MISTAKES` each."""

_WORDS = re.compile(r"bag.?of.?words?|\bbow\b|tf.?idf")
_PROBE = re.compile(rf"{_WORDS.pattern}|probe|majority|function.?words?|^(always|random|constant|length|format)")


def is_probe(name: str, system: Mapping[str, Any]) -> bool:
    """Does the system decide without reading the policy? Its own `probe: true/false` wins over its name."""
    given = system.get("probe")
    return bool(_PROBE.search(name.lower())) if given is None else bool(given)


def _estimate(system: Mapping[str, Any], metric: str) -> Estimate | None:
    return Estimate.read((system.get("metrics") or {}).get(metric))


@dataclass(frozen=True, slots=True)
class Board:
    """The systems of a summary in reading order: models by F1, then probes by F1."""

    systems: dict[str, Mapping[str, Any]]
    models: list[str]
    probes: list[str]
    best: str | None
    words: str | None
    """The bag-of-words baseline, if it was run."""

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Board:
        """Rank the systems of `summary`. Raises `UserError` when it has none."""
        systems = summary.get("systems")
        if not isinstance(systems, Mapping) or not systems:
            raise UserError("the evaluation summary has no systems to report; evaluate a model or a baseline first")
        ranked = sorted(systems, key=lambda name: -(e.value if (e := _estimate(systems[name], "f1")) else -1))
        probes = [name for name in ranked if is_probe(name, systems[name])]
        models = [name for name in ranked if name not in probes]
        scored = [name for name in models or probes if _estimate(systems[name], "f1")]
        words = next((name for name in ranked if _WORDS.search(name.lower())), None)
        return cls(dict(systems), models, probes, scored[0] if scored else None, words)

    def get(self, name: str | None, metric: str) -> Estimate | None:
        """One number of one system; `None` when the number or the system is missing."""
        return _estimate(self.systems[name], metric) if name else None

    def winners(self, metric: str) -> set[str]:
        """The models with the best printed value; none when all are equal or only one has a value."""
        values = {name: round(e.value, 2) for name in self.models if (e := self.get(name, metric))}
        if len(values) < 2 or len(set(values.values())) == 1:
            return set()
        best = (min if METRICS[metric].lower else max)(values.values())
        return {name for name, value in values.items() if value == best}


# --- the verdict in words ---------------------------------------------------------------------------------------------


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
        ahead, because = _compare(summary, best, words, f1, base)
        verb = {1: "clearly beats", 0: "is not clearly better than", -1: "is worse than"}[ahead]
        headline = f"{best} {verb} bag of words: F1 {f1.text} against {base.text}."
        against = f"Bag of words, which never sees the policy, reaches {base.full}. {because}"
    facts = [Fact("Overall, F1", f1.text, f1.interval, against), _missed(board), _flagged(board), _twins(board, words)]
    return Finding(headline, facts, _cautions(summary, board, f1))


def _compare(summary: Mapping[str, Any], a: str, b: str, f1_a: Estimate, f1_b: Estimate) -> tuple[int, str]:
    """1 when `a` is clearly better, -1 when `b` is, 0 when it may be chance; and the sentence that says so."""
    for pair in summary.get("paired") or []:
        e = Estimate.read({**pair, "value": pair.get("difference")})
        if pair.get("metric") == "f1" and {pair.get("a"), pair.get("b")} == {a, b} and e and e.ends:
            low, high = e.ends if pair["a"] == a else (-e.ends[1], -e.ends[0])
            value, ahead = e.value if pair["a"] == a else -e.value, (low > 0) - (high < 0)
            ends = f"{number(low, True)} to {number(high, True)}" + ("" if ahead else ", so it may be chance")
            return ahead, f"The difference is {number(value, True)} ({ends})."
    if not f1_a.ends or not f1_b.ends:
        return 0, "There are no intervals, so the difference may be chance."
    ahead = (f1_a.ends[0] > f1_b.ends[1]) - (f1_a.ends[1] < f1_b.ends[0])
    return ahead, "The two intervals " + ("do not overlap." if ahead else "overlap, so the difference may be chance.")


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
        ahead, _ = _compare(summary, board.models[0], board.models[1], f1, second)
        gap = "clearly behind" if ahead > 0 else "close enough that their order may be chance"
        cautions.append(f"The runner-up is {board.models[1]}, F1 {second.full}: {gap}.")
    if f1.ends and f1.ends[1] - f1.ends[0] > 0.12:
        cautions.append("The interval is wide: this test set is too small to rank systems that are close.")
    parsed = board.get(board.best, "parse_rate")
    if parsed is not None and parsed.value < 0.99:
        cautions.append(f"{percent(1 - parsed.value)} of its answers could not be read and count as wrong.")
    return cautions


# --- tables -----------------------------------------------------------------------------------------------------------


def comparison_markdown(summary: Mapping[str, Any]) -> str:
    """The comparison as a Markdown table: the best model of a column in bold, probes below in italics."""
    board = Board.of(summary)
    lines = ["| System | " + " | ".join(METRICS[metric].label for metric in COLUMNS) + " |"]
    lines.append("|---|" + "---:|" * len(COLUMNS))
    for name in board.models + board.probes:
        cells = [f"*{_markdown(name)}*" if name in board.probes else _markdown(name)]
        for metric in COLUMNS:
            e = board.get(name, metric)
            text = "n/a" if e is None else f"**{e.text}**" if name in board.winners(metric) else e.text
            cells.append(text + (f" <sub>{e.interval}</sub>" if e and e.interval else ""))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def print_comparison(summary: Mapping[str, Any], console: Console) -> None:
    """Print the comparison. A narrow terminal gets fewer intervals, then fewer columns; numbers are never cut."""
    from rich.table import Table
    from rich.text import Text

    board, columns = Board.of(summary), list(COLUMNS)
    room = console.width - max(len(name) for name in board.systems)
    roomy = room >= 14 * len(columns)
    while not roomy and len(columns) > 3 and room < 8 + sum(len(METRICS[metric].label) + 2 for metric in columns):
        columns.pop()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("System", overflow="fold")
    for metric in columns:
        table.add_column(METRICS[metric].label, justify="right", no_wrap=True)
    for name in board.models + board.probes:
        if board.probes[:1] == [name]:
            table.add_row(Text("shortcut probes", style="dim italic"))
        style = "dim" if name in board.probes else ""
        cells = [Text(name, style=style)]
        for metric in columns:
            e = board.get(name, metric)
            cells.append(Text(e.text if e else "n/a", style="bold green" if name in board.winners(metric) else style))
            if e and e.interval and (roomy or metric == "f1"):
                cells[-1].append(f"\n{e.interval}", style="dim")
        table.add_row(*cells)
    console.print(table)


def _markdown(text: Any) -> str:
    """Untrusted text as one line of plain Markdown: no markup, HTML, entity, mention, formula or automatic link."""
    return re.sub(r"([\\`*_{}\[\]<>|~&$@#]|:(?=//)|(?<=www)\.)", r"\\\1", " ".join(str(text).split()), flags=re.I)


# --- the page ---------------------------------------------------------------------------------------------------------


def _page(summary: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """The HTML page. Its one script is allowed by hash, so that no text could run even if it escaped its element."""
    board, finding = Board.of(summary), find(summary)
    environment = page_environment("modsmith.evaluation")
    environment.globals["plots"] = plots
    environment.filters |= {"mistake": plots.mistake, "words": _words}
    pairs = plots.paired_rows(summary.get("paired") or [])
    return environment.get_template("report.html.j2").render(
        summary=summary,
        board=board,
        finding=finding,
        metrics=METRICS,
        more=[m for m in METRICS if m not in COLUMNS and any(board.get(name, m) for name in board.systems)],
        shown=MISTAKES_SHOWN,
        kept=MISTAKES,
        pairs=pairs,
        pair_ticks=plots.difference_ticks(row for _, row in pairs),
        panels=plots.training_panels(training),
    )


def _words(value: Any) -> str:
    """A provenance value as text: nested objects as `key value` pairs."""
    if isinstance(value, Mapping):
        return ", ".join(f"{spaced(key)} {_words(item)}" for key, item in value.items())
    return ", ".join(map(_words, value)) if isinstance(value, list) else "n/a" if value is None else str(value)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_report(summary: dict[str, Any], folder: Path, training: dict[str, Any] | None = None) -> dict[str, Path]:
    """Write `summary.json`, `report.md` and `report.html` into `folder`, each atomically and only once all are made.

    `training` maps a phase ("sft", "grpo") to the rows of its metrics JSONL. NaN and infinity become `null`. The page
    is one file that loads nothing. Returns the paths by "json", "markdown" and "html". Raises `UserError` when the
    summary has no systems or the folder cannot be written.
    """
    plain = _plain(summary)
    texts = {
        "json": ("summary.json", json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"),
        "markdown": ("report.md", _markdown_report(plain)),
        "html": ("report.html", _page(plain, _plain(training or {}))),
    }
    paths = {}
    for kind, (name, text) in texts.items():
        paths[kind] = Path(folder) / name
        with atomic_write(paths[kind]) as file:
            file.write(text)
    return paths


def _plain(value: Any) -> Any:
    """Plain JSON values: numpy unpacked, what is not finite is `None`, lone surrogates replaced."""
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    return str(value).encode("utf-8", "replace").decode()


def _markdown_report(summary: Mapping[str, Any]) -> str:
    board, finding = Board.of(summary), find(summary)
    parts = [f"# {_markdown(finding.headline)}", ""]
    for fact in finding.facts:
        note = f" <sub>{fact.note}</sub>" if fact.note else ""
        parts.append(f"- **{fact.lead}: {fact.figure}**{note}. {_markdown(fact.text)}")
    parts += [f"- {_markdown(text)}" for text in finding.cautions]
    parts += ["", "## All systems", "", comparison_markdown(summary)]
    parts += ["Intervals are in small print. Probes, in italics, decide without reading the policy.", ""]
    if pairs := plots.paired_rows(summary.get("paired") or []):
        parts += ["## Paired differences", "", "| Pair | Metric | Difference | | First is |", "|---|---|---:|---|---|"]
        for label, row in pairs:
            shown = row.estimate.full if row.estimate else "n/a"
            parts.append(f"| {_markdown(row.name)} | {_markdown(label)} | {shown} | {row.note} | {row.style} |")
    if board.best and (mistakes := board.systems[board.best].get("mistakes")):
        parts += ["", f"## First mistakes of {_markdown(board.best)}", ""]
        for one in map(plots.mistake, mistakes[:10]):
            told = f"gold {one['gold']}, said {one['predicted']}"
            parts.append(f"- {one['type']}: {_markdown(one['title'])} ({_markdown(told)})")
    parts += ["", "## Provenance", ""]
    for key, value in (summary.get("provenance") or {}).items():
        parts.append(f"- {_markdown(spaced(key))}: {_markdown(_words(value))}")
    return "\n".join(parts) + "\n"
