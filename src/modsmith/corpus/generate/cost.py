"""What asking costs: the estimate before, the running account, the budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modsmith.errors import UserError

Message = dict[str, str]


class BudgetSpentError(Exception):
    """The next request could cost more than what is left."""


def count_tokens(text: str) -> int:
    """An estimate: a token for every four bytes of UTF-8. English comes out about right, other languages roughly."""
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)


def count_message_tokens(messages: Sequence[Mapping[str, str]]) -> int:
    """An estimate of a chat prompt: its texts and four tokens of frame for each message."""
    return sum(count_tokens(message["content"]) + 4 for message in messages)


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars per million tokens, in and out; both or neither."""

    read: float | None = None
    """For tokens of the prompt."""
    written: float | None = None
    """For tokens of the answer."""

    def __post_init__(self) -> None:
        if (self.read is None) != (self.written is None):
            raise UserError("give both --price-in and --price-out, in dollars per million tokens, or neither")
        if any(price is not None and not 0 <= price < math.inf for price in (self.read, self.written)):
            raise UserError("--price-in and --price-out are dollars per million tokens: numbers of 0 or more")

    @property
    def known(self) -> bool:
        return self.read is not None

    def dollars(self, tokens_in: int, tokens_out: int) -> float | None:
        """`None` when the prices are not known."""
        if self.read is None or self.written is None:
            return None
        return (tokens_in * self.read + tokens_out * self.written) / 1e6


@dataclass(slots=True)
class Account:
    """Tokens and dollars of a number of answers."""

    prices: Prices
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: int = 0
    """Answers whose server reported no usage; their tokens are estimates."""

    def add(self, tokens_in: int, tokens_out: int, estimated: bool) -> None:
        """Book one answer."""
        self.requests += 1
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.estimated += estimated

    @property
    def dollars(self) -> float | None:
        return self.prices.dollars(self.tokens_in, self.tokens_out)

    def to_record(self) -> dict[str, int | float | None]:
        """A JSON-ready object; dollars are `None` when prices are not known."""
        return {
            "requests": self.requests,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "answers_without_usage": self.estimated,
            "dollars": None if self.dollars is None else round(self.dollars, 6),
        }


def check_budget(prices: Prices, budget: float | None) -> None:
    """Raises `UserError` when the budget is no amount, or nothing is known of what it buys."""
    if budget is not None and not prices.known:
        raise UserError("--budget needs --price-in and --price-out to know what is being spent")
    if budget is not None and not 0 < budget < math.inf:
        raise UserError(f"--budget {budget} is not an amount; give dollars, such as 5")


class Purse:
    """Keeps everything paid into one folder, in this run and before, within a budget.

    A request first reserves the most it can cost. While other requests are under way it waits for their true price;
    when it does not fit although nothing is under way, `BudgetSpentError` is raised and nothing more should be asked.
    """

    def __init__(self, account: Account, budget: float | None) -> None:
        check_budget(account.prices, budget)
        self.account, self._budget = account, budget
        self._reserved = 0.0
        self._under_way = 0
        self._changed = asyncio.Condition()

    def _fits(self, amount: float) -> bool:
        spent = (self.account.dollars or 0.0) + self._reserved
        return self._budget is None or spent + amount <= self._budget

    async def reserve(self, amount: float) -> None:
        """Set `amount` dollars aside. Raises `BudgetSpentError`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(amount) or not self._under_way)
            if not self._fits(amount):
                raise BudgetSpentError
            self._under_way += 1
            self._reserved += amount

    async def release(self, amount: float) -> None:
        """The request is over, whatever came of it; its true price has been booked."""
        async with self._changed:
            self._under_way -= 1
            self._reserved = self._reserved - amount if self._under_way else 0.0
            self._changed.notify_all()
