"""Progress for the person who waits: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY = 60.0
"""Seconds between two lines where standard error is no terminal: short work leaves none."""


@contextmanager
def file_progress(title: str = "judging") -> Iterator[Callable[[int, int], None]]:
    """Yields what to call with the items done and all there are; both ways of showing it go to standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_a_minute(title)
        return
    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _line_a_minute(title: str) -> Callable[[int, int], None]:
    start = last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_EVERY or not done:
            return
        last = now
        left = (now - start) / done * (total - done) / 60
        print(f"{title}: {done} of {total}, about {left:.0f} min left", file=sys.stderr, flush=True)

    return tell
