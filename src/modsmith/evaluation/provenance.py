"""Where every number of a summary comes from, said once and pointed to.

    "provenance": {
        "modsmith", "command", "date", "policy", "versions", ...
        "bootstrap": {"resamples", "seed", "level"},
        "systems": {name: {"kind", "model", "mode", "weights", "calibration", ...}},
        "data": {"corpus": {"name", "split", "hash", "listings", "groups"},
                 suite: {"listings", "groups", "files": {name: hash}}}}

Each block of numbers has a `from`: `{"system": NAME, "data": SET}`, the names of entries here, and each number its own
`n`. All numbers of a summary share the policy, the bootstrap and the version of modsmith.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from modsmith import __version__
from modsmith.corpus import Example, corpus_hash
from modsmith.evaluation.intervals import LEVEL
from modsmith.evaluation.suites import Suite
from modsmith.policy import Policy


def common_provenance(policy: Policy, resamples: int, seed: int, base_rate: float | None) -> dict[str, Any]:
    """What all numbers of a summary share."""
    return {
        "modsmith": __version__,
        "command": " ".join(["modsmith", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "policy": policy.version_label,
        "bootstrap": {"resamples": resamples, "seed": seed, "level": LEVEL},
        **({"base rate": base_rate} if base_rate is not None else {}),
        "versions": f"modsmith {__version__}, torch {version('torch')}, transformers {version('transformers')}, "
        f"Python {platform.python_version()}",
    }


def describe_corpus(
    corpus: str, split: str, examples: Sequence[Example], whole: Sequence[Example], test: Sequence[Example]
) -> dict[str, Any]:
    """The corpus under evaluation: `whole` is its split, `test` what was taken of it."""
    return {
        "name": corpus,
        "split": split if len(test) == len(whole) else f"{split}, {len(test)} of its {len(whole)} listings",
        "hash": corpus_hash(examples),
        **_size(test),
    }


def describe_suite(suite: Suite) -> dict[str, Any]:
    """A suite's items, and the hashes of the files it was read from."""
    examples = [item.example for item in suite.items]
    return {"hash": corpus_hash(examples), **_size(examples)} | ({"files": dict(suite.files)} if suite.files else {})


def describe_baselines(train_corpus: str, examples: Sequence[Example], seed: int) -> dict[str, Any]:
    """What a baseline learnt from."""
    return {
        "kind": "baseline",
        "learnt from": f"{train_corpus}, train split",
        "hash": corpus_hash(examples),
        "seed": seed,
        **_size(examples),
    }


def provenance_rows(provenance: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(label, value), a row for each system and each set of items."""
    rows: list[tuple[str, Any]] = []
    for key, value in provenance.items():
        inner = {"systems": "system", "data": "data"}.get(key)
        if inner and isinstance(value, Mapping):
            rows += [(f"{inner} {name}", about) for name, about in value.items()]
        else:
            rows.append((key, value))
    return rows


def _size(examples: Sequence[Example]) -> dict[str, int]:
    return {"listings": len(examples), "groups": len({example.group for example in examples})}
