"""Reading corpora: hand-written YAML, JSONL and Parquet; every fault is one sentence that says where."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modsmith.corpus import SPLITS, Example, export_corpus, load_corpus
from modsmith.errors import UserError
from modsmith.policy import load_policy

POLICY = load_policy()
ALLOWED = {
    "title": "Stream: 40 overlays",
    "description": "Animated overlays.\nDrop into OBS.\n",
    "price": "$12",
    "tags": ["obs"],
    "ratings": {"iptv": 1},
    "rationale": "Graphics for the buyer's stream.",
}
VIOLATING = {
    "title": "Stream: 4,000 channels",
    "description": "Every match,\nworks on the stick.\n",
    "ratings": {"iptv": 4},
    "rationale": "Sells channels without any right to them.",
    "evidence": "4,000 channels",
}
GROUP: dict[str, Any] = {"group": "iptv-x-1", "kind": "twin", "voice": "one line", "language": "en"}
TWIN = {**GROUP, "listings": [ALLOWED, VIOLATING]}


def corpus(folder: Path, groups: Any, name: str = "iptv/x-twins.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(groups, allow_unicode=True), "utf-8")
    return path


def test_a_folder_of_yaml_files(tmp_path: Path) -> None:
    single = {**GROUP, "group": "o-1", "kind": "ordinary", "listings": [{**ALLOWED, "ratings": {}}]}
    corpus(tmp_path, [TWIN])
    corpus(tmp_path, [single], "ordinary/y-1.yaml")
    allowed, violating, ordinary = load_corpus(tmp_path, POLICY)
    assert [allowed.id, violating.id, ordinary.id] == ["iptv-x-1a", "iptv-x-1b", "o-1"]
    assert (allowed.category, allowed.generator, allowed.source) == ("iptv", "hand-x", tmp_path.name)
    assert (ordinary.category, ordinary.generator) == ("", "hand-y")
    assert violating.ratings == {**dict.fromkeys(POLICY.category_ids, 0), "iptv": 4}
    assert allowed.split == violating.split
    assert violating.listing.description == "Every match,\nworks on the stick."
    assert violating.listing.language == "en"


def changed(path: str, value: Any) -> list[Any]:
    """The good twin with the value at a dotted `path` replaced; `...` deletes it."""
    groups = copy.deepcopy([TWIN])
    node: Any = groups[0]
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return groups


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ({"group": "a"}, "expected a list of groups"),
        ("words", "expected a list of groups"),
        (["words"], "group 1: a group has exactly the keys"),
        (changed("voice", ...), "group iptv-x-1: a group has exactly the keys"),
        (changed("mood", "calm"), "a group has exactly the keys"),
        (changed("group", None), "group name"),
        (changed("group", ["a"]), "group name"),
        (changed("kind", "pair"), "kind must be one of"),
        (changed("kind", ["twin"]), "kind must be one of"),
        (changed("kind", "ordinary"), r"has 1 listing"),
        (changed("listings", [ALLOWED]), r"kind twin has 2 listing"),
        (changed("listings", None), r"has 2 listing"),
        (changed("listings.0", "words"), "a listing is a mapping with the keys"),
        (changed("listings.1", None), "a listing is a mapping with the keys"),
        (changed("listings.0.colour", "red"), "not .*colour"),
        (changed("listings.0", {1: "a", "b": "c"}), "a listing's keys are"),
        (changed("listings.0.ratings", 3), "category -> number"),
        (changed("listings.0.ratings", ["iptv"]), "category -> number"),
        (changed("listings.0.ratings", {"iptv": 7}), "rating of iptv is 7"),
        (changed("listings.0.ratings", {"fraud": 3}), "unknown category 'fraud'"),
        (changed("listings.0.title", {"a": 1}), "title must be text"),
        (changed("language", False), "language must be text, not bool"),
        (changed("listings.1.evidence", "5,000 channels"), "iptv-x-1b: the evidence '5,000 channels' is not in"),
        (changed("listings.1.evidence", ...), "iptv-x-1b: a rating of 2 or more needs"),
        (changed("listings.0.rationale", ...), "iptv-x-1a: the rationale is missing"),
        ([TWIN, TWIN], "the id iptv-x-1a is used twice"),
        ([], "holds no examples"),
    ],
)
def test_faults_name_their_place(tmp_path: Path, groups: Any, sentence: str) -> None:
    path = corpus(tmp_path, groups)
    with pytest.raises(UserError, match=sentence) as caught:
        load_corpus(path, POLICY)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_number_as_group_name_is_text(tmp_path: Path) -> None:
    assert {example.group for example in load_corpus(corpus(tmp_path, changed("group", 12)), POLICY)} == {"12"}


def test_broken_yaml_and_missing_places(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("- group: [x\n")
    with pytest.raises(UserError, match=r"a\.yaml: not valid YAML"):
        load_corpus(path, POLICY)
    path.write_text("- group: 2026-02-31\n")
    with pytest.raises(UserError, match=r"a\.yaml: not valid YAML"):
        load_corpus(path, POLICY)
    with pytest.raises(UserError, match="there is no corpus at"):
        load_corpus(tmp_path / "none", POLICY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither Parquet splits nor YAML files"):
        load_corpus(tmp_path / "empty", POLICY)


def jsonl(folder: Path, *records: Any) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("\n".join(record if isinstance(record, str) else json.dumps(record) for record in records))
    return path


RECORD = {"id": "a", "title": "Followers", "ratings": {"spam": 3}, "rationale": "Sells likes.", "evidence": "Followers"}
LONG = {**RECORD, "description": "5,000 in a day"}


def test_jsonl(tmp_path: Path) -> None:
    (example,) = load_corpus(jsonl(tmp_path, {**LONG, "split": "test"}), POLICY)
    assert (example.id, example.split, example.category, example.source) == ("a", "test", "spam", "mine.jsonl")


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([LONG, "{"], "line 2: "),
        ([LONG, "", "[]"], "line 3: an example needs `ratings`"),
        ([LONG, "[" * 100_000], "line 2: "),
        ([LONG, {**LONG, "ratings": {"fraud": 1}}], "line 2: unknown category"),
        ([LONG, LONG], "the id a is used twice"),
        (
            [{**LONG, "group": "g", "split": "train"}, {**LONG, "id": "b", "group": "g", "split": "test"}],
            "group g stands in two splits",
        ),
        ([], "holds no examples"),
    ],
)
def test_jsonl_faults(tmp_path: Path, records: list[Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_corpus(jsonl(tmp_path, *records), POLICY)


def without_source(examples: list[Example]) -> list[dict[str, Any]]:
    return sorted((example.to_record() for example in examples), key=lambda record: record["id"])


def test_what_is_exported_is_read_back(tmp_path: Path) -> None:
    groups = [{**copy.deepcopy(TWIN), "group": f"iptv-x-{number}"} for number in range(30)]
    before = load_corpus(corpus(tmp_path / "in", groups), POLICY)
    export_corpus(before, tmp_path / "out", POLICY.version_label)
    assert without_source(load_corpus(tmp_path / "out", POLICY)) == without_source(before)
    for split in SPLITS:
        part = [example for example in before if example.split == split]
        assert without_source(load_corpus(tmp_path / "out" / f"{split}.jsonl", POLICY)) == without_source(part)
        assert without_source(load_corpus(tmp_path / "out" / f"{split}.parquet", POLICY)) == without_source(part)


def test_a_broken_parquet_file_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"cannot read corpus .*a\.parquet"):
        load_corpus(tmp_path / "a.parquet", POLICY)


def test_gold_ratings_alone_are_enough_to_measure_on(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text('{"id": "1", "title": "Sure odds", "ratings": {"gambling": 3}}\n', encoding="utf-8")
    policy = load_policy()
    assert load_corpus(path, policy, reasons=False)[0].ratings["gambling"] == 3
    with pytest.raises(UserError, match="evidence"):
        load_corpus(path, policy)
