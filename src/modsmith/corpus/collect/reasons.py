"""Why a page gave no listing: every way has a name, and the names are counted."""

from __future__ import annotations

REASONS = {
    "robots": "robots.txt asks not to",
    "robots_unreachable": "robots.txt could not be read, so nothing of that site was asked for",
    "not_found": "404",
    "gone": "410",
    "rate_limited": "429, also after waiting and asking again",
    "server_error": "5xx, also after waiting and asking again",
    "retry_later": "the site asked for a longer rest; run the same command again later",
    "host_failing": "not asked for after too many failures of that site in a row",
    "connection": "no connection, or it broke off",
    "timeout": "the page did not end in time",
    "too_large": "the page is larger than the limit",
    "off_host_redirect": "sent on to another host",
    "too_many_redirects": "sent on too often",
    "bad_url": "not an address that can be asked for",
    "bad_encoding": "the bytes are not in the encoding that the page names",
    "bad_json": "the page's data is cut short or broken",
    "no_data": "the page carries no product data",
    "no_listing": "the page's data names no product",
    "empty": "a product without a name or id",
}
"""Name -> sentence. Any other HTTP status is counted as `http_403` and the like."""


class Skipped(Exception):
    """A page that is passed over. `final`: asking again would not help, so it is not asked for again."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(REASONS.get(reason, reason))
        self.reason = reason
        self.final = final
