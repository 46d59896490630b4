"""Messages and answers as token ids.

Every prompt of a policy starts with the same tokens (the rendered policy): the *prefix*. What is left, the *rest*, is
the listing and the mode. Prefix and answer layout depend on the policy and the tokenizer alone, so both are worked out
once. Suffixes: `_R` rest tokens of a prompt, `_A` answer tokens, `_C` categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from modsmith.errors import UserError
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.prompt import PLAIN, Mode, Wording, build_messages, render_answer
from modsmith.ratings import LEVELS, Ratings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class PromptEncoder:
    """Turns listings into prompts and ratings into answers for one tokenizer, one policy and one wording."""

    tokenizer: PreTrainedTokenizerBase
    policy: Policy
    wording: Wording = PLAIN

    def prompt_ids(self, listing: Listing, mode: Mode) -> list[int]:
        """The whole prompt, ready for the model to answer."""
        text = self.tokenizer.apply_chat_template(
            build_messages(self.policy, listing, mode, wording=self.wording), tokenize=False, add_generation_prompt=True
        )
        return self.text_ids(str(text))

    @cached_property
    def prefix_ids(self) -> list[int]:
        """The tokens all prompts of this policy share. Found by comparing prompts that differ as much as they can."""
        probes: tuple[tuple[Listing, Mode], ...] = (
            (Listing(id="a", title="A"), "direct"),
            (Listing(id="b", description="- ô"), "think"),
            (Listing(id="c", tags=("9",)), "direct"),
        )
        prompts = [self.prompt_ids(listing, mode) for listing, mode in probes]
        shared = 0
        while all(prompt[shared] == prompts[0][shared] for prompt in prompts):
            shared += 1
        return prompts[0][: shared - 1]  # one token less: the last shared one may merge with what follows it elsewhere

    def rest_ids(self, listing: Listing, mode: Mode) -> list[int]:
        """The prompt without its shared prefix."""
        ids_R = self.prompt_ids(listing, mode)
        split = len(self.prefix_ids)
        assert ids_R[:split] == self.prefix_ids, "the prompt does not start with the policy's prefix"
        return ids_R[split:]

    def text_ids(self, text: str) -> list[int]:
        """Tokens of `text` as it stands, without added special tokens."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @cached_property
    def digit_ids(self) -> list[int]:
        """The token of each rating 0..4."""
        ids = [self.text_ids(str(level)) for level in LEVELS]
        if any(len(digit) != 1 for digit in ids):
            raise UserError("this model's tokenizer has no single token for a digit; choose another base model")
        return [digit[0] for digit in ids]

    @cached_property
    def digit_positions_C(self) -> list[int]:
        """Where each category's digit stands in `answer_ids`, in the policy's order."""
        positions = [index for index, token in enumerate(self._zero_answer_A) if token == self.digit_ids[0]]
        names = "".join(self.policy.category_ids)
        zeros_in_names = names.count("0")
        if len(positions) != len(self.policy.categories) + zeros_in_names:
            raise UserError("this model's tokenizer joins digits with their neighbours; choose another base model")
        if zeros_in_names:
            raise UserError("category ids with the digit 0 cannot be told from ratings; rename the category")
        return positions

    @cached_property
    def _zero_answer_A(self) -> list[int]:
        return self.text_ids(render_answer(Ratings.full(self.policy.category_ids)))

    def answer_ids(self, ratings: Mapping[str, int]) -> list[int]:
        """The answer block (without end-of-turn): always the same length, only the digits change."""
        ids_A = list(self._zero_answer_A)
        for position, name in zip(self.digit_positions_C, self.policy.category_ids, strict=True):
            ids_A[position] = self.digit_ids[ratings[name]]
        return ids_A

    @property
    def end_id(self) -> int:
        """The token that ends the model's turn."""
        end = self.tokenizer.eos_token_id
        assert isinstance(end, int), "the tokenizer names no end-of-sequence token"
        return end
