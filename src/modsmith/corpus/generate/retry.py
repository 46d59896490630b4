"""Which failures of a server pass, and how long it asks to wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class BrokenAnswerError(Exception):
    """Not the body that was promised."""


def passes(error: BaseException) -> bool:
    """Is it worth asking again?"""
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIStatusError):
        used_up = error.status_code == 429 and error.code in ("insufficient_quota", "billing_hard_limit_reached")
        return not used_up and (error.status_code in (408, 409, 429) or error.status_code >= 500)
    return isinstance(error, (APIConnectionError, BrokenAnswerError, json.JSONDecodeError))


def retry_after(error: BaseException | None) -> float | None:
    """Seconds that the server asks to wait (a number or an HTTP date), or `None`."""
    response = getattr(error, "response", None)
    value = response.headers.get("retry-after") if response is not None else None
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
