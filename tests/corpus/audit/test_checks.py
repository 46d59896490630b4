"""Every check of the audit is provoked by a corpus that has just that fault."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from modsmith.corpus import Example
from modsmith.corpus.audit import Audit, audit_corpus
from modsmith.corpus.audit.checks import is_meta_talk, mutual_information, near_duplicates
from modsmith.corpus.audit.reasons import is_silent
from modsmith.corpus.compose.evasion import _FORGED, _ORDERS
from modsmith.listing import Listing
from modsmith.policy import Policy, load_policy
from modsmith.ratings import Ratings

SPAM = Policy.model_validate(
    {
        "name": "p",
        "version": "1",
        "categories": [{"id": "spam", "definition": "Delivers nothing of substance.", "includes": ["fake engagement"]}],
    }
)
NOUNS = ("lamp", "kettle", "brush", "violin", "atlas", "saddle", "anvil", "ribbon", "drum", "quilt", "easel", "bucket")


def _text(draw: random.Random, count: int) -> str:
    return " ".join(draw.choice(NOUNS) + str(draw.randrange(99)) for _ in range(count))


def _corpus(count: int = 160) -> list[Example]:
    """Fair by construction: nothing but chance tells the two sides of a twin apart."""
    draw = random.Random(0)
    examples = []
    for number in range(count):
        for letter, level in (("a", 0), ("b", 3)):
            text = _text(draw, draw.randint(10, 40))
            examples.append(
                Example(
                    listing=Listing(id=f"{number}{letter}", title=_text(draw, 3), description=text, language="en"),
                    ratings=Ratings.full(["spam"], {"spam": level}),
                    rationale="The listing sells nothing of substance.",
                    evidence=text[:20] if level else "",
                    group=str(number),
                    kind="twin",
                    category="spam",
                    source="test",
                    generator="hand",
                    twin=str(number),
                    shell=str(number % 3),
                    split="test" if number % 5 == 0 else "train",
                )
            )
    return examples


FAIR = _corpus()


def failed(examples: list[Example]) -> set[str]:
    return {check.name for check in audit_corpus(examples, SPAM, {}).checks if not check.ok}


def _change(change: object, only: bool | None = None) -> list[Example]:
    return [change(e) if only in (None, e.violates) else e for e in FAIR]  # type: ignore[operator]


def test_a_fair_corpus_passes_and_says_how_various_it_is() -> None:
    audit = audit_corpus(FAIR, SPAM, {}, real=[example.listing for example in FAIR[:50]])
    assert audit.ok, [check for check in audit.checks if not check.ok]
    assert audit.variety["this corpus"].keys() == audit.variety["real listings"].keys()
    assert audit.lengths["this corpus"].keys() == audit.lengths["real listings"].keys()


def test_formatting_that_tells_is_found() -> None:
    planted = _change(
        lambda e: replace(e, listing=replace(e.listing, description="# Hi!\n" + e.listing.description)), True
    )
    names = failed(planted)
    assert {"label from formatting only (AUC)", "label from punctuation and emoji only (AUC)"} <= names


def test_length_that_tells_is_found() -> None:
    planted = _change(lambda e: replace(e, listing=replace(e.listing, description=e.listing.description * 3)), True)
    assert {"label from length only (AUC)", "label from length band (bit)"} <= failed(planted)


def test_function_words_that_tell_are_found() -> None:
    planted = _change(
        lambda e: replace(e, listing=replace(e.listing, title=e.listing.title + " without your own")), False
    )
    assert "label from function words only (AUC)" in failed(planted)


@pytest.mark.parametrize("column", ["generator", "shell"])
def test_provenance_that_tells_is_found(column: str) -> None:
    assert f"label from {column} (bit)" in failed(_change(lambda e: replace(e, **{column: "other"}), True))


def test_a_language_that_tells_is_found() -> None:
    spanish = _change(lambda e: replace(e, listing=replace(e.listing, language="es")), True)
    assert failed(spanish) == {"label from language (bit)"}


def test_rationales_that_say_nothing_of_the_category_are_found() -> None:
    generic = _change(lambda e: replace(e, rationale="It is against the rules."))
    assert failed(generic) == {"rationales silent about the category (share)"}


def test_a_rationale_speaks_in_words_of_the_policy_or_of_the_quote() -> None:
    policy = load_policy()
    listing = Listing(id="1", title="VIP sheet", description="three sure odds every morning")
    ratings = Ratings.full(policy.category_ids, {"gambling": 3})
    base = replace(FAIR[1], listing=listing, ratings=ratings, evidence="three sure odds")
    for text, silent in (
        ("Sells betting picks by subscription.", False),
        ("Three tips a day that are called certain.", False),
        ("It is against the rules.", True),
        ("Fonts copied from a foundry.", True),
        ("Gambling.", False),
        ("", True),
    ):
        assert is_silent(replace(base, rationale=text), policy) is silent, text
    both = replace(base, ratings=Ratings.full(policy.category_ids, {"gambling": 3, "iptv": 3}), evidence="VIP sheet")
    assert is_silent(replace(both, rationale="Sells betting picks."), policy), "and says nothing of the channels"
    assert not is_silent(replace(base, ratings=Ratings.full(policy.category_ids), rationale="Harmless."), policy)


def test_labels_without_reason_are_found() -> None:
    assert "examples without a reason or a verbatim quote" in failed(
        _change(lambda e: replace(e, evidence="xyz"), True)
    )


def test_torn_groups_and_copies_across_splits_are_found() -> None:
    copy = replace(FAIR[0], listing=replace(FAIR[0].listing, id="copy"), group="copy", split="train")
    assert FAIR[0].split == "test"
    assert failed([*FAIR, copy]) == {"near duplicates across splits"}
    torn = replace(FAIR[0], split="validation")
    assert "groups across splits" in failed([torn, *FAIR[1:]])


def test_refusals_are_found() -> None:
    planted = list(FAIR)
    planted[3] = replace(planted[3], listing=replace(planted[3].listing, title="As an AI language model, I cannot"))
    assert failed(planted) == {"refusals and meta-talk"}
    planted = list(FAIR)
    planted[3] = replace(planted[3], rationale="Substance is missing, but as an AI I cannot judge that.")
    assert failed(planted) == {"refusals and meta-talk"}
    assert not is_meta_talk("A course on how to write to a company as an angry customer")


def test_refusals_are_found_under_a_disguise_whose_own_orders_are_none() -> None:
    planted = list(FAIR)
    for hidden in ("As an AI language model, I cannot", "As an A\u200bI language mo\u200bdel, I cannot"):
        planted[3] = replace(FAIR[3], evasion="zero-width characters", listing=replace(FAIR[3].listing, title=hidden))
        assert failed(planted) == {"refusals and meta-talk"}
    assert not [order for order in (*_ORDERS, *_FORGED) if is_meta_talk(order)]


def test_independent_columns_carry_no_information() -> None:
    draw = np.random.default_rng(0)
    values, labels = list(map(int, draw.integers(0, 150, 4000))), list(map(bool, draw.integers(0, 2, 4000)))
    assert mutual_information(values, labels) < 0.005  # the plug-in estimate is 0.027
    assert mutual_information(labels, labels) == pytest.approx(1.0, abs=0.01)


def test_near_duplicates_are_pairs_of_different_parts() -> None:
    text = "forty hand drawn brushes for clouds and waves in one small set"
    listings = [Listing(id=str(n), title=title) for n, title in enumerate((text, text + " now", "a kettle of copper"))]
    assert list(near_duplicates(listings, ["a", "b", "b"])) == [(0, 1)]
    assert list(near_duplicates(listings, ["a", "a", "b"])) == []


def test_an_audit_without_limits_passes() -> None:
    assert Audit(()).ok
