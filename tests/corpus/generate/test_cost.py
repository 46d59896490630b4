"""Prices, accounts, and the purse that many requests share."""

from __future__ import annotations

import asyncio

import pytest

from modsmith.corpus.generate.cost import Account, BudgetSpentError, Prices, Purse, count_message_tokens, count_tokens
from modsmith.errors import UserError


def test_prices_come_in_pairs() -> None:
    assert Prices().dollars(10, 10) is None
    assert Prices(2.0, 8.0).dollars(1_000_000, 500_000) == 6.0
    assert Prices(0.0, 0.0).dollars(9, 9) == 0.0
    for bad in ((1.0, None), (None, 1.0)):
        with pytest.raises(UserError, match="both"):
            Prices(*bad)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match="0 or more"):
            Prices(wrong, 1.0)


def test_tokens_are_estimated_from_bytes() -> None:
    assert count_tokens("") == 0 and count_tokens("four") == 1 and count_tokens("five5") == 2
    assert count_tokens("漢字") == 2 and count_tokens("half \ud83d") == 2
    assert count_message_tokens([{"role": "user", "content": "four"}]) == 5


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_an_amount(budget: float) -> None:
    with pytest.raises(UserError, match="not an amount"):
        Purse(Account(Prices(1.0, 1.0)), budget)


def test_many_requests_never_overspend() -> None:
    """Forty tasks want 1 to 3 dollars each and pay half of what they reserved; the purse holds 10."""
    account = Account(Prices(1e6, 1e6))  # a dollar a token
    purse, held, most, refused = Purse(account, 10.0), 0.0, 0.0, 0

    async def spend(number: int) -> None:
        nonlocal held, most, refused
        amount = 2.0 * (1 + number % 3)
        try:
            await purse.reserve(amount)
        except BudgetSpentError:
            refused += 1
            return
        held += amount
        most = max(most, held + (account.dollars or 0))
        await asyncio.sleep(0.001 * (number % 4))
        account.add(int(amount // 2), 0, False)
        held -= amount
        await purse.release(amount)

    async def all_of_them() -> None:
        await asyncio.wait_for(asyncio.gather(*(spend(number) for number in range(40))), 10)

    asyncio.run(all_of_them())
    assert most <= 10.0 and (account.dollars or 0) >= 5.0 and refused


def test_without_a_budget_anything_goes() -> None:
    async def spend() -> None:
        purse = Purse(Account(Prices()), None)
        for _ in range(3):
            await purse.reserve(1e9)

    asyncio.run(spend())
