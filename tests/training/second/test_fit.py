from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from modsmith.corpus import load_corpus
from modsmith.errors import UserError
from modsmith.forge import train_second_reader
from modsmith.judge import Judge
from modsmith.judge.judge import OtherCategoriesError
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.training.second.fit import labels_of, train_second
from modsmith.training.second.reader import load_reader, new_reader
from modsmith.training.second.settings import SecondSettings


@pytest.fixture
def settings(plant_corpus_file: Path, plant_policy_file: Path, tiny_model_folder: Path) -> SecondSettings:
    return SecondSettings(
        beside=str(tiny_model_folder), policy=str(plant_policy_file), corpus=str(plant_corpus_file), also=[], passes=12,
        batch_size=4, learning_rate=3e-3, head_rate=3e-2, lora_rank=4, lora_layers=2, snippet_share=0, save_every=20,
        eval_every=40, precision="fp32", tracker="none", calibration_limit=20,
    )  # fmt: skip


def test_it_learns_what_the_rules_say_and_has_a_say(
    tiny_encoder: Path, settings: SecondSettings, plant_policy: Policy, tmp_path: Path
) -> None:
    best = train_second_reader(settings, tmp_path / "run")
    reader = load_reader(best, "fp32")
    logits_2K = reader.read(["A healthy fern grown from seed in my greenhouse", "A fern dug up in the national forest"])
    wild_taken = 1 + plant_policy.category_ids.index("wild_taken")
    assert logits_2K[1, 0] > logits_2K[0, 0] + 2 and logits_2K[1, wild_taken] > logits_2K[0, wild_taken] + 1
    judge = Judge.load(str(best), plant_policy, precision="fp32")
    assert judge.calibration.pull is not None and judge.calibration.pull.own > 0
    assert judge.provenance["beside"] == settings.beside
    assert judge.rate([Listing(id="1", title="fern")])[0].model == str(best)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tiny_encoder: Path, settings: SecondSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_second(settings, tmp_path / "whole")
    from modsmith.training.second import fit

    forward, steps = fit._Trainer.compute_loss, []

    def stumble(self: object, *args: object, **kwargs: object) -> object:
        steps.append(1)
        if len(steps) == 50:
            raise RuntimeError("the lights went out")
        return forward(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(fit._Trainer, "compute_loss", stumble)
    with pytest.raises(RuntimeError, match="lights"):
        train_second(settings, tmp_path / "cut")
    resumed = train_second(settings, tmp_path / "cut", resume=True)
    texts = ["A healthy fern", "dug up in the national forest"]
    final = [load_reader(folder.parent / "final", "fp32").read(texts) for folder in (whole, resumed)]
    np.testing.assert_allclose(final[0], final[1], atol=1e-5)


def test_the_language_model_has_to_know_the_same_rules(settings: SecondSettings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="shipped-lm was trained for other categories"):
        train_second(settings.model_copy(update={"beside": "shipped"}), tmp_path / "run")


def test_a_judge_refuses_a_second_reader_of_other_categories(
    tiny_encoder: Path, settings: SecondSettings, plant_policy: Policy, tmp_path: Path
) -> None:
    new_reader(plant_policy.category_ids[::-1], settings.beside, 4, 8, 1, "fp32").save_pretrained(tmp_path)
    with pytest.raises(OtherCategoriesError, match="was trained for the categories"):
        Judge.load(str(tmp_path), plant_policy, precision="fp32")


def test_what_is_wrong_comes_out_before_the_training(
    tiny_encoder: Path, settings: SecondSettings, plant_corpus_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    one_kind, nameless = tmp_path / "one-kind.jsonl", tmp_path / "nameless.jsonl"
    rows = [json.loads(line) for line in plant_corpus_file.read_text().splitlines()]
    one_kind.write_text("".join(json.dumps(row) + "\n" for row in rows if row["id"].endswith("b")))
    for row in rows:
        del row["id"]
    nameless.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = tmp_path / "again.jsonl"
    again.write_text(nameless.read_text())
    wrong: list[tuple[dict[str, object], str]] = [
        ({"beside": str(tmp_path / "nothing")}, "nothing"),
        ({"start": "shipped-lm"}, "is no second reader"),
        ({"corpus": str(one_kind)}, "needs listings that break a rule and others that do not"),
        ({"corpus": str(nameless), "also": [str(again)]}, "hold listings without an id"),
    ]
    for change, said in wrong:
        with pytest.raises(UserError, match=said):
            train_second(settings.model_copy(update=change), run)
        assert not run.exists(), "nothing is begun"


def test_labels_say_any_then_each(plant_corpus_file: Path, plant_policy: Policy) -> None:
    examples = load_corpus(str(plant_corpus_file), plant_policy)[:2]
    assert labels_of(examples).tolist() == [[0, 0, 0, 0], [1, 1, 0, 0]]
