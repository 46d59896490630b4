"""Work on all cores: the same as on one, in order, with nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from modsmith.judge.cores import map_on_cores


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_from_several_threads(two_threads: None) -> None:
    meeting = threading.Barrier(2, timeout=30)  # passes only when two items are worked on at once

    def work(number: int) -> tuple[int, int]:
        meeting.wait()
        return number, torch.get_num_threads()

    found = list(map_on_cores(work, range(6), 2))
    assert found == [(number, 1) for number in range(6)]
    assert torch.get_num_threads() == 2


def test_one_core_or_one_item_takes_no_thread() -> None:
    here = threading.get_ident()
    assert list(map_on_cores(lambda _: threading.get_ident(), [1, 2], 1)) == [here, here]
    assert list(map_on_cores(lambda _: threading.get_ident(), [1], 8)) == [here]


def test_a_fault_is_raised_and_what_waits_is_given_up(two_threads: None) -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise ValueError("the first batch")
        return number

    with pytest.raises(ValueError, match="the first batch"):
        list(map_on_cores(work, range(1000), 2))
    assert len(begun) < 1000 and torch.get_num_threads() == 2
