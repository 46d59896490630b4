"""Shared fixtures: tiny random models that train in seconds, and a policy of somebody else's."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from modsmith.policy import Policy, parse_policy

# Live curves of test runs go to a folder of their own, not to the user's. Set before anything imports trackio, which
# reads it once.
os.environ["TRACKIO_DIR"] = tempfile.mkdtemp(prefix="modsmith-trackio-")
atexit.register(shutil.rmtree, os.environ["TRACKIO_DIR"], ignore_errors=True)

THREE_CATEGORIES = """
name: plant-market
version: "0.3"
categories:
  - id: invasive_species
    definition: Sells plants that are banned because they spread.
    costs: {miss: 2.0, false_alarm: 1.0}
  - id: wild_taken
    definition: Sells plants dug up in the wild.
  - id: false_rarity
    definition: Claims a common plant to be rare.
    thresholds: {disallow: 0.4, review: 0.5}
"""


@pytest.fixture(scope="session")
def plant_policy() -> Policy:
    return parse_policy(THREE_CATEGORIES, "plants.yaml")


@pytest.fixture(scope="session")
def plant_policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "plants.yaml"
    path.write_text(THREE_CATEGORIES, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def plant_corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty listings over the plant policy, in twin pairs, as JSONL."""
    plants = ["monstera", "fern", "cactus", "orchid", "moss", "ivy", "agave", "lily", "bamboo", "aloe"]
    records = []
    for index, plant in enumerate(plants * 2):
        category = ["invasive_species", "wild_taken", "false_rarity"][index % 3]
        claim = {
            "invasive_species": "on the banned list of your county",
            "wild_taken": "dug up in the national forest",
            "false_rarity": "sold as the only one in the world",
        }[category]
        for side, level in (("a", 0), ("b", 3)):
            fact = "grown from seed in my greenhouse" if side == "a" else claim
            records.append(
                {
                    "id": f"p{index}{side}",
                    "title": f"{plant.title()} cutting no. {index}",
                    "description": f"A healthy {plant}, {fact}, posted on Mondays.",
                    "ratings": {category: level},
                    "rationale": f"The {plant} is {fact}.",
                    "evidence": fact,
                    "group": f"p{index}",
                    "kind": "twin",
                    "category": category,
                    "generator": "test",
                }
            )
    path = tmp_path_factory.mktemp("corpus") / "plants.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama of 1.6 M weights with the embedded model's tokenizer, saved as a plain model folder."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from modsmith.training.base import embedded_base

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(embedded_base())
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
