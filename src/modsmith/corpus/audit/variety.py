"""How various sets of listings are: numbers to lay side by side, not to pass or fail.

Spread and lengths are for comparing sets within one call. The spread is one minus the mean cosine of two listings, in
one space for all sets: MiniLM's (`modsmith.corpus.minilm`) where it is installed, else latent semantics (TF-IDF and a
truncated SVD) fitted on all sets together. Numbers of different spaces, or of different calls in the second one, do
not compare.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modsmith.corpus.minilm import Encoder, minilm_folder
from modsmith.errors import UserError
from modsmith.listing import Listing

SAMPLE = 1500
"""Listings of a set that are looked at; distinct n-grams of sets of different size cannot be compared."""
BANDS = (0, 10, 20, 40, 80, 160, 320)
"""Where the bands of length begin, in words; the last has no end."""
_DIMENSIONS = 64


def variety(sets: Mapping[str, Sequence[Listing]], seed: int = 0) -> dict[str, dict[str, Any]]:
    """For each set the shares of distinct word n-grams, the spread, and quantiles of the number of words; the same rows
    for all. The spread is NaN for fewer than two listings, or where there are too few words for a space."""
    chosen = {name: _sample(listings, seed) for name, listings in sets.items()}
    words = {name: list(map(_words, listings)) for name, listings in chosen.items()}
    space, spreads = _spreads(chosen, seed)
    return {
        name: {
            "listings": len(found),
            **{f"distinct {n}-grams": _distinct(found, n) for n in (1, 2, 3)},
            f"spread ({space})": spreads[name],
            **{f"words, {q} %": _quantile(found, q) for q in (10, 25, 50, 75, 90)},
        }
        for name, found in words.items()
    }


def length_shares(sets: Mapping[str, Sequence[Listing]], seed: int = 0) -> dict[str, dict[str, float]]:
    """For each set the share of its listings in each band of length, by the band's name ("10-19")."""
    names = [f"{low}-{high - 1}" for low, high in pairwise(BANDS)] + [f"{BANDS[-1]}+"]
    shares = {}
    for name, listings in sets.items():
        lengths = [len(_words(one)) for one in _sample(listings, seed)]
        counts, _ = np.histogram(lengths, bins=[*BANDS, np.inf])
        shares[name] = dict(zip(names, (counts / max(1, len(lengths))).tolist(), strict=True))
    return shares


def _sample(listings: Sequence[Listing], seed: int) -> list[Listing]:
    chosen = list(listings)
    random.Random(seed).shuffle(chosen)
    return chosen[:SAMPLE]


def _words(listing: Listing) -> list[str]:
    return re.findall(r"\w+", f"{listing.title} {listing.description}".lower())


def _distinct(words: Sequence[Sequence[str]], n: int) -> float:
    # Distinct shares fall with length: only the first tokens of every sample count, the same number for each.
    grams = [tuple(found[i : i + n]) for found in words for i in range(min(40, len(found) - n + 1))]
    grams = grams[: 40 * len(words)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _quantile(words: Sequence[Sequence[str]], q: int) -> float:
    return float(np.percentile([len(found) for found in words], q)) if words else float("nan")


def _spreads(sets: Mapping[str, Sequence[Listing]], seed: int) -> tuple[str, dict[str, float]]:
    """The space's name, and each set's spread in it."""
    texts = [f"{one.title}\n{one.description}" for listings in sets.values() for one in listings]
    try:
        folder = minilm_folder()
    except UserError:
        name, space_ND = "TF-IDF, one space", _latent(texts, seed)
    else:
        name, space_ND = "MiniLM", Encoder(folder)(texts)
    spreads, start = {}, 0
    for key, listings in sets.items():
        spreads[key] = float("nan") if space_ND is None else _spread(space_ND[start : start + len(listings)])
        start += len(listings)
    return name, spreads


def _latent(texts: Sequence[str], seed: int) -> NDArray[Any] | None:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    table = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts) if len(texts) > 2 * _DIMENSIONS else None
    if table is None or table.shape[1] <= _DIMENSIONS:
        return None
    return normalize(TruncatedSVD(_DIMENSIONS, random_state=seed).fit_transform(table))  # type: ignore[no-any-return]


def _spread(space_ND: NDArray[Any]) -> float:
    count = len(space_ND)
    if count < 2:
        return float("nan")
    # The mean over pairs from the squared norm of the sum: |sum|^2 = N + sum over i != j.
    mean = (np.square(space_ND.sum(0)).sum() - np.square(space_ND).sum()) / (count * (count - 1))
    return float(1 - mean)
