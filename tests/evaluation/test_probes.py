"""Probes: each finds its own shortcut and no other, and never sees its test."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modsmith.corpus.surface import FUNCTION_WORDS, format_features, length_features
from modsmith.errors import UserError
from modsmith.evaluation import PROBES, Prediction, measure, measure_categories, run_probes
from modsmith.listing import Listing

_NOUNS = "lamp river stone cloud garden window paper bridge candle forest silver market coffee winter pencil"
CONTENT = _NOUNS.split()


def corpus(make: SimpleNamespace, leak: str, n: int, seed: int) -> list[Any]:
    """Random words; violating listings (spam or iptv by turns) give themselves away by `leak` alone."""
    rng = random.Random(seed)
    examples = []
    for place in range(n):
        bad = place % 2 == 1
        gold = {"spam" if place % 4 == 1 else "iptv": 3} if bad else {}
        words = rng.choices(CONTENT, k=60 if leak == "length" and bad else 30)
        if leak == "function words":
            words[::3] = rng.choices(["you", "your", "now"] if bad else ["the", "of", "which"], k=len(words[::3]))
        if leak == "content words" and bad:
            words[3] = "casino" if "spam" in gold else "channel"
        text = " ".join(words)
        if leak == "formatting" and bad:
            text = text.replace(" ", "! ", 4)
        title = " ".join(rng.choices(CONTENT, k=4))
        examples.append(make.example(f"{seed}-{place}", gold, title=title, description=text))
    return examples


def f1_by_probe(make: SimpleNamespace, leak: str) -> dict[str, float | None]:
    train, test = corpus(make, leak, 160, 1), corpus(make, leak, 80, 2)
    found = run_probes(train, test, make.policy())
    assert list(found) == list(PROBES)
    return {name: measure(test, verdicts, make.policy())["f1"] for name, verdicts in found.items()}


@pytest.mark.parametrize(
    ("leak", "finder", "blind"),
    [
        ("length", "length only", {"formatting only"}),
        ("formatting", "formatting only", {"function words only"}),
        ("function words", "function words only", {"formatting only"}),
        ("content words", "bag of words", {"length only", "formatting only", "function words only"}),
    ],
)
def test_each_shortcut_is_found_by_its_probe(make: SimpleNamespace, leak: str, finder: str, blind: set[str]) -> None:
    f1 = f1_by_probe(make, leak)
    assert f1[finder] is not None and f1[finder] > 0.9
    assert all((f1[name] or 0) < 0.75 for name in blind), f1


def test_bag_of_words_rates_categories(make: SimpleNamespace) -> None:
    train, test = corpus(make, "content words", 160, 1), corpus(make, "content words", 80, 2)
    verdicts = run_probes(train, test, make.policy())["bag of words"]
    for verdict in verdicts:
        assert verdict.ratings is not None and verdict.scores is not None
        assert list(verdict.ratings) == list(verdict.scores) == make.names
        assert {name: 3 if score >= 0.5 else 0 for name, score in verdict.scores.items()} == verdict.ratings
        assert verdict.scores["phishing"] == 0.0, "the train split has no phishing"
    rows = measure_categories(test, verdicts, make.policy())
    assert all((rows[name]["f1"] or 0) > 0.9 for name in ("spam", "iptv"))
    assert rows["phishing"]["f1"] is None


def test_the_others_only_decide(make: SimpleNamespace) -> None:
    train, test = corpus(make, "length", 40, 1), corpus(make, "length", 20, 2)
    policy = make.policy()
    for name, verdicts in run_probes(train, test, policy).items():
        assert [verdict.id for verdict in verdicts] == [example.id for example in test]
        for verdict in verdicts:
            assert isinstance(verdict, Prediction) and verdict.decision_score is not None
            assert verdict.model == name and verdict.policy_version == policy.version_label
            assert (verdict.decision == "disallow") == (verdict.decision_score >= 0.5)
            if name != "bag of words":
                assert verdict.ratings is None and verdict.scores is None
        found = measure(test, verdicts, policy)
        assert found["accuracy"] is not None and found["auroc"] is not None
        assert (found["severity_kappa"] is None) == (found["parse_rate"] is None) == (name != "bag of words")


def test_the_majority_ignores_the_listing(make: SimpleNamespace) -> None:
    train = [make.example(str(n), {"spam": 3} if n < 3 else {}) for n in range(10)]
    test = [make.example(f"t{n}", {"spam": 4} if n < 2 else {}) for n in range(4)]
    verdicts = run_probes(train, test, make.policy())["majority"]
    assert [verdict.decision for verdict in verdicts] == ["allow"] * 4
    assert {verdict.decision_score for verdict in verdicts if isinstance(verdict, Prediction)} == {0.3}


@pytest.mark.parametrize(("gold", "decision"), [({"spam": 3}, "disallow"), ({}, "allow")])
def test_one_class_to_learn_from(make: SimpleNamespace, gold: dict[str, int], decision: str) -> None:
    train = [make.example(str(n), gold) for n in range(4)]
    found = run_probes(train, [make.example("t")], make.policy())
    assert {verdict.decision for verdicts in found.values() for verdict in verdicts} == {decision}


def test_review_is_learned_where_it_counts(make: SimpleNamespace) -> None:
    train = [make.example(str(n), {"spam": 2}) for n in range(4)]
    strict = make.policy(review_counts_as_disallowed=True)
    assert run_probes(train, [make.example("t")], strict)["majority"][0].decision == "disallow"
    assert run_probes(train, [make.example("t")], make.policy())["majority"][0].decision == "allow"


def test_equal_seeds_agree(make: SimpleNamespace) -> None:
    train, test = corpus(make, "content words", 60, 1), corpus(make, "content words", 20, 2)
    assert run_probes(train, test, make.policy(), 3) == run_probes(train, test, make.policy(), 3)


def test_no_probe_sees_its_test(make: SimpleNamespace) -> None:
    both = make.example("1", group="shared")
    with pytest.raises(UserError, match="group shared is in what the baselines learn from"):
        run_probes([both, make.example("2", {"spam": 3})], [make.example("3", group="shared")], make.policy())
    for train, test in (([], [both]), ([both], [])):
        with pytest.raises(UserError, match="one of the two is empty"):
            run_probes(train, test, make.policy())


def test_features_do_not_read_words() -> None:
    plain = Listing("1", title="red lamp", description="- one thing\n- two things\n\n# Head", price="$5", tags=("a",))
    other = Listing("2", title="sad bear", description="- abc stuff\n- xyz foobar\n\n# Tail", price="€9", tags=("b",))
    assert format_features(plain) == format_features(other)
    assert length_features(plain) == length_features(other)


@pytest.mark.parametrize(
    "text",
    ["# head", "- item", "1. item", "| a | b |", "LOUD WORD", "wow!", "🎉", "**bold**", "a, b", "https://x.y", "why?"],
)
def test_every_kind_of_formatting_is_seen(text: str) -> None:
    assert format_features(Listing("1", description=text)) != format_features(Listing("1", description="word word"))


def test_empty_fields_are_features_too() -> None:
    bare, full = Listing("1", title="a"), Listing("1", title="a", price="$1", tags=("x",), files=("f.zip",))
    assert format_features(bare) != format_features(full)
    assert len(format_features(bare)) == len(format_features(full))
    assert np.isfinite(length_features(Listing("1", tags=("only",)))).all()


def test_function_words_carry_no_topic() -> None:
    assert {"the", "you", "not", "don't"} <= FUNCTION_WORDS
    assert not FUNCTION_WORDS & {"free", "buy", "file", "gun", "casino", "account", "video", "money", "new", "real"}
