"""Greedy decoding of the answer in about one forward pass.

The layout of the answer is fixed by the policy, and most ratings are 0, so an all-zero answer is a good draft. The
prompt and the draft go through the model together; each digit whose most likely value differs from the draft is
replaced from the left, and the model goes on from there on the kept keys and values. What comes out is, token for
token, what greedy decoding writes, at the cost of one pass for a clean listing and one short one for each rating above
0 (the idea of speculative decoding, Leviathan et al. 2211.17192, with the policy as the draft model).

Rows are padded on the left, so the answer stands in the same columns in every row.
Shapes: B rows, P prefix tokens, R rest tokens (padded), A answer tokens, C categories, V vocabulary, D the five digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from modsmith.training.encode import PromptEncoder


@dataclass(frozen=True, slots=True)
class Readout:
    """What the model says about B listings."""

    answer_BA: Tensor
    """Greedy answer tokens."""
    digits_BCD: Tensor
    """Log-probabilities of the digits 0..4 at each category, normalised over the five, after greedy digits before."""
    as_laid_out_B: Tensor
    """True where greedy decoding writes exactly the policy's layout and then ends its turn."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of the rendered policy, computed once; copied for each batch."""

    cache: DynamicCache
    length: int

    def for_batch(self, rows: int) -> DynamicCache:
        cache = DynamicCache()
        for index, layer in enumerate(self.cache.layers):
            cache.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), index)
        return cache


@torch.inference_mode()
def forward_prefix(model: Any, encoder: PromptEncoder) -> Prefix:
    """Run the policy's tokens through the model once."""
    cache = DynamicCache()
    ids = torch.tensor([encoder.prefix_ids], device=model.device)
    model.get_decoder()(ids, past_key_values=cache, use_cache=True)
    return Prefix(cache, len(encoder.prefix_ids))


def pad_left(rows: list[list[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """ids (B, R) and mask (B, R)."""
    longest = max(map(len, rows))
    ids_BR = torch.tensor([[pad_id] * (longest - len(row)) + row for row in rows])
    mask_BR = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return ids_BR, mask_BR


@torch.inference_mode()
def read_answers(model: Any, encoder: PromptEncoder, prefix: Prefix, rests: list[list[int]]) -> Readout:
    """Decode the answers of B prompts (each `rests[i]` after the shared prefix) greedily by drafting."""
    device = model.device
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    rest_BR, mask_BR = (tensor.to(device) for tensor in pad_left(rests, encoder.end_id))
    rows, width = rest_BR.shape
    draft_A = torch.tensor(encoder.answer_ids(dict.fromkeys(encoder.policy.category_ids, 0)), device=device)
    answer_BA = draft_A.repeat(rows, 1)
    length = answer_BA.shape[1]
    digit_ids = torch.tensor(encoder.digit_ids, device=device)
    positions_C = torch.tensor(encoder.digit_positions_C, device=device)
    positions_BR = prefix.length + mask_BR.cumsum(1) - 1
    starts_B = prefix.length + mask_BR.sum(1)

    cache = prefix.for_batch(rows)
    seen_BL = torch.cat([mask_BR.new_ones(rows, prefix.length), mask_BR], dim=1)
    hidden = decoder(
        torch.cat([rest_BR, answer_BA], dim=1),
        attention_mask=torch.cat([seen_BL, seen_BL.new_ones(rows, length)], dim=1),
        position_ids=torch.cat(
            [positions_BR.clamp(min=0), starts_B[:, None] + torch.arange(length, device=device)], dim=1
        ),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    # Column j of these predicts answer token j; the last one predicts the end of the turn.
    logits_BAV = head(hidden[:, width - 1 :]).float()
    digits_BCD = logits_BAV[:, positions_C][..., digit_ids].log_softmax(-1)
    greedy_BA = logits_BAV.argmax(-1)
    del logits_BAV, hidden

    active_N = torch.arange(rows, device=device)  # rows whose draft may still be wrong
    while len(active_N):
        drafted_NC = answer_BA[active_N][:, positions_C]
        wanted_NC = greedy_BA[active_N][:, positions_C]
        # Where the model wants something else than a digit, the layout is broken: nothing to replace there.
        differs_NC = (drafted_NC != wanted_NC) & torch.isin(wanted_NC, digit_ids)
        wrong_N = differs_NC.any(1)
        cache.batch_select_indices(wrong_N.nonzero()[:, 0])
        active_N, differs_NC, wanted_NC = active_N[wrong_N], differs_NC[wrong_N], wanted_NC[wrong_N]
        if not len(active_N):
            break
        first_N = differs_NC.int().argmax(1)
        columns_N = positions_C[first_N]
        answer_BA[active_N, columns_N] = wanted_NC[torch.arange(len(active_N)), first_N]
        start = int(columns_N.min())
        cache.crop(start - length)
        tail = length - start
        hidden = decoder(
            answer_BA[active_N, start:],
            attention_mask=torch.cat([seen_BL[active_N], seen_BL.new_ones(len(active_N), length)], dim=1),
            position_ids=starts_B[active_N, None] + torch.arange(start, length, device=device),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        logits_NAV = head(hidden).float()
        assert logits_NAV.shape[1] == tail
        greedy_BA[active_N, start + 1 :] = logits_NAV.argmax(-1)
        later_C = positions_C > start
        later_ND = logits_NAV[:, positions_C[later_C] - start - 1][..., digit_ids].log_softmax(-1)
        digits_BCD[active_N[:, None], later_C.nonzero()[:, 0][None]] = later_ND
    expected = torch.cat([answer_BA, answer_BA.new_full((rows, 1), encoder.end_id)], dim=1)
    return Readout(answer_BA, digits_BCD, (greedy_BA == expected).all(1))


@torch.inference_mode()
def generate(
    model: Any, encoder: PromptEncoder, prefix: Prefix, rests: list[list[int]], max_tokens: int, stop_text: str = ""
) -> list[list[int]]:
    """Plain greedy decoding of B prompts after the shared prefix; each row ends with the end of turn (left out), right
    after `stop_text` was written, or at `max_tokens`."""
    device = model.device
    rest_BR, mask_BL = (tensor.to(device) for tensor in pad_left(rests, encoder.end_id))
    rows = len(rests)
    mask_BL = torch.cat([mask_BL.new_ones(rows, prefix.length), mask_BL], dim=1)
    position_B = mask_BL.sum(1)
    cache = prefix.for_batch(rows)
    ids = rest_BR
    position_ids = (mask_BL.cumsum(1) - 1)[:, prefix.length :].clamp(min=0)
    written: list[list[int]] = [[] for _ in rests]
    live_N = list(range(rows))
    for _ in range(max_tokens):
        hidden = model.get_decoder()(
            ids, attention_mask=mask_BL, position_ids=position_ids, past_key_values=cache, use_cache=True
        ).last_hidden_state[:, -1]
        tokens_N = model.get_output_embeddings()(hidden).float().argmax(-1)
        keep: list[int] = []
        for index, (row, token) in enumerate(zip(live_N, tokens_N.tolist(), strict=True)):
            if token == encoder.end_id:
                continue
            written[row].append(token)
            if stop_text and stop_text in encoder.tokenizer.decode(written[row][-12:]):
                continue
            keep.append(index)
        if not keep:
            break
        if len(keep) < len(live_N):
            chosen = torch.tensor(keep, device=device)
            cache.batch_select_indices(chosen)
            live_N = [live_N[index] for index in keep]
            mask_BL, position_B, tokens_N = mask_BL[chosen], position_B[chosen], tokens_N[chosen]
        ids, position_ids = tokens_N[:, None], position_B[:, None]
        position_B = position_B + 1
        mask_BL = torch.cat([mask_BL, mask_BL.new_ones(len(live_N), 1)], dim=1)
    return written
