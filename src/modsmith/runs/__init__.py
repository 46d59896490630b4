"""Looking at training runs: which there are, how they went, what the model wrote."""

from modsmith.runs.draw import print_run, print_runs
from modsmith.runs.page import write_page
from modsmith.runs.record import RunRecord, find_runs, read_run
from modsmith.runs.samples import Sample, choose_samples, read_samples

__all__ = [
    "RunRecord",
    "Sample",
    "choose_samples",
    "find_runs",
    "print_run",
    "print_runs",
    "read_run",
    "read_samples",
    "write_page",
]
