"""Listings from parts: an offer (what is sold) told through a shell (how it is said).

Both labels come out of one mould: a shell knows no label, and the two sides of a twin are told with the same shell,
the same choice of wording, the same price and the same disguise.
"""

from modsmith.corpus.compose.disguise import disguise, small_talk
from modsmith.corpus.compose.evasion import EVASIONS
from modsmith.corpus.compose.offers import Offer, Side, read_offers
from modsmith.corpus.compose.orders import Order, read_orders
from modsmith.corpus.compose.shells import Shell, read_shells
from modsmith.corpus.compose.tell import Telling, tell

__all__ = [
    "EVASIONS",
    "Offer",
    "Order",
    "Shell",
    "Side",
    "Telling",
    "disguise",
    "read_offers",
    "read_orders",
    "read_shells",
    "small_talk",
    "tell",
]
