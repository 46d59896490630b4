"""Prices as a buyer reads them: "$12", "€5+", "$8 a month"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SYMBOLS = {
    "usd": "$",
    "eur": "€",
    "gbp": "£",
    "jpy": "¥",
    "inr": "₹",
    "aud": "A$",
    "cad": "CA$",
    "hkd": "HK$",
    "nzd": "NZ$",
    "sgd": "S$",
    "twd": "NT$",
    "brl": "R$",
    "mxn": "MX$",
    "krw": "₩",
    "ils": "₪",
    "php": "₱",
    "try": "₺",
}
_WITHOUT_CENTS = {"jpy", "vnd"}
_PERIODS = {
    "monthly": " a month",
    "quarterly": " every 3 months",
    "biannually": " every 6 months",
    "yearly": " a year",
    "every_two_years": " every 2 years",
}


def price_text(product: Mapping[str, Any]) -> str:
    """The lowest price of a product or card; "+" when the buyer may pay more or options cost more; "" when unknown.

    `price_cents` is in hundredths, except in currencies without cents. An unknown currency is written as its code.
    """
    recurrences = product.get("recurrences")
    period = product.get("recurrence") or (recurrences.get("default") if isinstance(recurrences, dict) else None)
    prices = _option_prices(product, period) or [product.get("price_cents")]
    amounts = sorted({price for price in prices if _is_amount(price)})
    if not amounts:
        return ""
    open_ended = bool(product.get("pwyw") or product.get("is_pay_what_you_want")) or len(amounts) > 1
    currency = str(product.get("currency_code") or "").lower()
    return _money(amounts[0], currency) + "+" * open_ended + _PERIODS.get(str(period), "")


def _option_prices(product: Mapping[str, Any], period: object) -> list[Any]:
    """What each option costs: its own price for the period (tiers of a membership) or the price plus a difference."""
    prices: list[Any] = []
    options = product.get("options")
    for option in options if isinstance(options, list) else []:
        if not isinstance(option, dict):
            continue
        by_period = option.get("recurrence_price_values")
        tier = by_period.get(period) if isinstance(by_period, dict) else None
        difference = option.get("price_difference_cents")
        if isinstance(tier, dict) and _is_amount(tier.get("price_cents")):
            prices.append(tier["price_cents"])
        elif _is_amount(product.get("price_cents")):
            prices.append(product["price_cents"] + (difference if _is_amount(difference) else 0))
    return prices


def _is_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12


def _money(amount: int, currency: str) -> str:
    whole, cents = (amount, 0) if currency in _WITHOUT_CENTS else divmod(amount, 100)
    number = f"{whole}.{cents:02d}" if cents else str(whole)
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{number}" if symbol else f"{number} {currency.upper()}".strip()
