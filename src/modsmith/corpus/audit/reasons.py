"""Does a rationale speak of what its listing is rated for?

What a model is trained to write is rationale + quote + "Concerns: CATEGORY." (`prompt.render_reasoning`). The
category's name stands there by construction, whatever the rationale says, so looking for it proves nothing. What is
looked at is the rationale as it was written: it speaks of a category when it shares a word with what the policy says of
it (name, definition, includes, severity, examples) or with the quote that is the evidence. Function words and words of
fewer than four letters do not count; words are alike when their first five letters are.

This is a coarse look at words. It finds rationales that are empty, generic or another listing's; it cannot say whether
the reason is right, and a good reason in words of its own is taken for silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from modsmith.corpus.example import Example
from modsmith.corpus.surface import FUNCTION_WORDS
from modsmith.policy import Category, Policy
from modsmith.ratings import BORDERLINE

_STEM = 5
_SHORTEST = 4


def is_silent(example: Example, policy: Policy) -> bool:
    """Is there a category rated 2 or more of which the rationale does not speak? Categories that the policy does not
    have are known by their name alone."""
    known = {category.id: category for category in policy.categories}
    said, quoted = stems(example.rationale), stems(example.evidence)
    return any(
        said.isdisjoint(quoted | stems(*_words_about(name, known.get(name))))
        for name, level in example.ratings.items()
        if level >= BORDERLINE
    )


def _words_about(name: str, category: Category | None) -> Iterable[str]:
    yield name.replace("_", " ")
    if category is not None:
        yield from (category.definition, *category.includes, *(one.text for one in category.examples if one.rating > 1))
        if category.severity is not None:
            yield from (category.severity.violation, category.severity.severe)


def stems(*texts: str) -> frozenset[str]:
    """The first letters of the words that carry a meaning, lower case."""
    words = re.findall(r"[^\W\d_]+", " ".join(texts).lower())
    return frozenset(word[:_STEM] for word in words if len(word) >= _SHORTEST and word not in FUNCTION_WORDS)
