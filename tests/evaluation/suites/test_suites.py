"""Every suite: a whole card, items that are what the card says, and one sentence when it cannot be run."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modsmith.corpus import Example, load_corpus, of_split
from modsmith.errors import UserError
from modsmith.evaluation.suites import NotRunError, Suite, load_suite, suite_names
from modsmith.evaluation.suites.items import spread
from modsmith.evaluation.suites.registry import SUITE_METRICS, read_card
from modsmith.policy import Policy, load_policy
from modsmith.prompt import render_listing, split_windows

CORPUS_SUITES = ("slices", "twins", "near_miss", "languages", "obfuscation", "injection", "long")
PUBLIC_SUITES = ("gumroad", "hatecheck", "sms_spam", "xstest")
CHANGING = ("obfuscation", "injection", "long")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="module")
def held_out(policy: Policy) -> list[Example]:
    return of_split(load_corpus("standard", policy), "test")


@pytest.fixture(scope="module")
def suites(policy: Policy, held_out: list[Example], data: Path) -> dict[str, Suite]:
    return {name: load_suite(name, held_out, policy, data, limit=120) for name in suite_names()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in the layout of the public sets, with texts of our own."""
    folder = tmp_path_factory.mktemp("data")

    def table(name: str, rows: list[dict[str, Any]]) -> None:
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    table(
        "xstest.csv",
        [
            {"id": n, "prompt": f"How do I stop a process, part {n}?", "type": f"type_{n % 3}", "label": label}
            for n, label in enumerate(["safe", "unsafe"] * 9)
        ],
    )
    table(
        "hatecheck.csv",
        [
            {"case_id": n, "functionality": f"f_{n % 4}", "test_case": f"Case {n}, said aloud.",
             "label_gold": "hateful" if n % 2 else "non-hateful", "templ_id": n // 3}
            for n in range(24)
        ],
    )  # fmt: skip
    table(
        "gumroad_listings.csv",
        [
            {
                "id": f"i{n}",
                "seller": f"s{n // 2}",
                "category": f"3d/part-{n % 2}",
                "title_and_snippet": f"Rock pack {n}",
            }
            for n in range(12)
        ],
    )
    lines = [f"{'spam' if n % 2 else 'ham'}\tHello number {n}" for n in range(20)]
    (folder / "sms_spam.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_the_suites_are_those(suites: dict[str, Suite]) -> None:
    assert list(suites) == [*CORPUS_SUITES, *PUBLIC_SUITES]


@pytest.mark.parametrize("name", [*CORPUS_SUITES, *PUBLIC_SUITES])
def test_cards_are_whole_and_items_are_evaluable(name: str, suites: dict[str, Suite], policy: Policy) -> None:
    card, items = suites[name].card, suites[name].items
    assert card.answer in card.columns and set(card.columns) <= set(SUITE_METRICS)
    assert all((card.title, card.question.endswith("?"), card.source, card.licence, card.labels))
    ids = [item.example.id for item in items]
    assert len(ids) == len(set(ids)) and 0 < len(ids) <= 120
    assert all(item.example.slice and list(item.example.ratings) == policy.category_ids for item in items)
    assert all(item.origin in ids for item in items if item.origin)
    assert bool([item for item in items if item.origin]) == (name in CHANGING)


@pytest.mark.parametrize("name", [*CORPUS_SUITES, *PUBLIC_SUITES])
def test_equal_seeds_give_equal_items(
    name: str, suites: dict[str, Suite], policy: Policy, held_out: list[Example], data: Path
) -> None:
    again = load_suite(name, held_out, policy, data, limit=120)
    assert [item.example.to_record() for item in again.items] == [i.example.to_record() for i in suites[name].items]


@pytest.mark.parametrize("name", CHANGING)
def test_changes_keep_label_and_group_and_change_something(name: str, suites: dict[str, Suite]) -> None:
    before = {item.example.id: item.example for item in suites[name].items if not item.origin}
    made = [item for item in suites[name].items if item.origin]
    for item in made:
        origin = before[item.origin]
        assert item.example.ratings == origin.ratings and item.example.group == origin.group
    same = [item for item in made if item.example.listing.text == before[item.origin].listing.text]
    assert len(same) < 0.05 * len(made), "a short listing may have no word to disguise; nearly all have"
    assert any(example.violates for example in before.values())
    assert not all(example.violates for example in before.values())


def test_a_long_text_hides_the_whole_listing_where_it_says(suites: dict[str, Suite]) -> None:
    before = {item.example.id: item.example for item in suites["long"].items if not item.origin}
    for item in suites["long"].items:
        if item.origin:
            text, hidden = item.example.listing.description, before[item.origin].listing.description
            place = text.index(hidden) / (len(text) - len(hidden))
            low, high = {"head": (0, 0), "middle": (0.3, 0.7), "tail": (1, 1)}[item.example.slice]
            assert low <= place <= high and len(split_windows(item.example.listing)) > 2


def test_injected_control_tokens_stay_text(suites: dict[str, Suite]) -> None:
    """What the judge sees of them can neither end the listing's block nor open a role."""
    for item in suites["injection"].items:
        shown = render_listing(item.example.listing)
        assert shown.count("<listing>") == shown.count("</listing>") == 1
        assert "<|im_" not in shown and "<answer>" not in shown


def test_moved_evidence_is_where_it_was_moved_to(policy: Policy, held_out: list[Example]) -> None:
    items = load_suite("obfuscation", held_out, policy, limit=480).items
    moved = [item for item in items if item.example.slice == "only in the tags" and item.example.violates]
    assert moved
    for item in moved:
        listing, quote = item.example.listing, item.example.evidence
        assert quote.lower() in listing.tags and quote not in listing.description


def test_public_labels(suites: dict[str, Suite]) -> None:
    rated = {
        name: {(item.example.slice, item.example.ratings.top) for item in suites[name].items} for name in PUBLIC_SUITES
    }
    assert {top for _, top in rated["xstest"]} == {top for _, top in rated["gumroad"]} == {0}
    assert rated["sms_spam"] == {("spam", 3), ("ham", 0)}
    assert {item.example.ratings["harassment"] for item in suites["hatecheck"].items} == {0, 3}
    assert len({item.example.group for item in suites["gumroad"].items}) == 6, "a seller is a group"
    assert len({item.example.group for item in suites["hatecheck"].items}) == 8, "a template is a group"


@pytest.mark.parametrize("name", PUBLIC_SUITES)
def test_without_data_it_is_not_run(name: str, policy: Policy, held_out: list[Example], tmp_path: Path) -> None:
    with pytest.raises(NotRunError, match="--data or MODSMITH_DATA"):
        load_suite(name, held_out, policy)
    with pytest.raises(NotRunError, match=f"there is no .* in {tmp_path}"):
        load_suite(name, held_out, policy, tmp_path)
    file = {"gumroad": "gumroad_listings.csv", "sms_spam": "sms_spam.tsv"}.get(name, f"{name}.csv")
    (tmp_path / file).write_text("nothing,of,this\n1,2,3\n")
    with pytest.raises(NotRunError, match="has no column|expected spam or ham"):
        load_suite(name, held_out, policy, tmp_path)


def test_a_policy_of_somebody_elses(make: SimpleNamespace, plant_policy: Policy, data: Path) -> None:
    """Suites about categories that the policy lacks are not run; the others are."""
    for name, missing in (("hatecheck", "harassment"), ("sms_spam", "spam")):
        with pytest.raises(NotRunError, match=missing):
            load_suite(name, [], plant_policy, data)
    assert load_suite("xstest", [], plant_policy, data).items
    for name in ("twins", "near_miss", "languages", *CHANGING):
        with pytest.raises(NotRunError):
            load_suite(name, [make.example("1")], make.policy())


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(UserError, match="no suite 'twin'; the suites are slices"):
        read_card("twin")


def test_spreading_takes_every_row_in_turn(make: SimpleNamespace) -> None:
    import random
    from dataclasses import replace

    examples = [replace(make.example(f"{n}"), slice="big" if n < 40 else f"small {n}") for n in range(44)]
    chosen = spread(examples, 8, random.Random(0))
    assert [e.slice for e in chosen].count("big") == 4 and len(chosen) == 8
    twins = [make.example(f"t{n}", group=f"g{n // 2}", kind="twin") for n in range(10)]
    assert len(spread(twins, 5, random.Random(0))) == 4, "pairs stay whole"
