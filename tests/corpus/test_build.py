"""The built corpus: the same every time, split by offer, and what only the test split may hold."""

from __future__ import annotations

from collections import Counter

import pytest

from modsmith.corpus import build_corpus, corpus_hash
from modsmith.corpus.build import UNSEEN_EVASIONS, read_parts
from modsmith.corpus.load import check_examples
from modsmith.errors import UserError
from modsmith.policy import load_policy

POLICY = load_policy()
CORPUS = build_corpus(POLICY, 3000, seed=5)


def test_the_same_seed_gives_the_same_corpus_and_another_does_not() -> None:
    assert corpus_hash(build_corpus(POLICY, 400, 1)) == corpus_hash(build_corpus(POLICY, 400, 1))
    assert corpus_hash(build_corpus(POLICY, 400, 1)) != corpus_hash(build_corpus(POLICY, 400, 2))


@pytest.mark.parametrize(("size", "violating"), [(600, 0.1), (600, 0.2), (1500, 0.4), (4000, 0.45)])
def test_size_and_base_rate_are_met(size: int, violating: float) -> None:
    examples = build_corpus(POLICY, size, seed=3, violating=violating)
    check_examples(examples, "built")
    assert len(examples) == pytest.approx(size, rel=0.02)
    assert sum(example.violates for example in examples) / size == pytest.approx(violating, abs=0.03)


def test_groups_shells_and_disguises_keep_to_their_splits() -> None:
    splits: dict[str, set[str]] = {}
    for example in CORPUS:
        splits.setdefault(example.group, set()).add(str(example.split))
    assert all(len(found) == 1 for found in splits.values())
    shells = {
        seen: {example.shell for example in CORPUS if (example.slice == "unseen shell") == seen and example.shell}
        for seen in (True, False)
    }
    assert shells[True] and not shells[True] & shells[False]
    for example in CORPUS:
        assert (example.evasion in UNSEEN_EVASIONS) == (example.slice == "unseen transform")
        assert bool(example.slice) == (example.split == "test" and example.source == "composed")


def test_shells_and_disguises_stand_on_both_labels_alike() -> None:
    composed = [example for example in CORPUS if example.source == "composed" and example.kind == "twin"]
    for name in ("shell", "evasion", "generator"):
        by_label = [Counter(getattr(e, name) for e in composed if e.violates == label) for label in (True, False)]
        assert by_label[0] == by_label[1], name


def test_there_is_as_much_to_tell_as_promised() -> None:
    offers, shells = read_parts(POLICY)
    kinds = Counter((offer.kind, offer.category) for offer in offers)
    for category in POLICY.category_ids:
        assert kinds["twin", category] >= 40, category
        assert kinds["near_miss", category] >= 25, category
    assert kinds["ordinary", ""] >= 300
    assert sum(offer.kind == "multi" for offer in offers) >= 9
    assert len(shells) >= 120
    assert {"en", "es", "fr", "de", "pt"} <= {shell.language for shell in shells}


@pytest.mark.parametrize(("size", "violating", "sentence"), [(50, 0.4, "at least 200"), (900, 0.9, "between 0.1 and")])
def test_what_cannot_be_built_is_one_sentence(size: int, violating: float, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build_corpus(POLICY, size, violating=violating)
