"""A sentence-embedding baseline: MiniLM (`modsmith.corpus.minilm`) and logistic regression, the usual first thing to
try."""

from __future__ import annotations

from collections.abc import Sequence

from modsmith.corpus import Example
from modsmith.corpus.minilm import Encoder, minilm_folder
from modsmith.corpus.surface import classifier
from modsmith.errors import UserError
from modsmith.evaluation.probes import EMBEDDINGS, TextClassifier
from modsmith.policy import Policy


def fit_embeddings(train: Sequence[Example], policy: Policy, seed: int = 0) -> TextClassifier:
    """Train the baseline. Raises `UserError` when the package is missing or there are no examples."""
    if not train:
        raise UserError("the baselines need examples to learn from, and there are none")
    encode = Encoder(minilm_folder())
    seen = encode([example.listing.text for example in train])
    return TextClassifier(EMBEDDINGS, encode, seen, train, policy, classifier(seed), classifier(seed))


def embeddings_missing() -> str:
    """Why the baseline cannot be run here, or nothing when it can."""
    try:
        minilm_folder()
    except UserError as error:
        return str(error)
    return ""
