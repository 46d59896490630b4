from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from modsmith.errors import UserError
from modsmith.training.base import SECOND_ABOUT, language_model, second_folder
from modsmith.training.second.reader import SecondReader, go_on_from, load_reader, new_reader

TEXTS = ["fern grown from seed", "moss dug up in the national forest , posted on mondays , sold as the only one"]


def shaken(categories: tuple[str, ...] = ("a", "b"), beside: str = "shipped-lm") -> SecondReader:
    """A new one whose adapters and attention are no longer zero."""
    reader = new_reader(categories, beside, rank=4, alpha=8, layers=1, precision="fp32")
    torch.manual_seed(1)
    for name, value in reader.named_parameters():
        if value.requires_grad:
            torch.nn.init.normal_(value, std=0.3)
            assert "layer.0." not in name, "only the topmost layer is adapted"
    return reader.eval()


def test_a_listing_reads_alike_alone_and_beside_a_longer_one(tiny_encoder: Path) -> None:
    reader = shaken()
    together = reader.read(TEXTS)
    assert together.shape == (2, 3)
    np.testing.assert_allclose(np.concatenate([reader.read([text]) for text in TEXTS]), together, atol=1e-5)


def test_innocent_words_around_do_not_thin_out_what_is_attended_to(tiny_encoder: Path) -> None:
    """Attention pooling: with all attention on one token, others change nothing but that token's context."""
    reader = shaken()
    batch = reader.tokens([TEXTS[1]])
    hidden_1TH = reader.encoder(**batch).last_hidden_state
    direction = hidden_1TH[0, 2]
    with torch.no_grad():
        reader.attend.weight.copy_(1000 * (direction - hidden_1TH[0].mean(0)).expand_as(reader.attend.weight))
        wanted_K = reader.say(hidden_1TH[0, (hidden_1TH[0] @ reader.attend.weight[0]).argmax()])
    np.testing.assert_allclose(reader.read([TEXTS[1]])[0], wanted_K.numpy(), atol=1e-3)


def test_what_is_saved_reads_as_before_and_knows_its_place(tiny_encoder: Path, tmp_path: Path) -> None:
    reader = shaken()
    reader.save_pretrained(tmp_path)
    assert not any("layer.0." in name for name in _names(tmp_path / "adapter_model.safetensors"))
    loaded = load_reader(tmp_path, "fp32")
    assert loaded.categories == ["a", "b"]
    np.testing.assert_allclose(loaded.read(TEXTS), reader.read(TEXTS), atol=0.1)  # the adapter is kept in bf16
    assert np.abs(loaded.read(TEXTS) - new_reader("ab", "shipped-lm", 4, 8, 1, "fp32").read(TEXTS)).max() > 0.5
    assert second_folder(str(tmp_path)) == tmp_path and language_model(str(tmp_path)) == "shipped-lm"
    assert language_model("shipped") == "shipped-lm" and language_model("smollm2-135m") == "smollm2-135m"


def _names(file: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(file, "pt") as weights:
        return list(weights.keys())


@pytest.mark.parametrize("harm", ["head.safetensors", "adapter_model.safetensors", SECOND_ABOUT])
def test_a_damaged_folder_is_named(tiny_encoder: Path, tmp_path: Path, harm: str) -> None:
    shaken().save_pretrained(tmp_path)
    (tmp_path / harm).write_bytes(b"{}")
    with pytest.raises(UserError, match=f"second reader {tmp_path} is damaged"):
        load_reader(tmp_path)


@pytest.mark.parametrize("beside", [None, 3, "shipped"])
def test_a_second_reader_reads_beside_a_language_model(tmp_path: Path, beside: object) -> None:
    (tmp_path / SECOND_ABOUT).write_text(json.dumps({"beside": beside}))
    with pytest.raises(UserError, match="does not say which language model"):
        language_model(str(tmp_path))


def test_training_goes_on_from_what_was_learnt_with_more_layers(tiny_encoder: Path, tmp_path: Path) -> None:
    shaken().save_pretrained(tmp_path)
    deeper = new_reader("ab", "shipped-lm", rank=4, alpha=8, layers=2, precision="fp32").eval()
    go_on_from(deeper, str(tmp_path))
    np.testing.assert_allclose(deeper.read(TEXTS), load_reader(tmp_path, "fp32").read(TEXTS), atol=1e-4)


@pytest.mark.parametrize(
    ("categories", "rank", "said"), [("ac", 4, "other categories"), ("ab", 8, "another rank or more layers")]
)
def test_it_does_not_go_on_from_what_does_not_fit(
    tiny_encoder: Path, tmp_path: Path, categories: str, rank: int, said: str
) -> None:
    shaken().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=said):
        go_on_from(new_reader(categories, "shipped-lm", rank, 8, 1, "fp32"), str(tmp_path))
    with pytest.raises(UserError, match="is no second reader"):
        go_on_from(new_reader("ab", "shipped-lm", 4, 8, 1, "fp32"), "shipped-lm")
