"""How to behave towards somebody else's site."""

from __future__ import annotations

from dataclasses import dataclass

from modsmith import __version__
from modsmith.errors import UserError


@dataclass(frozen=True, slots=True)
class Manners:
    """How to behave towards a site. Raises `UserError` when `contact` cannot stand in a header."""

    delay: float = 2.0
    """Seconds between the end of a request and the next one to the same host; a longer Crawl-delay wins."""
    contact: str = ""
    """An e-mail or web address in the user agent: whom to write to."""
    timeout: float = 30.0
    """Seconds for a whole page."""
    max_bytes: int = 5_000_000
    """The largest page, unpacked."""
    max_redirects: int = 5
    tries: int = 3
    patience: float = 120.0
    """The longest Retry-After that is sat out, in seconds; with a longer one the site is left alone until then."""

    def __post_init__(self) -> None:
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise UserError("--contact must be one line of ASCII, for example --contact me@example.org")

    @property
    def user_agent(self) -> str:
        about = f"listing collector; contact: {self.contact}" if self.contact else "listing collector"
        return f"modsmith/{__version__} ({about})"
