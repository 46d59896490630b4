from __future__ import annotations

from types import SimpleNamespace

import pytest

from modsmith.training.watch import Gauges


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gauges(clock: Clock) -> Gauges:
    return Gauges(clock)


def test_a_phase_counts_its_own_time_only(gauges: Gauges, clock: Clock) -> None:
    with gauges.phase("outer"):
        clock.now += 2
        with gauges.phase("inner"):
            clock.now += 8
        clock.now += 1
    clock.now += 9
    found = gauges.read(2, {"num_tokens": 500})
    assert (found["time/inner"], found["time/outer"], found["time/step"]) == (4.0, 1.5, 10.0)
    assert found["tokens_per_second"] == 25.0


def test_a_phase_that_fails_is_closed(gauges: Gauges, clock: Clock) -> None:
    with pytest.raises(ValueError), gauges.phase("outer"), gauges.phase("inner"):
        clock.now += 3
        raise ValueError
    found = gauges.read(1, {})
    assert (found["time/inner"], found["time/outer"]) == (3.0, 0.0)


def test_held_out_time_is_not_step_time(gauges: Gauges, clock: Clock) -> None:
    with gauges.phase("held_out"):
        clock.now += 60
    clock.now += 5
    found = gauges.read(1, {})
    assert (found["time/held_out"], found["time/step"]) == (60.0, 5.0)


def test_readings_start_afresh(gauges: Gauges, clock: Clock) -> None:
    gauges.begin(10, tokens=1000)
    clock.now += 2
    assert gauges.read(10, {}) == {}  # no step was made
    gauges.tokens = 1000
    assert "tokens_per_second" not in gauges.read(11, {})
    with gauges.phase("rollout"):
        clock.now += 1
    gauges.tokens = 1500
    assert gauges.read(12, {})["tokens_per_second"] == 500.0
    clock.now += 1
    assert "time/rollout" not in gauges.read(13, {})


def test_the_machine_is_read(gauges: Gauges) -> None:
    sum(i * i for i in range(300_000))
    found = gauges.read(1, {})
    assert 0 <= found["machine/cpu"] <= 1.5 and found["machine/memory_gb"] > 0.01


def test_methods_are_timed_where_they_exist(gauges: Gauges, clock: Clock) -> None:
    def backward(loss: float) -> float:
        clock.now += 7
        return loss

    trainer = SimpleNamespace(
        _generate=lambda prompts: [*prompts, "done"], accelerator=SimpleNamespace(backward=backward)
    )
    gauges.follow(trainer)
    assert trainer._generate(["a"]) == ["a", "done"] and trainer.accelerator.backward(3.0) == 3.0
    found = gauges.read(1, {})
    assert found["time/backward"] == 7.0 and "time/rollout" in found and "time/logprobs" not in found
