"""Drafted decoding writes what greedy decoding writes, token for token, on the embedded model."""

from __future__ import annotations

import pytest
import torch

from modsmith.corpus import Example, load_corpus, of_split
from modsmith.judge import Judge
from modsmith.policy import load_policy
from modsmith.prompt import Mode
from modsmith.training.decode import forward_prefix, generate, pad_left, read_answers

POLICY = load_policy()


class Leaning(torch.nn.Module):
    """The output head with a push towards one digit where it would write a digit, so that about half of all ratings
    differ from the draft and the tests see many replacements whatever the shipped model has learned."""

    def __init__(self, head: torch.nn.Module, digits: list[int], digit: int, push: float) -> None:
        super().__init__()
        self.head, self.digit, self.push = head, digit, push
        self.digits = torch.tensor(digits)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = self.head(hidden)
        logits[..., self.digit] += self.push * torch.isin(logits.argmax(-1), self.digits)
        return logits


@pytest.fixture(scope="module")
def judge(examples: list[Example]) -> Judge:
    judge = Judge.load("shipped-lm", POLICY, precision="fp32")
    log_digits = torch.tensor(judge.digit_log_probs([example.listing for example in examples[:6]]))
    gaps = (log_digits[..., 0] - log_digits[..., 3]).flatten().sort().values
    middle = gaps[len(gaps) // 3 : 2 * len(gaps) // 3]
    widest = int((middle[1:] - middle[:-1]).argmax())
    push = float(middle[widest : widest + 2].mean())  # between two gaps: at one of them every digit would be a tie
    judge.model.lm_head = Leaning(judge.model.lm_head, judge.encoder.digit_ids, judge.encoder.digit_ids[3], push)
    return judge


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Short and long, violating and allowed, of every category."""
    test = of_split(load_corpus("written", POLICY), "test")
    spread = test[:: len(test) // 6]
    return [next(e for e in test if e.category == name and e.violates) for name in POLICY.category_ids] + spread


def greedy(judge: Judge, examples: list[Example], mode: Mode, limit: int) -> list[list[int]]:
    """What `transformers` itself generates from the whole prompts, without our caches."""
    prompts = [judge.encoder.prompt_ids(example.listing, mode) for example in examples]
    ids_BT, mask_BT = pad_left(prompts, judge.encoder.end_id)
    with torch.inference_mode():
        written_BT = judge.model.generate(
            ids_BT, attention_mask=mask_BT, max_new_tokens=limit, do_sample=False, pad_token_id=judge.encoder.end_id
        )
    answers = written_BT[:, ids_BT.shape[1] :].tolist()
    return [row[: row.index(judge.encoder.end_id)] if judge.encoder.end_id in row else row for row in answers]


def test_direct_answers_equal_greedy_decoding(judge: Judge, examples: list[Example]) -> None:
    prefix = forward_prefix(judge.model, judge.encoder)
    rests = [judge.encoder.rest_ids(example.listing, "direct") for example in examples]
    readout = read_answers(judge.model, judge.encoder, prefix, rests)
    reference = greedy(judge, examples, "direct", 90)
    assert readout.as_laid_out_B.all(), "the shipped model leaves the layout"
    assert readout.answer_BA.tolist() == reference
    draft = judge.encoder.answer_ids(dict.fromkeys(POLICY.category_ids, 0))
    assert sum(answer != draft for answer in reference) >= 3, (
        "no digit had to be replaced: the test would prove nothing"
    )


def test_reasoning_equals_greedy_decoding(judge: Judge, examples: list[Example]) -> None:
    prefix = forward_prefix(judge.model, judge.encoder)
    few = examples[:4]
    rests = [judge.encoder.rest_ids(example.listing, "think") for example in few]
    ours = generate(judge.model, judge.encoder, prefix, rests, 40)
    assert ours == greedy(judge, few, "think", 40)


def test_digit_distributions_do_not_depend_on_the_batch(judge: Judge, examples: list[Example]) -> None:
    prefix = forward_prefix(judge.model, judge.encoder)
    rests = [judge.encoder.rest_ids(example.listing, "direct") for example in examples[:5]]
    together = read_answers(judge.model, judge.encoder, prefix, rests).digits_BCD
    for index, rest in enumerate(rests):
        alone = read_answers(judge.model, judge.encoder, prefix, [rest]).digits_BCD[0]
        # The first category only: later ones depend on the digits before, and the push makes those near ties.
        torch.testing.assert_close(alone[0], together[index][0], atol=1e-3, rtol=1e-3)
    assert torch.allclose(together.exp().sum(-1), torch.ones(()), atol=1e-4)


def test_rows_are_padded_on_the_left() -> None:
    ids, mask = pad_left([[5], [6, 7, 8]], pad_id=0)
    assert ids.tolist() == [[0, 0, 5], [6, 7, 8]]
    assert mask.tolist() == [[0, 0, 1], [1, 1, 1]]
