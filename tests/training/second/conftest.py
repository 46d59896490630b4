"""A tiny random encoder of the second reader's kind, with a tokenizer of words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import MPNetConfig, MPNetModel, PreTrainedTokenizerFast

from modsmith.training.second import reader

WORDS = """healthy grown from seed in my greenhouse posted on mondays banned list of your county dug up the national
forest sold as only one world fern cactus moss title a cutting no . , :"""
KNOWN = ["<s>", "<pad>", "</s>", "[UNK]", *WORDS.split()]


@pytest.fixture
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoder")
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(KNOWN))}
    words = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="[UNK]").save_pretrained(folder)
    config = MPNetConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    )
    MPNetModel(config, add_pooling_layer=False).save_pretrained(folder)
    monkeypatch.setattr(reader, "encoder_folder", lambda: folder)
    return folder
