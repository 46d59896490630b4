from __future__ import annotations

import torch

from modsmith.training.shared_prefix.tree import common_prefix, pack

CPU = torch.device("cpu")


def test_layout_of_two_prompts() -> None:
    tree = pack([[5, 6, 7], [5, 6, 8, 9]], [[[1, 2, 3], [4]], [[2, 2]]], CPU)
    #                               shared  rest  rest   c1     c3
    assert tree.ids_N.tolist() == [5, 6, 7, 8, 9, 1, 2, 2]
    assert tree.positions_N.tolist() == [0, 1, 2, 2, 3, 3, 4, 4]
    assert (tree.shared, tree.rests, tree.branches) == (2, [slice(2, 3), slice(3, 5)], [slice(5, 7), slice(7, 8)])
    assert tree.targets_S.tolist() == [1, 2, 3, 4, 2, 2]
    assert tree.predictor_S.tolist() == [2, 5, 6, 2, 4, 7]
    assert tree.last_P.tolist() == [2, 4]
    assert tree.padded_BT.tolist() == [[5, 6], [7, 7]] and tree.flat_M.tolist() == [0, 1, 2]


def test_a_single_prompt_is_all_shared() -> None:
    tree = pack([[5, 6, 7]], [[[1, 2], [3]]], CPU)
    assert (tree.shared, tree.rests, tree.ids_N.tolist()) == (3, [], [5, 6, 7, 1])
    assert tree.last_P.tolist() == [2] and tree.predictor_S.tolist() == [2, 3, 2]


def test_a_prompt_that_begins_another_keeps_its_last_token() -> None:
    tree = pack([[5, 6], [5, 6, 7]], [[[1]], [[2]]], CPU)
    assert tree.shared == 1 and tree.ids_N.tolist() == [5, 6, 6, 7] and tree.last_P.tolist() == [1, 3]


def test_completions_of_one_token_leave_nothing_to_forward() -> None:
    tree = pack([[5], [6]], [[[1]], [[2], [3]]], CPU)
    assert tree.ids_N.tolist() == [5, 6] and tree.flat_M.numel() == 0 and tree.predictor_S.tolist() == [0, 1, 1]


def test_common_prefix() -> None:
    assert common_prefix([[1, 2, 3], [1, 2, 4], [1, 2, 3, 5]]) == 2
    assert common_prefix([[1, 2], [1, 2, 3]]) == 2 and common_prefix([[1], [2]]) == 0
