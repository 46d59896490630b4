"""Reading policies: every fault is told with its file, its line and its key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modsmith.errors import UserError
from modsmith.policy import Category, Costs, Policy, PolicyExample, Severity, Thresholds, load_policy, parse_policy

GUIDE = Path(__file__).parents[2] / "docs" / "policy.md"
GOOD = """\
name: shop
version: "1.0"
categories:
  - id: spam
    definition: Delivers nothing.
    thresholds: {disallow: 0.5, review: 0.4}
    examples:
      - {text: "Followers", rating: 3}
  - id: arms
    definition: Sells weapons.
    costs:
      miss: 2
      false_alarm: 1
"""


def test_a_good_policy() -> None:
    policy = parse_policy(GOOD)
    assert policy.category_ids == ["spam", "arms"]
    assert policy["arms"].costs.miss == 2
    assert policy["spam"].thresholds.review == 0.4


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "reason"),
    [
        ("name: shop\n", "", 1, "name", "Field required"),
        ("name: shop", "name: ''", 1, "name", "at least 1 character"),
        ('version: "1.0"', "version: 1.0", 2, "version", "valid string"),
        ('version: "1.0"', "version: 2026-11-23", 2, "version", "valid string"),
        ('version: "1.0"', 'version: "1.0"\nversoin: "1.0"', 3, "versoin", "not known; see docs/policy.md"),
        ("id: spam", "id: Spam", 4, "categories.0.id", "pattern"),
        ("id: arms", "id: spam", 3, "categories", "category id 'spam' is used twice"),
        ("    definition: Sells weapons.\n", "", 9, "categories.1.definition", "Field required"),
        ("Sells weapons.", "[a, b]", 10, "categories.1.definition", "valid string"),
        ("disallow: 0.5", "disallow: 1.5", 6, "categories.0.thresholds.disallow", "less than 1"),
        ("disallow: 0.5", "disallow: .nan", 6, "categories.0.thresholds.disallow", ""),
        ("disallow: 0.5", "disallow: high", 6, "categories.0.thresholds.disallow", "valid number"),
        ("review: 0.4", "reveiw: 0.4", 6, "categories.0.thresholds.reveiw", "not known"),
        ("rating: 3", "rating: 5", 8, "categories.0.examples.0.rating", "less than or equal to 4"),
        ("rating: 3", "rating: 2.5", 8, "categories.0.examples.0.rating", "integer"),
        ('text: "Followers", ', "", 8, "categories.0.examples.0.text", "Field required"),
        ("miss: 2", "miss: 0", 12, "categories.1.costs.miss", "greater than 0"),
        ("miss: 2", "miss: .inf", 12, "categories.1.costs.miss", "finite"),
        (
            "    definition: Sells",
            "    excludes: none\n    definition: Sells",
            10,
            "categories.1.excludes",
            "valid list",
        ),
        (
            "    definition: Sells",
            "    severity: {severe: x}\n    definition: Sells",
            10,
            "categories.1.severity.violation",
            "required",
        ),
        (GOOD[GOOD.index("categories") :], "categories: []\n", 3, "categories", "at least 1 item"),
        (GOOD[GOOD.index("categories") :], "categories:\n", 3, "categories", "valid list"),
        (GOOD[GOOD.index("categories") :], "categories: [spam, arms]\n", 3, "categories.0", "valid dictionary"),
        ("version", "name: other\nversion", 2, "name", "given twice"),
        ("      miss: 2", "      miss: 1\n      miss: 2", 13, "miss", "given twice"),
    ],
)
def test_broken_policies_name_line_and_key(old: str, new: str, line: int, key: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as caught:
        parse_policy(GOOD.replace(old, new, 1), "my.yaml")
    assert str(caught.value).startswith(f"policy my.yaml, line {line}, key {key}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("name: shop", "name: [shop", 2),
        ("    definition: Delivers nothing.", "   definition: Delivers nothing.", 5),
        ("Delivers nothing.", '"Delivers nothing.', 8),
        ("Delivers nothing.", "sells: nothing", 5),
        ("version", "\tversion", 2),
        ("Delivers nothing.", "*nothing", 5),
        ("Delivers nothing.", "Deliv\x01ers nothing.", 5),
        ("  - id: arms", "---\n  - id: arms", 9),
        ('version: "1.0"', "version: 2026-02-31", 2),
        ("rating: 3", "rating: !!int three", 8),
    ],
)
def test_what_is_no_yaml_names_the_line(old: str, new: str, line: int) -> None:
    with pytest.raises(UserError, match=rf"^policy my\.yaml, line {line}: not valid YAML") as caught:
        parse_policy(GOOD.replace(old, new, 1), "my.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "just words", "- a\n- b", "[" * 5000, "7", "&a [*a]"])
def test_what_is_no_mapping_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match="policy my.yaml"):
        parse_policy(text, "my.yaml")


@settings(deadline=None)
@given(
    st.text()
    | st.tuples(st.integers(0, len(GOOD)), st.text(max_size=3), st.integers(0, 3)).map(
        lambda edit: GOOD[: edit[0]] + edit[1] + GOOD[edit[0] + edit[2] :]
    )
)
def test_any_text_is_a_policy_or_a_user_error(text: str) -> None:
    try:
        assert parse_policy(text).categories
    except UserError as error:
        assert str(error).startswith("policy policy")


def test_nested_aliases_do_not_blow_up() -> None:
    bomb = "\n".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 30))
    with pytest.raises(UserError, match="line 1, key a0: this key is not known"):
        parse_policy(f"a0: &a0 x\n{bomb}\n{GOOD}")


def test_several_faults_are_counted() -> None:
    with pytest.raises(UserError, match=r"\(and 1 more\)$"):
        parse_policy(GOOD.replace("rating: 3", "rating: 7").replace("miss: 2", "miss: -1"))


def test_policies_by_path_and_by_name(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_policy(path) == parse_policy(GOOD)
    assert load_policy() == load_policy("marketplace")
    with pytest.raises(UserError, match=r"cannot read policy .*none\.yaml: No such file"):
        load_policy(tmp_path / "none.yaml")
    path.write_bytes(b"name: \xff")
    with pytest.raises(UserError, match=r"policy .*shop\.yaml is not UTF-8"):
        load_policy(path)


# --- docs/policy.md --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Policy, Category, Severity, PolicyExample, Thresholds, Costs])
def test_the_guide_explains_every_key(model: type[Policy]) -> None:
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|", GUIDE.read_text("utf-8"), re.MULTILINE)
    explained = {row.split(".")[-1].removesuffix("[]") for row in rows}
    assert set(model.model_fields) <= explained


def test_the_guides_examples_are_policies() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    policies = [parse_policy(block) for block in blocks if "categories" in (yaml.safe_load(block) or {})]
    assert any(len(policy.categories) == 3 for policy in policies)
