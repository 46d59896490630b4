from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from modsmith.training.advantages import corpo, maxrl

REWARDS = st.integers(2, 6).flatmap(
    lambda group: st.lists(st.lists(st.floats(-3, 2), min_size=group, max_size=group), min_size=1, max_size=4)
)


def test_by_hand() -> None:
    rewards_PG = torch.tensor([[1.0, -1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 0.2]])
    torch.testing.assert_close(corpo(rewards_PG, 0.3)[0], torch.tensor([0.7, -1.3, -1.3, -1.3]))
    torch.testing.assert_close(corpo(rewards_PG, 0.3)[1], rewards_PG[1] - 0.8)
    right_PG = rewards_PG == 1
    torch.testing.assert_close(maxrl(rewards_PG, right_PG)[0], torch.tensor([1.5, -0.5, -0.5, -0.5]) * 4)
    torch.testing.assert_close(maxrl(rewards_PG, right_PG)[1], (rewards_PG[1] - 0.8) / 0.75)


@given(REWARDS, st.floats(-1, 1))
def test_corpo_never_reinforces_what_does_not_reach_the_bar(rewards: list[list[float]], bar: float) -> None:
    rewards_PG = torch.tensor(rewards)
    advantages_PG = corpo(rewards_PG, bar)
    assert (advantages_PG[rewards_PG < bar] <= 0).all()
    assert (advantages_PG <= rewards_PG - rewards_PG.mean(1, keepdim=True) + 1e-6).all()


@given(REWARDS)
def test_maxrl_of_binary_rewards_is_the_papers_estimator(rewards: list[list[float]]) -> None:
    right_PG = torch.tensor(rewards) > 0
    rewards_PG = right_PG.float()
    mean_P1 = rewards_PG.mean(1, keepdim=True)
    wanted_PG = torch.where(mean_P1 > 0, (rewards_PG - mean_P1) / mean_P1.clamp(min=1e-9), torch.zeros(()))
    torch.testing.assert_close(maxrl(rewards_PG, right_PG), wanted_PG)


def test_maxrl_says_nothing_where_nothing_is_right() -> None:
    assert maxrl(torch.tensor([[0.3, -1.0]]), torch.tensor([[False, False]])).tolist() == [[0.0, 0.0]]
