"""`modsmith eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    corpus: Annotated[
        str, typer.Argument(help="written (built in), a folder, or a .jsonl or .parquet file with gold ratings.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for summary.json, report.md and report.html.")],
    model: Annotated[
        list[str], typer.Option("--model", help="MODEL or MODEL:think; repeatable. NAME=MODEL gives it a name.")
    ] = ["shipped"],  # noqa: B006 - typer reads the default
    policy: Annotated[str, typer.Option(help="A policy file; the built-in one by default.")] = "marketplace",
    split: Annotated[
        str | None, typer.Option(help="train, validation, test or all; by default test, and a single file whole.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Also train and measure the cheap baselines and shortcut probes.")
    ] = True,
    train_corpus: Annotated[str, typer.Option(help="Corpus whose train split the baselines learn from.")] = "standard",
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of bootstrap and baselines.")] = 0,
) -> None:
    """Measure models on labelled listings, beside cheap baselines, with intervals and a report."""
    from modsmith.policy import load_policy

    rules = load_policy(policy)
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.forge import evaluate_models
    from modsmith.terminal import file_progress

    with file_progress("evaluating") as progress:
        report = evaluate_models(
            corpus, model, rules, out, split=split, baselines=baselines, train_corpus=train_corpus,
            resamples=resamples, seed=seed, progress=progress,
        )  # fmt: skip
    typer.echo(f"report: {report}", err=True)
