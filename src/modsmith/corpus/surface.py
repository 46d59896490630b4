"""What a listing looks like without being read: length, layout, punctuation, function words.

A corpus is audited by these features and a model is compared with classifiers on them: no label may be had from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modsmith.listing import Listing


def length_features(listing: Listing) -> list[float]:
    """Logarithms of characters and words of title and description, and of the description's lines."""
    texts = (listing.title, listing.description)
    counts = [len(text) for text in texts] + [len(text.split()) for text in texts] + [listing.description.count("\n")]
    return np.log1p(counts).tolist()  # type: ignore[no-any-return]


def _patterns(*patterns: str) -> list[re.Pattern[str]]:
    return [re.compile(pattern, re.MULTILINE) for pattern in patterns]


_PUNCTUATION = _patterns(
    "[\u2190-\u21ff\u2600-\u27bf\u2b50\U0001f000-\U0001faff]",  # emoji and arrows
    r"\.\.\.|…",
    r"[–—]",
    r"!",
    r"\?",
    r",",
    r"\.",
    r":",
    r";",
    r"['’]",
    r"[\"“”„«»]",
    r"[()]",
    r"/",
    r"&",
    r"\+",
    r"%",
    r"[$€£]",
)
_LAYOUT = _patterns(
    r"^ {0,3}#{1,6} ",  # heading
    r"^\s*[-*+•–] ",  # bullet
    r"^\s*\d+[.)] ",  # numbered item
    r"^\s*\|.*\|\s*$",  # table row
    r"^\s*(?:-{3,}|\*{3,}|_{3,})\s*$",  # rule
    r"^\s*>",  # quotation
    r"\n\s*\n",  # paragraph
    r"\*\*|__",  # bold
    r"(?<!\*)\*(?!\*|\s)",  # italic
    r"`",  # code
    r"https?://|\[[^\]]*\]\(",  # link
    r"\b[^\W\d_]*[A-Z][^\W\d_]*[A-Z]{2,}\b",  # word in capitals
)


def format_features(listing: Listing) -> list[float]:
    """Logarithms of layout and punctuation counts in title and description, the shares of capitals and digits, and
    which fields are filled. No word is looked at."""
    text = f"{listing.title}\n{listing.description}"
    letters = sum(map(str.isalpha, text)) or 1
    shares = [sum(map(str.isupper, text)) / letters, sum(map(str.isdigit, text)) / letters]
    title = [sum(map(str.isupper, listing.title)) / (len(listing.title) or 1)]
    fields = [float(bool(value)) for value in (listing.price, listing.tags, listing.files, listing.description)]
    counts = [
        *(len(pattern.findall(text)) for pattern in (*_LAYOUT, *_PUNCTUATION)),
        len(listing.tags),
        len(listing.files),
    ]
    return [*np.log1p(counts).tolist(), *shares, *title, *fields]


def punctuation_features(listing: Listing) -> list[float]:
    """Logarithms of the counts of punctuation marks and emoji in title and description."""
    text = f"{listing.title}\n{listing.description}"
    return np.log1p([len(pattern.findall(text)) for pattern in _PUNCTUATION]).tolist()  # type: ignore[no-any-return]


_CLOSED_CLASS = """
    a about above after again against all also although always am among an and another any anybody anyone anything
    are aren't around as at away back be because been before being below beneath beside besides between beyond both but
    by can can't cannot could couldn't did didn't do does doesn't doing don't done down during each either else enough
    even ever every everybody everyone everything except few for from further had hadn't has hasn't have haven't having
    he he'd he'll he's hence her here hers herself him himself his how however i i'd i'll i'm i've if in indeed inside
    instead into is isn't it it's its itself just least less let let's like many may maybe me might mine more most much
    must my myself near neither never no nobody none nor not nothing now of off often on once one only onto or other
    others otherwise ought our ours ourselves out outside over own per perhaps quite rather same shall she she'll she's
    should shouldn't since so some somebody someone something sometimes soon still such than that that's the their
    theirs them themselves then there there's therefore these they they'd they'll they're they've this those though
    through throughout thus till to together too toward towards under unless until up upon us very via was wasn't we
    we'd we'll we're we've well were weren't what what's whatever when whenever where wherever whether which whichever
    while who whoever whole whom whose why will with within without won't would wouldn't yet you you'd you'll you're
    you've your yours yourself yourselves
"""
FUNCTION_WORDS = frozenset(_CLOSED_CLASS.split())
"""Closed-class English words: articles, pronouns, prepositions, conjunctions, auxiliaries, common adverbs."""


# --- classifiers -----------------------------------------------------------------------------------------------------

WORDS_C = 20.0
"""Inverse regularisation of the bag-of-words decision: of seven values from 0.03 to 50 the best by F1 on
the validation split of the built-in corpus."""


def classifier(seed: int, c: float = 1.0) -> Any:
    """Logistic regression with balanced class weights; `c` is the inverse regularisation."""
    from sklearn.linear_model import LogisticRegression

    # liblinear: several times faster than lbfgs on a hundred thousand sparse columns.
    return LogisticRegression(C=c, class_weight="balanced", solver="liblinear", random_state=seed)


def _numbers(features: Callable[[Listing], list[float]], seed: int) -> Any:
    """Logistic regression on standardised features, their squares and their products."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

    def table(listings: Sequence[Listing]) -> NDArray[Any]:
        return np.array([features(listing) for listing in listings])

    return make_pipeline(
        FunctionTransformer(table), StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler(),
        classifier(seed),
    )  # fmt: skip


def _length(seed: int) -> Any:
    return _numbers(length_features, seed)


def _formatting(seed: int) -> Any:
    return _numbers(format_features, seed)


def _punctuation(seed: int) -> Any:
    return _numbers(punctuation_features, seed)


def _function_words(seed: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    vocabulary = sorted(FUNCTION_WORDS)
    words = TfidfVectorizer(preprocessor=_text, vocabulary=vocabulary, token_pattern=r"[a-z']+", sublinear_tf=True)
    return make_pipeline(words, classifier(seed))


def _text(listing: Listing) -> str:
    return listing.text.lower().replace("’", "'")


def bag_of_words() -> Any:
    """Unfitted TF-IDF features: words, word pairs, and character 3- to 5-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2, max_features=50_000),
    )


SHORTCUTS: dict[str, Callable[[int], Any]] = {
    "length only": _length,
    "formatting only": _formatting,
    "punctuation and emoji only": _punctuation,
    "function words only": _function_words,
}
"""Makers of classifiers of listings that see one kind of surface each; they take a seed."""
