"""Watching a run: what is measured, what rings, where it is shown. Nothing in here changes what is trained."""

from modsmith.training.watch.alarms import RULES, Alarm, AlarmBell, Rule, alarms_of
from modsmith.training.watch.gauges import Gauges
from modsmith.training.watch.history import History, read_metrics
from modsmith.training.watch.lines import StepLines
from modsmith.training.watch.rollouts import record_answers, rollout_metrics
from modsmith.training.watch.tracker import Tracker, check_tracker, open_tracker

__all__ = [
    "RULES",
    "Alarm",
    "AlarmBell",
    "Gauges",
    "History",
    "Rule",
    "StepLines",
    "Tracker",
    "alarms_of",
    "check_tracker",
    "open_tracker",
    "read_metrics",
    "record_answers",
    "rollout_metrics",
]
