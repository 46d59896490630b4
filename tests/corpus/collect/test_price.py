from __future__ import annotations

from typing import Any

import pytest

from modsmith.corpus.collect.price import price_text


@pytest.mark.parametrize(
    ("product", "text"),
    [
        ({"price_cents": 1200, "currency_code": "usd"}, "$12"),
        ({"price_cents": 1250, "currency_code": "USD"}, "$12.50"),
        ({"price_cents": 500, "currency_code": "eur", "pwyw": {"suggested_price_cents": None}}, "€5+"),
        ({"price_cents": 0, "currency_code": "usd", "is_pay_what_you_want": True}, "$0+"),
        ({"price_cents": 0, "currency_code": "usd"}, "$0"),
        ({"price_cents": 900, "currency_code": "jpy"}, "¥900"),
        ({"price_cents": 900, "currency_code": "chf"}, "9 CHF"),
        ({"price_cents": 900}, "9"),
        ({"price_cents": 800, "currency_code": "usd", "recurrence": "monthly"}, "$8 a month"),
        ({"price_cents": None, "currency_code": "usd"}, ""),
        ({"price_cents": "12", "currency_code": "usd"}, ""),
        ({"price_cents": -1, "currency_code": "usd"}, ""),
        ({"price_cents": True, "currency_code": "usd"}, ""),
        ({"currency_code": "usd"}, ""),
        (
            {
                "price_cents": 1000,
                "currency_code": "usd",
                "options": [{"price_difference_cents": 500}, {"price_difference_cents": None}],
            },
            "$10+",
        ),
        ({"price_cents": 1000, "currency_code": "usd", "options": [{"price_difference_cents": 500}]}, "$15"),
        (
            {
                "price_cents": 0,
                "currency_code": "usd",
                "recurrences": {"default": "yearly"},
                "options": [
                    {"recurrence_price_values": {"yearly": {"price_cents": 5000}}},
                    {"recurrence_price_values": {"yearly": {"price_cents": 9000}}},
                ],
            },
            "$50+ a year",
        ),
        ({"price_cents": 100, "currency_code": "usd", "options": "none", "recurrences": []}, "$1"),
    ],
)
def test_price_text(product: dict[str, Any], text: str) -> None:
    assert price_text(product) == text
