from __future__ import annotations

from pathlib import Path

import pytest

from modsmith.errors import UserError
from modsmith.training.settings import GrpoSettings, SftSettings, load_settings

CONFIGS = Path(__file__).parents[2] / "configs"


def test_shipped_configs_are_valid() -> None:
    assert load_settings(SftSettings, CONFIGS / "sft.yaml").base == "smollm2-135m"
    assert load_settings(GrpoSettings, CONFIGS / "grpo.yaml").group_size >= 2


def test_changes_are_applied_with_yaml_types() -> None:
    settings = load_settings(GrpoSettings, None, ["steps=3", "learning_rate=1e-4", "reward_weights.length=0"])
    assert (settings.steps, settings.learning_rate, settings.reward_weights) == (3, 1e-4, {"length": 0})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("stepz=3", "key stepz"),
        ("steps=-1", "key steps"),
        ("steps", "key=value"),
        ("loss=sum", "key loss"),
        ("steps.x=1", "key steps"),
        ("mode=[", "not a YAML value"),
        ("reward_weights.brief=1", "no reward part 'brief'; the parts are decision"),
    ],
)
def test_wrong_changes_name_the_key(change: str, part: str) -> None:
    with pytest.raises(UserError, match=part):
        load_settings(GrpoSettings, None, [change])


def test_other_advantages_are_not_divided_by_a_deviation() -> None:
    assert load_settings(GrpoSettings, None, ["advantage=corpo"]).advantage == "corpo"
    with pytest.raises(UserError, match="^config .defaults.: advantage maxrl takes scale_rewards: none, not group$"):
        load_settings(GrpoSettings, None, ["advantage=maxrl", "scale_rewards=group"])


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [\n"])
def test_broken_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sft.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"sft\.yaml"):
        load_settings(SftSettings, path)
