"""Cheap baselines and shortcut probes: how far does one get without reading the policy?

A probe sees one kind of surface only and learns the decision on the train split. What it scores, the test set gives
away for free; a model earns what it scores above that.

| probe | sees | gives |
|---|---|---|
| majority | nothing: always the commoner class of the train split | the decision |
| length only | characters, words and lines of title and description | the decision |
| formatting only | headings, lists, tables, links, emoji, capitals, punctuation; which fields are filled, how many tags and files | the decision |
| function words only | how often closed-class English words stand in the text ("the", "you", "not") | the decision |
| bag of words | TF-IDF of words, word pairs and character 3- to 5-grams of every field | the decision, and ratings 0 or 3 |

All but the first are logistic regressions with balanced class weights. A probe that only learns the decision gives a
`Prediction` without ratings and scores: its `decision_score` is its P(disallowed), and nothing that needs ratings is
measured. Bag of words has one model for the decision, and one per category with positives in the train split (rated 3
at P >= 0.5, else 0; categories without positives are always 0). Its decision and its ratings may disagree: each is its
own best guess. Balanced weights lift every P, so the probes' Brier scores say little.
"""  # noqa: E501 - table rows

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modsmith.corpus import Example
from modsmith.errors import UserError
from modsmith.evaluation.outcomes import Array, Prediction, gold_disallowed
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import VIOLATION, Ratings, Verdict

PROBES = ("majority", "length only", "formatting only", "function words only", "bag of words")
"""Names of the probes, weakest idea first."""


def run_probes(
    train: Sequence[Example], test: Sequence[Example], policy: Policy, seed: int = 0
) -> dict[str, list[Verdict]]:
    """Train every probe on `train` and judge `test`, in its order. Deterministic for one `seed`.

    Raises `UserError` when either is empty or a group stands on both sides: a probe must not see its test.
    When `train` holds one class only, every probe predicts that class.
    """
    if not train or not test:
        raise UserError("the baselines need examples to learn from and examples to judge; one of the two is empty")
    if shared := sorted({example.group for example in train} & {example.group for example in test}):
        raise UserError(
            f"group {shared[0]} is in what the baselines learn from and in what they are measured on; "
            "evaluate another split, or leave the baselines out"
        )
    gold = gold_disallowed(train, policy)
    seen, asked = [example.listing for example in train], [example.listing for example in test]
    found: dict[str, list[Verdict]] = {}
    share = float(gold.mean())
    found["majority"] = _decisions("majority", np.full(len(asked), share), asked, policy)
    for name, make in _SHORTCUTS.items():
        chances = _fit(make(seed), seen, gold, asked)
        found[name] = _decisions(name, chances, asked, policy)
    found["bag of words"] = _bag_of_words(train, gold, asked, policy, seed)
    return found


def _decisions(name: str, chances: Array, listings: Sequence[Listing], policy: Policy) -> list[Verdict]:
    return [
        Prediction(
            id=listing.id,
            decision="disallow" if chance >= 0.5 else "allow",
            ratings=None,
            scores=None,
            model=name,
            policy_version=policy.version_label,
            decision_score=float(chance),
        )
        for listing, chance in zip(listings, chances, strict=True)
    ]


def _bag_of_words(
    train: Sequence[Example], gold: Array, asked: Sequence[Listing], policy: Policy, seed: int
) -> list[Verdict]:
    words = _bag_features()
    seen_words = words.fit_transform([example.listing.text for example in train])
    asked_words = words.transform([listing.text for listing in asked])
    chances = _fit(_classifier(seed, WORDS_C), seen_words, gold, asked_words)
    scores_NC = np.zeros((len(asked), len(policy.category_ids)))
    for c, category in enumerate(policy.category_ids):
        labels = np.array([example.ratings[category] >= VIOLATION for example in train])
        if labels.any():
            scores_NC[:, c] = _fit(_classifier(seed), seen_words, labels, asked_words)
    verdicts: list[Verdict] = []
    for listing, chance, row in zip(asked, chances, scores_NC, strict=True):
        scores = dict(zip(policy.category_ids, map(float, row), strict=True))
        verdicts.append(
            Prediction(
                id=listing.id,
                decision="disallow" if chance >= 0.5 else "allow",
                ratings=Ratings({name: VIOLATION if score >= 0.5 else 0 for name, score in scores.items()}),
                scores=scores,
                model="bag of words",
                policy_version=policy.version_label,
                decision_score=float(chance),
            )
        )
    return verdicts


def _fit(model: Any, seen: Any, labels: Array, asked: Any) -> Array:
    """P(label) of `asked` (N,); the label itself when only one occurs."""
    if labels.all() or not labels.any():
        return np.full(asked.shape[0] if hasattr(asked, "shape") else len(asked), float(labels[0]))
    return np.asarray(model.fit(seen, labels).predict_proba(asked)[:, 1])


# --- models -----------------------------------------------------------------------------------------------------------


WORDS_C = 20.0
"""Inverse regularisation of the bag-of-words decision: of seven values from 0.03 to 50 the best by F1 on
the validation split of the built-in corpus."""


def _classifier(seed: int, c: float = 1.0) -> Any:
    from sklearn.linear_model import LogisticRegression

    # liblinear: several times faster than lbfgs on a hundred thousand sparse columns.
    return LogisticRegression(C=c, class_weight="balanced", solver="liblinear", random_state=seed)


def _numbers(features: Callable[[Listing], list[float]], seed: int) -> Any:
    """Logistic regression on standardised features, their squares and their products."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

    def table(listings: Sequence[Listing]) -> Array:
        return np.array([features(listing) for listing in listings])

    return make_pipeline(
        FunctionTransformer(table), StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler(),
        _classifier(seed),
    )  # fmt: skip


def _length(seed: int) -> Any:
    return _numbers(length_features, seed)


def _formatting(seed: int) -> Any:
    return _numbers(format_features, seed)


def _function_words(seed: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    vocabulary = sorted(FUNCTION_WORDS)
    words = TfidfVectorizer(preprocessor=_text, vocabulary=vocabulary, token_pattern=r"[a-z']+", sublinear_tf=True)
    return make_pipeline(words, _classifier(seed))


def _text(listing: Listing) -> str:
    return listing.text.lower().replace("’", "'")


def _bag_features() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2, max_features=50_000),
    )


_SHORTCUTS: dict[str, Callable[[int], Any]] = {
    "length only": _length,
    "formatting only": _formatting,
    "function words only": _function_words,
}


# --- features ---------------------------------------------------------------------------------------------------------


def length_features(listing: Listing) -> list[float]:
    """Logarithms of characters and words of title and description, and of the description's lines."""
    texts = (listing.title, listing.description)
    counts = [len(text) for text in texts] + [len(text.split()) for text in texts] + [listing.description.count("\n")]
    return np.log1p(counts).tolist()  # type: ignore[no-any-return]


_LAYOUT = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
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
        "[\u2190-\u21ff\u2600-\u27bf\u2b50\U0001f000-\U0001faff]",  # emoji and arrows
        r"\b[^\W\d_]*[A-Z][^\W\d_]*[A-Z]{2,}\b",  # word in capitals
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
]


def format_features(listing: Listing) -> list[float]:
    """Logarithms of layout and punctuation counts in title and description, the shares of capitals and digits, and
    which fields are filled. No word is looked at."""
    text = f"{listing.title}\n{listing.description}"
    letters = sum(map(str.isalpha, text)) or 1
    shares = [sum(map(str.isupper, text)) / letters, sum(map(str.isdigit, text)) / letters]
    title = [sum(map(str.isupper, listing.title)) / (len(listing.title) or 1)]
    fields = [float(bool(value)) for value in (listing.price, listing.tags, listing.files, listing.description)]
    counts = [*(len(pattern.findall(text)) for pattern in _LAYOUT), len(listing.tags), len(listing.files)]
    return [*np.log1p(counts).tolist(), *shares, *title, *fields]


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
