"""`modsmith eval` and `modsmith gate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    corpus: Annotated[
        str, typer.Argument(help="standard, written, a folder, or a .jsonl or .parquet file with gold ratings.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for summary.json, report.md, report.html, items.jsonl.")],
    model: Annotated[
        list[str], typer.Option("--model", help="MODEL or MODEL:think; repeatable. NAME=MODEL gives it a name.")
    ] = ["shipped"],  # noqa: B006 - typer reads the default
    suite: Annotated[
        list[str], typer.Option("--suite", help="A suite, or all; repeatable. Without it, the corpus only.")
    ] = [],  # noqa: B006
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most about this many listings of the corpus, and of each suite.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(envvar="MODSMITH_DATA", help="Folder of the public sets that some suites read.")
    ] = None,
    base_rate: Annotated[
        float | None, typer.Option(help="Share of violations in your own traffic, such as 0.02, for precision there.")
    ] = None,
    fpr: Annotated[
        float, typer.Option(help="Share of allowed listings that may be flagged where recall is read at a fixed FPR.")
    ] = 0.05,
    chat: Annotated[
        list[str], typer.Option("--chat", help="[NAME=]MODEL@ADDRESS: a chat model with the policy in its prompt.")
    ] = [],  # noqa: B006
    moderation: Annotated[
        list[str], typer.Option("--moderation", help="[NAME=]MODEL@ADDRESS: an OpenAI-compatible moderation route.")
    ] = [],  # noqa: B006
    compare: Annotated[
        tuple[str, str] | None, typer.Option("--compare", help="Two systems by name, shown item by item.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Acceptance sheet; modsmith's own by default.")] = None,
    publish: Annotated[
        Path | None, typer.Option(help="Also put report.md into this Markdown page, between its eval markers.")
    ] = None,
    policy: Annotated[str, typer.Option(help="A policy file; the built-in one by default.")] = "marketplace",
    split: Annotated[
        str | None, typer.Option(help="train, validation, test or all; by default test, and a single file whole.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Also train and measure the cheap baselines and shortcut probes.")
    ] = True,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Also a MiniLM embedding classifier, where its package is installed.")
    ] = False,
    train_corpus: Annotated[str, typer.Option(help="Corpus whose train split the baselines learn from.")] = "standard",
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of bootstrap, suites and baselines.")] = 0,
) -> None:
    """Measure models on labelled listings and suites, beside baselines, with intervals and a report.

    The API key of servers is taken from MODSMITH_API_KEY or OPENAI_API_KEY.
    """
    import os

    from modsmith.policy import load_policy

    rules = load_policy(policy)
    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.evaluation.run import More, evaluate_models
    from modsmith.terminal import file_progress

    key = os.environ.get("MODSMITH_API_KEY") or os.environ.get("OPENAI_API_KEY") or ""
    more = More(suite, limit, data, base_rate, fpr, chat, moderation, key, embeddings, compare, sheet, publish)
    with file_progress("evaluating") as progress:
        report = evaluate_models(
            corpus, model, rules, out, split=split, baselines=baselines, train_corpus=train_corpus,
            resamples=resamples, seed=seed, progress=progress, more=more,
        )  # fmt: skip
    typer.echo(f"report: {report}", err=True)


def gate(
    summary: Annotated[Path, typer.Argument(help="A summary.json that modsmith eval has written, or its folder.")],
    sheet: Annotated[Path | None, typer.Option(help="Acceptance sheet; modsmith's own by default.")] = None,
    system: Annotated[str | None, typer.Option(help="Which system; by default the best of your own models.")] = None,
) -> None:
    """Hold a measured model against an acceptance sheet, one line for each criterion. Exit code 1 on a miss."""
    import json

    from modsmith.errors import UserError
    from modsmith.evaluation.gate import judge_release, read_sheet
    from modsmith.files import read_text

    path = summary / "summary.json" if summary.is_dir() else summary
    try:
        found = json.loads(read_text(path, "summary"))
    except ValueError as error:
        raise UserError(f"{path} is no summary of modsmith eval: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} is no summary of modsmith eval")
    result = judge_release(found, read_sheet(sheet), system)
    wide = max(len(line["label"]) for line in result["lines"])
    for line in result["lines"]:
        optional = " (optional)" if line["optional"] and line["status"] == "not measured" else ""
        typer.echo(f"{line['status']:<12}  {line['label']:<{wide}}  {line['wanted']}: {line['found']}{optional}")
    misses = sum(line["blocks"] for line in result["lines"])
    verdict = "may go out" if result["passed"] else f"may not go out: {misses} of {len(result['lines'])} criteria"
    typer.echo(f"\n{result['system']} {verdict} ({result['sheet']})")
    if not result["passed"]:
        raise typer.Exit(1)
