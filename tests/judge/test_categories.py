"""A model judges by the categories that it was trained for, or says in one sentence that it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modsmith.errors import UserError
from modsmith.forge import set_apart
from modsmith.judge import Judge
from modsmith.policy import Policy, load_policy
from modsmith.training.base import SHIPPED, load_model, trained_categories
from modsmith.training.settings import SftSettings
from modsmith.training.sft import train_sft


@pytest.fixture
def model(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A run folder with a model in it that says nothing of its categories."""
    shutil.copytree(tiny_model_folder, tmp_path / "run/best")
    return tmp_path / "run"


def test_the_shipped_model_says_what_it_was_trained_for(plant_policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trained_categories(SHIPPED) == load_policy().category_ids
    monkeypatch.setattr("modsmith.judge.judge.load_model", lambda *_: pytest.fail("refused before anything is loaded"))
    sentence = (
        r"model shipped was trained for .*phishing, not for those of policy plant-market@0.3.*train sft --set policy"
    )
    with pytest.raises(UserError, match=sentence):
        Judge.load(SHIPPED, plant_policy)
    with pytest.raises(UserError, match=rf"{sentence}.*--screen none"):
        set_apart([], SHIPPED, plant_policy)


def test_a_model_without_a_record_is_allowed_as_before(model: Path, plant_policy: Policy) -> None:
    assert [trained_categories(name) for name in ("smollm2-135m", "org/model", str(model))] == [None] * 3
    (model / "best/modsmith.json").write_text('{"step": 8, "score": 0.5, "wording": "plain"}')  # of before it was kept
    assert Judge.load(str(model), plant_policy).policy is plant_policy


def test_the_order_of_the_categories_counts(model: Path, plant_policy: Policy) -> None:
    (model / "best/modsmith.json").write_text(json.dumps({"categories": plant_policy.category_ids[::-1]}))
    with pytest.raises(UserError, match="trained for the categories false_rarity, wild_taken, invasive_species"):
        Judge.load(str(model), plant_policy)


def test_a_damaged_record_is_no_guess(model: Path) -> None:
    (model / "best/modsmith.json").write_text('{"categories": "spam"}')
    with pytest.raises(UserError, match=r"best/modsmith.json: categories must be a list"):
        trained_categories(str(model))


def test_a_training_records_its_policys_categories(
    tiny_model_folder: Path, plant_policy: Policy, plant_policy_file: Path, plant_corpus_file: Path, tmp_path: Path
) -> None:
    settings = SftSettings(
        base=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file), limit=4, lora_rank=2,
        plain_epochs=0, epochs=1, precision="fp32", tracker="none",
    )  # fmt: skip
    train_sft(settings, tmp_path / "run")
    assert json.loads((tmp_path / "run/run.json").read_text())["categories"] == plant_policy.category_ids
    assert Judge.load(str(tmp_path / "run"), plant_policy).name == str(tmp_path / "run")
    with pytest.raises(UserError, match="trained for the categories invasive_species"):
        Judge.load(str(tmp_path / "run"), load_policy())
    assert load_model(str(tmp_path / "run"), "fp32")  # to be trained further, for whatever policy
