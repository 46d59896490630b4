from __future__ import annotations

import torch

from modsmith.training.refill import dead_groups, pick_from_pool, replace_groups


def scored(advantages: list[float], prompt: int, width: int, first: int) -> dict[str, torch.Tensor]:
    rows = len(advantages)
    return {
        "prompt_ids": torch.full((rows, prompt), first),
        "prompt_mask": torch.ones(rows, prompt, dtype=torch.long),
        "completion_ids": torch.full((rows, width), first + 1),
        "completion_mask": torch.ones(rows, width, dtype=torch.long),
        "advantages": torch.tensor(advantages, dtype=torch.float32),
        "num_items_in_batch": torch.tensor(rows * width),
    }


def test_live_groups_take_the_places_of_dead_ones() -> None:
    old = scored([0, 0, 1, -1, 0, 0], prompt=2, width=3, first=10)
    new = scored([0, 0, 0.5, -0.5], prompt=4, width=2, first=20)
    assert dead_groups(old, 2) == [0, 2]
    batch, count = replace_groups(old, new, 2, pad_id=99)
    assert count == 1 and dead_groups(batch, 2) == [2]
    assert batch["advantages"].tolist() == [0.5, -0.5, 1, -1, 0, 0]
    assert batch["prompt_ids"][0].tolist() == [20] * 4 and batch["prompt_ids"][2].tolist() == [99, 99, 10, 10]
    assert batch["prompt_mask"][2].tolist() == [0, 0, 1, 1]
    assert batch["completion_ids"][1].tolist() == [21, 21, 99] and batch["completion_mask"][1].tolist() == [1, 1, 0]
    assert int(batch["num_items_in_batch"]) == 2 * 2 + 4 * 3


def test_nothing_live_changes_nothing() -> None:
    old, new = scored([0, 0], 2, 3, 10), scored([0, 0], 2, 5, 20)
    batch, count = replace_groups(old, new, 2, pad_id=99)
    assert count == 0 and batch is old


def test_the_pool_goes_on_from_step_to_step_and_starts_again() -> None:
    pool = list(range(5))
    assert pick_from_pool(pool, step=0, round_=0, count=2, per_step=4) == [0, 1]
    assert pick_from_pool(pool, step=0, round_=1, count=2, per_step=4) == [2, 3]
    assert pick_from_pool(pool, step=1, round_=0, count=2, per_step=4) == [4, 0]
