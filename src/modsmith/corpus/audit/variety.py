"""How various a set of listings is: numbers to lay side by side, not to pass or fail."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from modsmith.listing import Listing

SAMPLE = 1500
"""Listings looked at; distinct n-grams of sets of different size cannot be compared."""
_DIMENSIONS = 64


def variety(listings: Sequence[Listing], seed: int = 0) -> dict[str, Any]:
    """Shares of distinct word n-grams, the spread (one minus the mean cosine of two listings in a latent semantic space
    fitted on the sample), and quantiles of the number of words."""
    chosen = list(listings)
    random.Random(seed).shuffle(chosen)
    words = [re.findall(r"\w+", f"{one.title} {one.description}".lower()) for one in chosen[:SAMPLE]]
    lengths = [len(found) for found in words]
    budget = 40 * len(words)
    distinct = {}
    for n in (1, 2, 3):
        # Distinct shares fall with length: only the first tokens of every sample count, the same number for each.
        grams = [tuple(found[i : i + n]) for found in words for i in range(min(40, len(found) - n + 1))][:budget]
        distinct[f"distinct {n}-grams"] = len(set(grams)) / len(grams) if grams else 0.0
    quantiles = {f"words, {q} %": float(np.percentile(lengths, q)) for q in (10, 25, 50, 75, 90)} if lengths else {}
    return {
        "listings": len(words),
        **distinct,
        "spread": _spread([" ".join(found) for found in words], seed),
        **quantiles,
    }


def _spread(texts: Sequence[str], seed: int) -> float:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    table = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts) if len(texts) > 2 * _DIMENSIONS else None
    if table is None or table.shape[1] <= _DIMENSIONS:
        return float("nan")
    space_ND = normalize(TruncatedSVD(_DIMENSIONS, random_state=seed).fit_transform(table))
    count = len(space_ND)
    # The mean over pairs from the squared norm of the sum: |sum|^2 = N + sum over i != j.
    mean = (np.square(space_ND.sum(0)).sum() - np.square(space_ND).sum()) / (count * (count - 1))
    return float(1 - mean)
