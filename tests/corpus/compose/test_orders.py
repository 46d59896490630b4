"""Orders to the moderator: many, unlike each other, in many languages, and nothing but orders."""

from __future__ import annotations

from collections import Counter

from modsmith.corpus.compose import read_orders
from modsmith.corpus.limits import broken_limit


def test_they_are_many_and_differ() -> None:
    orders = read_orders()
    assert len({order.text for order in orders}) == len(orders) >= 150
    languages = Counter(order.language for order in orders)
    assert sum(count for language, count in languages.items() if language != "en") >= 50 and len(languages) >= 8
    assert sum(order.test for order in orders) < len(orders) / 2


def test_they_keep_the_limits_on_content() -> None:
    assert not [order.text for order in read_orders() if broken_limit(order.text)]
