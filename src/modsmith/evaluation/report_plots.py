"""What the report shows, made ready for `report.html.j2`: numbers, rows and plots as inline SVG.

Plots are drawn in percentages of their own width (`x="42%"`), so that they fill a phone or a wide screen while their
text keeps its size. Colours are CSS classes of `report.html.j2`: one drawing serves the light and the dark scheme.
Rows and heat maps are macros of that template; histograms and curves are made here, every text escaped by
`Markup.format`. A missing number draws nothing and prints "n/a".
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from modsmith.evaluation.labels import metric_of
from modsmith.evaluation.paired import SIGNIFICANT

# --- numbers ----------------------------------------------------------------------------------------------------------


def number(value: float, signed: bool = False) -> str:
    """Two decimals; three where two would pass for exactly 0 or 1; a true minus sign."""
    text = f"{abs(value):.2f}"
    if (text == "0.00" and value) or (text == "1.00" and abs(value) < 1):
        text = f"{abs(value):.3f}"
        text = "<0.001" if text == "0.000" else ">0.999" if text == "1.000" else text
    sign = "−" if value < 0 else "+" if signed and value > 0 else ""
    return text[0] + sign + text[1:] if text[0] in "<>" else sign + text


def percent(share: float) -> str:
    """A share in words: whole percent, one decimal below 1 % and above 99 %."""
    value = 100 * share
    return f"{value:.1f}\u00a0%" if 0 < value < 0.95 or 99.05 < value < 100 else f"{value:.0f}\u00a0%"


def spaced(name: str) -> str:
    """`near_miss` -> `near miss`."""
    return name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and, where known, its interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, raw: Any) -> Estimate | None:
        """From `{value, low, high}`, a bare number or `None`; anything not finite is missing."""
        if not isinstance(raw, Mapping):
            raw = {"value": raw}
        value, low, high = (_finite(raw.get(key)) for key in ("value", "low", "high"))
        return None if value is None else cls(value, low, high)

    @property
    def text(self) -> str:
        """The number alone, `0.81`."""
        return number(self.value)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval, or `None` when it is not known."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def interval(self) -> str:
        """`0.76–0.86`, or nothing when there is no interval."""
        if self.ends is None:
            return ""
        return (" to " if min(self.ends) < 0 else "–").join(number(end) for end in self.ends)

    @property
    def full(self) -> str:
        """`0.81 (0.76–0.86)`."""
        return f"{self.text} ({self.interval})" if self.interval else self.text


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        return None
    return float(value)


# --- rows: a name, a lane, a number -----------------------------------------------------------------------------------

UNIT_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plot. `style` is a CSS class, `second` the thin comparison bar, `note` stands after the number."""

    name: str
    estimate: Estimate | None
    style: str = ""
    second: Estimate | None = None
    note: str = ""
    missing: str = "not measured"


def paired_rows(paired: Sequence[Mapping[str, Any]]) -> list[tuple[str, Row]]:
    """(metric label, row) per paired difference a - b; the row's style says whether a is better or worse by the
    paired test with Holm's correction, or unclear."""
    found = []
    for pair in paired:
        metric = metric_of(pair["metric"])
        e = Estimate.read({**pair, "value": pair.get("difference")})
        corrected = Estimate.read(pair.get("p_holm"))
        sure = e is not None and corrected is not None and corrected.value < SIGNIFICANT
        ahead = (e.value > 0) - (e.value < 0) if e and sure else 0
        style = {0: "unclear", 1: "better", -1: "worse"}[-ahead if metric.lower else ahead]
        p = corrected or Estimate.read(pair.get("p"))
        note = "" if p is None else "p < 0.001" if p.value < 0.001 else f"p = {p.value:.3f}"
        row = Row(f"{pair['a']} − {pair['b']}", e, style, None, note, "one of the two gives no such number")
        found.append((metric.label, row))
    return found


def difference_ticks(rows: Iterable[Row]) -> tuple[float, ...]:
    """A scale around zero that is wide enough for every interval."""
    ends = [abs(end) for row in rows if row.estimate for end in (row.estimate.value, *(row.estimate.ends or ()))]
    reach = next((nice for nice in (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8) if nice >= max(ends, default=0)), 1.0)
    return (-reach, -reach / 2, 0.0, reach / 2, reach)


def category_rows(system: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[str, list[Row]]:
    """(metric, rows), weakest category first: F1 of the system beside `base`, or recall where no F1 is given."""
    categories, others = system.get("per_category") or {}, base.get("per_category") or {}
    metric = "f1" if any((row or {}).get("f1") is not None for row in categories.values()) else "recall"
    rows = []
    for name, row in categories.items():
        own, second = Estimate.read((row or {}).get(metric)), Estimate.read((others.get(name) or {}).get(metric))
        count = f"n = {row['support']}" if row and row.get("support") is not None else ""
        missing = "this system names no category, or the test set has none of this one"
        rows.append(Row(spaced(name), own, "best", second, count, missing))
    return metric, sorted(rows, key=lambda row: row.estimate.value if row.estimate else 2)


def at(value: float, low: float, high: float) -> str:
    """Where `value` stands between `low` and `high`, as a percentage for SVG; clipped to the plot."""
    return f"{100 * min(1.0, max(0.0, (value - low) / ((high - low) or 1))):.2f}%"


# --- histogram --------------------------------------------------------------------------------------------------------


def histogram(edges: Sequence[float], allowed: Sequence[int], violating: Sequence[int]) -> Markup:
    """Scores of allowed listings (bars upwards) and violating ones (downwards), each as a share of its own class."""
    shares = [[count / (sum(counts) or 1) for count in counts] for counts in (allowed, violating)]
    tallest = max([*shares[0], *shares[1], 1e-9])
    parts = [Markup('<line class="zero" x1="0" x2="100%" y1="50%" y2="50%"/>')]
    for side, (name, counts) in enumerate((("allowed", allowed), ("violating", violating))):
        for start, end, count, share in zip(edges[:-1], edges[1:], counts, shares[side], strict=False):
            x, right = (float(at(edge, edges[0], edges[-1])[:-1]) for edge in (start, end))
            tall = 45 * share / tallest
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.2f}%" y="{:.2f}%" width="{:.2f}%" height="{:.2f}%">'
                    "<title>score {:g} to {:g}: {} {} ({})</title></rect>"
                ).format(
                    name, x + 0.25, 50 + 0.4 if side else 50 - 0.4 - tall, max(0.1, right - x - 0.5), tall,
                    start, end, count, name, percent(share),
                )
            )  # fmt: skip
    ticks = [edges[0] + (edges[-1] - edges[0]) * part / 4 for part in range(5)]
    return Markup('<svg class="hist" role="img">{}</svg>{}').format(Markup("").join(parts), _x_axis(ticks))


def _x_axis(ticks: Sequence[float]) -> Markup:
    """Tick labels under a plot; the outer two stay inside its width."""
    anchors = ["start", *["middle"] * (len(ticks) - 2), "end"]
    labels = Markup("").join(
        Markup('<text x="{}" y="1em" text-anchor="{}">{}</text>').format(
            at(tick, ticks[0], ticks[-1]), anchor, f"{tick:g}"
        )
        for tick, anchor in zip(ticks, anchors, strict=False)
    )
    return Markup('<svg class="x-axis" aria-hidden="true">{}</svg>').format(labels)


# --- training curves --------------------------------------------------------------------------------------------------

_HELD_OUT_FIRST = ("f1", "recall", "precision", "twin_accuracy", "auroc")
_MOST_LINES = 6


def training_panels(training: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, Markup]]:
    """One panel per phase and kind of curve (loss, reward, held-out scores), from rows of metrics JSONL.

    The loss of a phase that has rewards is left out: in GRPO it starts at zero by construction and says nothing.
    """
    panels = []
    for phase, rows in training.items():
        keys = list(dict.fromkeys(key for row in rows for key in row))
        rewards = [key for key in keys if key.startswith("reward/")]
        rewards.sort(key=lambda key: key != "reward/total")
        losses = [key for key in keys if key.rsplit("/", 1)[-1] == "loss"] if not rewards else []
        held = [f"held_out/{name}" for name in _HELD_OUT_FIRST if f"held_out/{name}" in keys]
        for title, chosen in (("loss", losses), ("reward", rewards), ("held-out scores", held)):
            lines = [(key, line) for key in chosen[:_MOST_LINES] if (line := curve_points(rows, key))]
            if lines:
                panels.append((f"{phase.upper()}: {title}", curves(lines)))
    return panels


def curve_points(rows: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """(step, value) of the rows that have a finite value."""
    pairs = [(_finite(row.get("step", place)), _finite(row.get(key))) for place, row in enumerate(rows)]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _smooth(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A centred mean over a twenty-fifth of the line on either side; short lines stay as they are."""
    half = len(line) // 25 if len(line) > 40 else 0
    near = [line[max(0, place - half) : place + half + 1] for place in range(len(line))]
    return [(x, sum(y for _, y in part) / len(part)) for (x, _), part in zip(line, near, strict=True)]


def curves(lines: list[tuple[str, list[tuple[float, float]]]]) -> Markup:
    """Lines of (step, value) over each other, at most `_MOST_LINES`; held-out scores on a scale from 0 to 1."""
    xs = [x for _, line in lines for x, _ in line]
    scores = all(key.startswith("held_out/") for key, _ in lines)
    ticks = UNIT_TICKS if scores else _nice_ticks([y for _, line in lines for _, y in line])
    x_low, x_high, y_low, y_high = min(xs), max(xs), ticks[0], ticks[-1]
    grid, drawn, dots, legend = Markup(""), Markup(""), Markup(""), Markup("")
    for tick in ticks:
        grid += Markup('<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=at(-tick, -y_high, -y_low))
    for place, (key, line) in reversed(list(enumerate(lines))):
        smooth = _smooth(line)
        for style, points in (("raw", line), ("curve", smooth)) if smooth != line else (("curve", line),):
            thinned = points[:: max(1, len(points) // 300)] + points[-1:]
            path = " ".join(f"{at(x, x_low, x_high)[:-1]},{at(-y, -y_high, -y_low)[:-1]}" for x, y in thinned)
            drawn += Markup('<polyline class="{} s{}" points="{}"/>').format(style, place, path)
        for x, y in line if len(line) <= 25 else []:
            dots += Markup('<circle class="s{}" cx="{}" cy="{}" r="3"/>').format(
                place, at(x, x_low, x_high), at(-y, -y_high, -y_low)
            )
        name, last = spaced(key.removeprefix("reward/").removeprefix("held_out/")), number(smooth[-1][1])
        legend = Markup('<span class="key s{}">{} <b>{}</b></span> ').format(place, name, last) + legend
    labels = Markup("").join(
        Markup('<text x="100%" y="{}" dy=".35em" text-anchor="end">{}</text>').format(
            at(-tick, -y_high, -y_low), f"{tick:g}".replace("-", "−")
        )
        for tick in ticks
    )
    below = _x_axis([x_low, round((x_low + x_high) / 2), x_high]) if x_low < x_high else ""
    return Markup(
        '<p class="legend">{}</p><div class="curves"><svg class="y-axis" aria-hidden="true">{}</svg><div>'
        '<svg class="plot">{}<svg viewBox="0 0 100 100" preserveAspectRatio="none">{}</svg>{}</svg>{}</div></div>'
    ).format(legend, labels, grid, drawn, dots, below)


def _nice_ticks(values: Sequence[float]) -> list[float]:
    """Three to seven round numbers (steps of 1, 2 or 5) that span the values."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high)
    span = span if span > 1e-8 else 1.0  # below what tick labels can tell apart
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = power * next(nice for nice in (1, 2, 5, 10) if nice * power >= span / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 10) for place in range(first, max(last, first + 1) + 1)]
