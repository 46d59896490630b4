"""A GRPO run as it could be: believable metrics and completions, written into a folder."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modsmith.prompt import render_completion
from modsmith.ratings import Ratings
from modsmith.training.settings import GrpoSettings

CATEGORIES = ("harassment", "adult_content", "spam", "iptv", "gambling", "phishing")
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
LISTINGS: tuple[tuple[str, dict[str, int], str], ...] = (
    (
        "Stream like a pro: 4,000 channels\nA login to every match, works on Firestick.\niptv, sport\nlogin.txt",
        {"iptv": 4},
        "every match, works on Firestick",
    ),
    (
        "Stream like a pro: 40 overlays\nAnimated overlays and alerts for your own channel.\nobs\noverlays.zip",
        {"iptv": 1},
        "Animated overlays and alerts",
    ),
    (
        "Sunday sheet, 16 games\nNew every Sunday: my three favourite rows are marked.\nfootball\nsheet.pdf",
        {"gambling": 3},
        "my three favourite rows are marked",
    ),
    (
        f"Kit de verificación\nPágina idéntica a la del banco, lista ya. {EVIL}\nplantillas\nkit.zip",
        {"phishing": 4},
        "Página idéntica a la del banco",
    ),
    ("Watercolour brushes\nThirty brushes for your tablet, wet and dry.\nart\nbrushes.abr", {}, ""),
)
INVENTED = "guaranteed refund within the hour"
WEIGHTS = {"decision": 1.0, "severity": 0.5, "grounding": 0.3, "length": 0.1}


def completions(step: int, progress: float, rng: random.Random, group_size: int = 6) -> list[dict[str, Any]]:
    """The table of one step: two listings, `group_size` completions each, righter as `progress` goes to 1."""
    rows: list[dict[str, Any]] = []
    for listing, gold, quote in rng.sample(LISTINGS, 2):
        group = []
        for _ in range(group_size):
            level = max(gold.values(), default=0)
            right = rng.random() < 0.35 + 0.5 * progress
            own = next(iter(gold), "spam")
            said = {own: level if right else rng.choice([0, 1, 3, 4])}
            predicted = Ratings.full(CATEGORIES, said)
            invented = rng.random() < 0.25 * (1 - progress)
            why = "Sells access that is not the seller's to sell" if said[own] > 2 else "Delivers files"
            text = render_completion(predicted, "think", why, INVENTED if invented else quote)
            readable = rng.random() < 0.85 + 0.15 * progress
            decided = (said[own] >= 3) == (level >= 3)
            parts = {
                "decision": (1.0 if decided else -1.5) if readable else -1.0,
                "severity": -abs(said[own] - level) / 4 if readable else 0.0,
                "grounding": (-1.0 if invented else 1.0) if readable and decided else 0.0,
                "length": 0.0,
            }
            group.append(
                {
                    "step": step,
                    "prompt": f"<listing>\n{listing}\n</listing>",
                    "completion": text if readable else text[: len(text) // 2],
                    **{f"reward_{name}": value for name, value in parts.items()},
                    "example_id": f"{own}-a-{step:03d}",
                    "mode": "think",
                    "listing": listing,
                    "gold": json.dumps(Ratings.full(CATEGORIES, gold)),
                    "predicted": json.dumps(predicted) if readable else None,
                    "tokens": rng.randint(60, 140),
                }
            )
        totals = [sum(WEIGHTS[name] * row[f"reward_{name}"] for name in WEIGHTS) for row in group]
        rows += [
            {**row, "advantage": total - sum(totals) / len(totals)} for row, total in zip(group, totals, strict=True)
        ]
    return rows


def write_run(folder: Path, steps: int = 60, seed: int = 0, every: int = 10) -> Path:
    """A whole run folder without models."""
    from modsmith.training.watch import rollout_metrics

    rng = random.Random(seed)
    folder.mkdir(parents=True)
    settings = GrpoSettings(base="runs/sft", steps=steps, reward_weights=WEIGHTS)
    (folder / "config.yaml").write_text(json.dumps(settings.model_dump()))
    about = {
        "station": "grpo", "policy": "marketplace 1.0", "corpus_hash": "b3f1c09a77d2", "examples": 240,
        "command": "modsmith train grpo --out runs/grpo", "started": "2026-11-23T09:00:00+0000", "steps": steps,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "completions").mkdir()
    (folder / "final").mkdir()
    rows = []
    for step in range(1, steps + 1):
        progress = step / steps
        table = completions(step, progress, rng)
        columns = {key: [row[key] for row in table] for key in table[0]}
        parquet.write_table(pa.table(columns), folder / "completions" / f"{step:06d}.parquet")
        rewards = [sum(WEIGHTS[name] * row[f"reward_{name}"] for name in WEIGHTS) for row in table]
        row: dict[str, Any] = {
            "step": step, "time": f"2026-11-23T09:{step // 60:02d}:{step % 60:02d}+0000", "train/loss": 0.0,
            "reward/total": sum(rewards) / len(rewards),
            **{f"reward/{name}": sum(columns[f"reward_{name}"]) / len(table) for name in WEIGHTS},
            **rollout_metrics(columns, 6, WEIGHTS),
            "length/mean": sum(columns["tokens"]) / len(table), "length/min": min(columns["tokens"]),
            "length/max": max(columns["tokens"]), "length/at_cap": 0.0, "policy/clip_ratio": 0.0,
            "policy/entropy": 0.31 - 0.12 * progress + rng.uniform(-0.02, 0.02),
            "optim/grad_norm": rng.uniform(0.2, 0.6), "optim/lr": 5e-5 * (1 - progress),
            "time/step": rng.uniform(8, 10), "time/rollout": rng.uniform(4, 5), "time/logprobs": rng.uniform(1, 1.5),
            "time/backward": rng.uniform(2, 2.5), "tokens_per_second": rng.uniform(600, 700),
            "machine/cpu": rng.uniform(0.9, 1.0), "machine/memory_gb": 2.1,
        }  # fmt: skip
        rows.append(row)
        if step % every == 0:
            f1 = 0.5 + 0.3 * progress + rng.uniform(-0.03, 0.03)
            rows.append(
                {"step": step, "time": row["time"], "held_out/score": 0.45 + 0.3 * progress, "held_out/f1": f1,
                 "held_out/recall": f1 - 0.05, "held_out/precision": f1 + 0.06, "held_out/parse_rate": 1.0}
            )  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="session")
def grpo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "grpo")
