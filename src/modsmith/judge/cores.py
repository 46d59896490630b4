"""Batches on all cores of a processor: one batch a core, instead of every matrix product on all of them.

The products of a small model are over in a millisecond or two, so cores that share one wait for each other more than
they work. Cores that read different batches do not wait (benchmarks/judge_batches.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Found = TypeVar("Found")


def map_on_cores(work: Callable[[Item], Found], items: Sequence[Item], cores: int) -> Iterator[Found]:
    """`map(work, items)` with up to `cores` items at a time, which share the threads evenly; results in order, as soon
    as they are there. `work` may read what others read, and must not write it. With one core it is a plain `map`."""
    if cores <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(cores, initializer=lambda: torch.set_num_threads(max(1, threads // cores)))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # MKL keeps one number for the whole process
