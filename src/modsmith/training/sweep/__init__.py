"""Trying settings: many short runs, each learning from those before it, and the best of them as a ready config."""

from modsmith.training.sweep.draw import print_trials
from modsmith.training.sweep.space import Choice, Dimension, Floats, Ints, load_space
from modsmith.training.sweep.study import Plan, Trial
from modsmith.training.sweep.work import run_sweep

__all__ = ["Choice", "Dimension", "Floats", "Ints", "Plan", "Trial", "load_space", "print_trials", "run_sweep"]
