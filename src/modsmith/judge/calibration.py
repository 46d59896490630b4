"""Calibration: from the model's digit probabilities to probabilities that mean what they say.

Training weights rating-0 digits down, so raw probabilities lean towards violation. Five numbers, fitted on the
validation split and stored beside the model, undo that: a temperature and a bias for each rating above 0,

    log p'(d) = log p(d) / temperature + bias[d] - log sum,     bias[0] = 0

(vector scaling over the ordinal digits, after Guo et al. 1706.04599, shared by all categories).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from modsmith.errors import UserError
from modsmith.files import write_json

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The identity unless fitted."""

    temperature: float = 1.0
    bias: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Added to the log-probability of ratings 1, 2, 3 and 4."""
    fitted_on: str = ""
    """Corpus hash, split and mode it was fitted on."""

    def apply(self, log_digits: np.ndarray) -> np.ndarray:
        """Log-probabilities (..., 5) to calibrated probabilities (..., 5)."""
        logits = log_digits / self.temperature + np.array([0.0, *self.bias])
        logits = logits - logits.max(-1, keepdims=True)
        odds = np.exp(logits)
        return odds / odds.sum(-1, keepdims=True)

    def save(self, folder: Path) -> None:
        write_json(folder / FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path | None) -> Calibration:
        """The calibration stored with a model, or the identity when there is none."""
        if folder is None or not (folder / FILE).is_file():
            return cls()
        try:
            data = json.loads((folder / FILE).read_text("utf-8"))
            return cls(float(data["temperature"]), tuple(map(float, data["bias"])), data.get("fitted_on", ""))  # type: ignore[arg-type]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder / FILE} is damaged ({error}); delete it or fit it again with modsmith calibrate"
            ) from error


def fit_calibration(log_digits: np.ndarray, gold: np.ndarray, fitted_on: str = "", ridge: float = 0.01) -> Calibration:
    """Fit by maximum likelihood on all (listing, category) cells, with a small ridge towards the identity.

    `log_digits` (N, C, 5) log-probabilities, `gold` (N, C) ratings 0..4. Deterministic.
    """
    from scipy.optimize import minimize

    cells = log_digits.reshape(-1, 5)
    wanted = gold.reshape(-1).astype(int)
    index = np.arange(len(wanted))

    def loss(parameters: np.ndarray) -> float:
        calibration = Calibration(float(np.exp(parameters[0])), tuple(parameters[1:]))  # type: ignore[arg-type]
        chosen = calibration.apply(cells)[index, wanted]
        return float(-np.log(np.clip(chosen, 1e-12, None)).mean() + ridge * (parameters**2).mean() / 100)

    best = minimize(loss, np.zeros(5), method="L-BFGS-B").x
    bias = tuple(round(float(value), 4) for value in best[1:])
    return Calibration(round(float(np.exp(best[0])), 4), bias, fitted_on)  # type: ignore[arg-type]
