"""A model that gives verdicts."""

from modsmith.judge.calibration import Calibration, fit_calibration
from modsmith.judge.judge import Judge

__all__ = ["Calibration", "Judge", "fit_calibration"]
