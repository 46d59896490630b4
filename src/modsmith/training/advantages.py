"""Other answers to "better than what?": advantages from the rewards of a group.

| name | advantage | source |
|---|---|---|
| group | r - mean | Dr. GRPO, 2503.20783 (TRL's own, `scale_rewards: none`) |
| corpo | r - max(mean, bar) | CoRPO, 2511.04439: what does not reach the bar is never reinforced, however bad the others are |
| maxrl | (r - mean) / p | MaxRL, 2602.02710: hard listings weigh more, as under maximum likelihood |

Shapes: P prompts, G completions of each.
"""  # noqa: E501 - table rows

from __future__ import annotations

from typing import Literal

from torch import Tensor

Baseline = Literal["group", "corpo", "maxrl"]


def corpo(rewards_PG: Tensor, bar: float) -> Tensor:
    """(P, G). Below the bar the group pushes away from all its completions; above it, it is plain GRPO."""
    return rewards_PG - rewards_PG.mean(1, keepdim=True).clamp(min=bar)


def maxrl(rewards_PG: Tensor, right_PG: Tensor) -> Tensor:
    """(P, G). `right_PG` says which completions decide rightly; p is their share, and a group without any says nothing.

    For rewards of 0 and 1 this is the paper's estimator, (r - mean) / mean; ours are graded, so p is counted apart.
    """
    share_P1 = right_PG.float().mean(1, keepdim=True)
    centred_PG = rewards_PG - rewards_PG.mean(1, keepdim=True)
    return (centred_PG / share_P1.clamp(min=1 / rewards_PG.shape[1])).masked_fill(share_P1 == 0, 0.0)
