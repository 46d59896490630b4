"""Fitting what tells an order to the moderator from product copy (reading/orders.py).

    python -m modsmith.corpus.compose.spotting

Orders: those of `orders/` that training may see and the ones in `addressed/`. Copy: the sentences of `addressed/` that
use an order's words for buyers, and those of whole-written listings of the training split. In a few of these the
writers have put orders, unmarked; what looks like one (`UNMARKED`) is taken for neither. The bar is set on the
validation split. Deterministic.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from modsmith.corpus.compose.orders import read_entries, read_orders
from modsmith.corpus.example import Example
from modsmith.listing import Listing
from modsmith.reading import read_plainly
from modsmith.reading.orders import SENTENCE, SHORTEST, SLOTS, WEIGHTS, hashed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ALARMS = 0.04
"""Share of listings without an order that may be read a second time."""
UNMARKED = re.compile(
    r"\b(?:moderat(?:or|ion)s?|review(?:er|ing staff)s?|admins?|trust (?:team|desk|and safety|& safety)|policy team)\b"
    r".*\b(?:approve|clear|verif|flag|safe|skip|pass|rate|check|allow)",
    re.IGNORECASE,
)
LISTINGS = 4000
"""Listings of the training split that copy is taken from."""


@cache
def read_addressed() -> tuple[tuple[str, bool], ...]:
    """Texts of `addressed/`, and whether each is an order."""
    return tuple((entry["text"], entry["order"]) for entry in read_entries("addressed"))


def sentences(text: str) -> list[str]:
    """As `reading.orders` cuts a text."""
    lines = read_plainly(text).text.split("\n")
    found = (sentence.strip() for line in lines for sentence in SENTENCE.findall(line))
    return [sentence for sentence in found if len(sentence) >= SHORTEST]


def fit_spotter(train: Sequence[Example], validation: Sequence[Example]) -> tuple[np.ndarray, float]:
    """Weights (SLOTS,) and bias of `reading.orders`."""
    from sklearn.linear_model import LogisticRegression

    some = random.Random(0).sample(list(train), min(LISTINGS, len(train)))
    spoken = [(one, True) for order in read_orders() if not order.test for one in sentences(order.text)]
    spoken += [(one, order) for text, order in read_addressed() for one in sentences(text)]
    spoken += [(one, False) for example in some for one in _said(example.listing) if not UNMARKED.search(one)]
    model = LogisticRegression(C=10, class_weight="balanced", max_iter=500)
    model.fit(_matrix(text for text, _ in spoken), [order for _, order in spoken])
    weights = model.coef_[0].astype(np.float16)
    plain = [said for one in validation if not any(map(UNMARKED.search, said := _said(one.listing))) and said]
    worst = [(_matrix(said) @ weights.astype(np.float32)).max() for said in plain]
    return weights, -float(np.quantile(worst, 1 - ALARMS))


def _said(listing: Listing) -> list[str]:
    return sentences("\n".join((listing.title, listing.description, *listing.tags, *listing.files)))


def _matrix(texts: Iterable[str]) -> csr_matrix:
    """(N, SLOTS); each block of a text has length 1."""
    from scipy.sparse import csr_matrix

    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for text in texts:
        for slots in hashed(text):
            columns += slots
            values += [len(slots) ** -0.5] * len(slots)
        ends.append(len(columns))
    return csr_matrix((np.array(values, np.float32), columns, ends), shape=(len(ends) - 1, SLOTS))


def main() -> None:
    """Fit, and write the weights where reading/orders.py looks for them."""
    from modsmith.corpus.load import load_corpus
    from modsmith.corpus.table import of_split
    from modsmith.policy import load_policy

    written = load_corpus("written", load_policy())
    weights, bias = fit_spotter(of_split(written, "train"), of_split(written, "validation"))
    path = Path(str(resources.files("modsmith.reading"))) / WEIGHTS
    np.savez_compressed(path, weights=weights, bias=np.float32(bias))
    print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
