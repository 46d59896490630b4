"""Calibration: from the model's digit probabilities to probabilities that mean what they say.

Training weights rating-0 digits down, so raw probabilities lean towards violation. Fitted on the validation split and
stored beside the model as `calibration.json`:

| method | what is fitted |
|---|---|
| shared | a temperature and a bias for each rating above 0, the same for all categories: log p'(d) = log p(d) / temperature + bias[d] - log sum, bias[0] = 0 (vector scaling over the ordinal digits, after Guo et al. 1706.04599) |
| temperature | the same five numbers for each category, drawn towards the shared ones where a category has few violations |
| isotonic | the shared five numbers, then for each category a rising line from P(rating >= 3) to how often it was so (pooled adjacent violators, joined at the centres of their blocks: Oron and Flournoy 2017) |

The shared numbers are always in the file: they serve categories that have nothing of their own, and readers that know
of nothing else. With any method, the two bounds by which probabilities become ratings are fitted after it (`levels`).
"""  # noqa: E501 - table rows

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modsmith.errors import UserError
from modsmith.files import write_json
from modsmith.judge.levels import ROUNDED, Bounds, fit_bounds
from modsmith.judge.overall import Overall, fit_overall
from modsmith.judge.pull import Pull, fit_pull
from modsmith.ratings import VIOLATION

FILE = "calibration.json"
Method = Literal["shared", "temperature", "isotonic"]
METHODS: tuple[Method, ...] = ("shared", "temperature", "isotonic")
Bias = tuple[float, float, float, float]


def _normalise(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(odds / odds.sum(-1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Scaling:
    """Temperature and biases of one category."""

    temperature: float
    bias: Bias

    def apply(self, log_digits: np.ndarray) -> np.ndarray:
        """Log-probabilities (..., 5) to probabilities (..., 5)."""
        return _normalise(log_digits / self.temperature + np.array([0.0, *self.bias]))


@dataclass(frozen=True, slots=True)
class RisingLine:
    """Knots of one category's line from P(rating >= 3) to the share that was a violation; both rise strictly."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    def apply(self, digits: np.ndarray) -> np.ndarray:
        """Probabilities (..., 5) to probabilities (..., 5): ratings below 3, and from 3, keep their proportions."""
        stated = digits[..., VIOLATION:].sum(-1, keepdims=True)
        true = np.interp(stated, self.scores, self.shares)
        low = digits[..., :VIOLATION] * (1 - true) / np.maximum(1 - stated, 1e-12)
        high = digits[..., VIOLATION:] * true / np.maximum(stated, 1e-12)
        found = np.concatenate([low, high], axis=-1)
        return np.asarray(found / found.sum(-1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The identity unless fitted."""

    temperature: float = 1.0
    bias: Bias = (0.0, 0.0, 0.0, 0.0)
    """Added to the log-probability of ratings 1, 2, 3 and 4."""
    fitted_on: str = ""
    """Corpus hash, split and mode it was fitted on."""
    method: Method = "shared"
    categories: Mapping[str, Scaling | RisingLine] = field(default_factory=dict)
    """What a category has of its own: a scaling in place of the shared one, or a line behind it."""
    bounds: Bounds = ROUNDED
    """From which expected rating an allowed category is rated 1, and a violating one 4."""
    pull: Pull | None = None
    """What a second reader's word on a category weighs; it moves the digits before anything else does."""
    overall: Overall | None = None
    """What its word on all rules together weighs; it moves the calibrated scores."""
    check: Mapping[str, Any] = field(default_factory=dict)
    """What cross-fitting found (`evaluation.calibrating`): ECE before and after. For people; never read back."""

    def apply(self, log_digits: np.ndarray, names: Sequence[str] = (), second: np.ndarray | None = None) -> np.ndarray:
        """Log-probabilities (..., 5) to calibrated probabilities (..., 5). With `names` the last axis but one is the
        categories, in that order, and each gets its own; `second` holds the second reader's logits (..., 1 + C)."""
        if self.pull and second is not None:
            log_digits = self.pull.apply(log_digits, second)
        shared = _normalise(log_digits / self.temperature + np.array([0.0, *self.bias]))
        for place, name in enumerate(names):
            own = self.categories.get(name)
            if isinstance(own, Scaling):
                shared[..., place, :] = own.apply(log_digits[..., place, :])
            elif own is not None:
                shared[..., place, :] = own.apply(shared[..., place, :])
        return self.overall.apply(shared, second) if self.overall and second is not None else shared

    def save(self, folder: Path) -> None:
        """Write `calibration.json`, without the keys that say nothing new."""
        write_json(
            folder / FILE, {key: value for key, value in asdict(self).items() if value not in ({}, ROUNDED, None)}
        )

    @classmethod
    def load(cls, folder: Path | None) -> Calibration:
        """The calibration stored with a model, or the identity when there is none. Files with nothing but temperature
        and bias are as good as new ones."""
        if folder is None or not (folder / FILE).is_file():
            return cls()
        try:
            data = json.loads((folder / FILE).read_text("utf-8"))
            method = data.get("method", "shared")
            if method not in METHODS:
                raise ValueError(f"unknown method {method!r}")
            own = {name: _read_own(values) for name, values in data.get("categories", {}).items()}
            adjacent, severe = map(float, data.get("bounds", ROUNDED))
            pull = Pull(**_numbers(data["pull"])) if "pull" in data else None
            overall = Overall(**_numbers(data["overall"])) if "overall" in data else None
            return cls(
                float(data["temperature"]), _bias(data["bias"]), data.get("fitted_on", ""), method, own,
                (adjacent, severe), pull, overall, data.get("check", {}),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{folder / FILE} is damaged ({error}); delete it or fit it again with modsmith calibrate"
            ) from error


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _bias(values: Any) -> Bias:
    one, two, three, four = map(float, values)
    return one, two, three, four


def _read_own(values: Mapping[str, Any]) -> Scaling | RisingLine:
    if "shares" not in values:
        return Scaling(float(values["temperature"]), _bias(values["bias"]))
    line = RisingLine(tuple(map(float, values["scores"])), tuple(map(float, values["shares"])))
    if len(line.scores) != len(line.shares) or not line.scores or (np.diff(line.scores) <= 0).any():
        raise ValueError("the scores of a line must rise, one share for each")
    return line


# --- fitting ----------------------------------------------------------------------------------------------------------


def fit_calibration(
    log_digits: np.ndarray,
    gold: np.ndarray,
    fitted_on: str = "",
    ridge: float = 0.01,
    method: Method = "shared",
    names: Sequence[str] = (),
    second: np.ndarray | None = None,
) -> Calibration:
    """Fit by maximum likelihood on all (listing, category) cells, with a small ridge towards the identity; then, by
    `method`, what each of the categories `names` has of its own. A category without a single violation keeps the
    shared numbers: nothing is known of it.

    `log_digits` (N, C, 5) log-probabilities, `gold` (N, C) ratings 0..4, `second` the logits (N, 1 + C) of a second
    reader: their pull is fitted first, their word on all rules together after what the categories have. Deterministic.
    """
    pull = fit_pull(log_digits, gold, second) if second is not None else None
    if pull and second is not None:
        log_digits = pull.apply(log_digits, second)
    start = np.zeros(5)
    shared = _fit_scaling(log_digits.reshape(-1, 5), gold.reshape(-1), start, ridge / 100, mean=True)
    own: dict[str, Scaling | RisingLine] = {}
    for place, name in enumerate(names):
        cells, wanted = log_digits[:, place], gold[:, place]
        if method == "shared" or not (wanted >= VIOLATION).any():
            continue
        if method == "temperature":
            centre = np.array([np.log(shared.temperature), *shared.bias])
            own[name] = _fit_scaling(cells, wanted, centre, 1.0, mean=False)
        else:
            own[name] = _fit_line(shared.apply(cells)[:, VIOLATION:].sum(-1), wanted >= VIOLATION)
    fitted = Calibration(shared.temperature, shared.bias, fitted_on, method, own)
    if second is not None:
        fitted = replace(fitted, overall=fit_overall(fitted.apply(log_digits, names), gold, second))
    return replace(fitted, bounds=fit_bounds(fitted.apply(log_digits, names, second), gold), pull=pull)


def _fit_scaling(cells: np.ndarray, gold: np.ndarray, centre: np.ndarray, weight: float, mean: bool) -> Scaling:
    """Likelihood of the cells (n, 5), and `weight` times the squared distance from `centre` (log temperature, biases).
    With `mean` the likelihood is averaged over the cells, so that the pull does not fade with their number."""
    from scipy.optimize import minimize

    wanted = gold.astype(int)
    index = np.arange(len(wanted))
    scale = 1 / len(wanted) if mean else 1.0

    def loss(parameters: np.ndarray) -> float:
        chosen = _normalise(cells / np.exp(parameters[0]) + np.array([0.0, *parameters[1:]]))[index, wanted]
        pull = ((parameters - centre) ** 2).mean() if mean else ((parameters - centre) ** 2).sum()
        return float(-np.log(np.clip(chosen, 1e-12, None)).sum() * scale + weight * pull)

    best = minimize(loss, centre, method="L-BFGS-B").x
    return Scaling(round(float(np.exp(best[0])), 4), _bias(round(float(value), 4) for value in best[1:]))


def _fit_line(scores: np.ndarray, violates: np.ndarray) -> RisingLine:
    """Isotonic regression with its steps joined at their centres, so that no two scores become one and the ranking
    stays. Never nearer to 0 or 1 than half a listing of the sample."""
    from sklearn.isotonic import IsotonicRegression

    steps = IsotonicRegression().fit_transform(scores, violates.astype(float))
    least = 0.5 / (len(scores) + 1)
    knots: list[tuple[float, float]] = []
    for value in np.unique(steps):
        centre, share = float(scores[steps == value].mean()), float(np.clip(value, least, 1 - least))
        if not knots or (centre > knots[-1][0] and share > knots[-1][1]):
            knots.append((centre, share))
    # Beyond the outermost steps a slope too small to matter keeps the order.
    first, last = knots[0], knots[-1]
    if first[0] > 1e-6:
        knots.insert(0, (0.0, first[1] / 2))
    if last[0] < 1 - 1e-6:
        knots.append((1.0, last[1] + (1 - last[1]) / 100))
    return RisingLine(*(tuple(round(value, 6) for value in column) for column in zip(*knots, strict=True)))
