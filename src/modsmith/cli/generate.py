"""`modsmith corpus generate`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from modsmith.corpus.generate import Account, Generation, Status


def generate(
    endpoint: Annotated[str, typer.Option(help="Address of an OpenAI-compatible server, usually up to /v1.")],
    model: Annotated[str, typer.Option(help="The model that writes, as the server names it.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="standard, written, a corpus folder or file (its train split), or a .jsonl or .csv file of plain "
            "listings, which count as allowed.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the run; the same one goes on with it.")],
    tasks: Annotated[str, typer.Option(help="Which of violate, comply and relaunder.")] = "violate,comply,relaunder",
    count: Annotated[int, typer.Option(min=1, help="Listings to ask for; fewer pass the filters.")] = 100,
    concurrency: Annotated[int, typer.Option(min=1, max=512, help="Requests under way at once.")] = 8,
    requests_per_minute: Annotated[float | None, typer.Option(min=0.1, help="At most; retries count.")] = None,
    price_in: Annotated[float | None, typer.Option(help="Dollars per million tokens of prompt.")] = None,
    price_out: Annotated[float | None, typer.Option(help="Dollars per million tokens of answer.")] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help="What DIR may cost in all, earlier runs included.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the estimate and three prompts; ask nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed draws other listings and axes.")] = 0,
    policy: Annotated[str, typer.Option(help="A policy file; the built-in one by default.")] = "marketplace",
    second_model: Annotated[str, typer.Option(help="Model of the second reader; by default the one that writes.")] = "",
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that one attempt may take.")] = 180.0,
) -> None:
    """Let a language model write training listings: violating twins, compliant twins, retold allowed listings.

    The API key is taken from MODSMITH_API_KEY or OPENAI_API_KEY. An interrupted run goes on where it was; nothing is
    paid for twice.
    """
    import os

    from modsmith.corpus.generate import Generation, Prices, Server, Settings, parse_tasks
    from modsmith.policy import load_policy

    server = Server(
        endpoint=endpoint,
        key=os.environ.get("MODSMITH_API_KEY") or os.environ.get("OPENAI_API_KEY") or "",
        concurrency=concurrency,
        requests_per_minute=requests_per_minute,
        timeout=timeout,
    )
    settings = Settings(
        server, model, source, out, parse_tasks(tasks), count, seed, Prices(price_in, price_out), budget, second_model
    )
    run = Generation(settings, load_policy(policy))
    _print_estimate(run)
    if dry_run:
        for job, messages in run.sample_prompts():
            typer.echo(f"\n===== {job.name} =====")
            for message in messages:
                typer.echo(f"\n--- {message['role']} ---\n{message['content']}")
        return
    try:
        with _progress() as tick:
            summary = run.run(tick)
    except KeyboardInterrupt:
        typer.echo(f"modsmith: what was answered is in {out}; the same command goes on from here", err=True)
        raise
    _print_summary(summary, out)


@contextmanager
def _progress() -> Iterator[Callable[[Status], None]]:
    """A bar with the running cost and the time left; without a terminal a line for every tenth of the way."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("generating"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
        TextColumn("left"), TimeRemainingColumn(), console=console, disable=not console.is_terminal,
    )  # fmt: skip
    began, said = time.monotonic(), 0
    told: list[bool] = []
    with bar:
        task = bar.add_task("", total=None, note="")

        def tick(status: Status) -> None:
            nonlocal said
            if status.ending and not told:
                told.append(True)
                typer.echo("modsmith: waiting for what is under way; Ctrl-C ends at once", err=True)
            paid = status.paid
            cost = f"{paid.tokens_in + paid.tokens_out:,} tokens" if paid.dollars is None else f"${paid.dollars:,.4f}"
            note = f"{status.accepted} accepted, {cost}"
            bar.update(task, completed=status.done, total=status.total, note=note)
            if not console.is_terminal and 10 * status.done // status.total > said:
                said = 10 * status.done // status.total
                left = (time.monotonic() - began) / status.done * (status.total - status.done)
                typer.echo(f"{status.done} of {status.total}: {note}, about {left:,.0f} s left", err=True)

        yield tick


def _dollars(value: float | None) -> str:
    return "cost unknown without --price-in and --price-out" if value is None else f"${value:,.4f}"


def _tokens(account: Account) -> str:
    return f"{account.requests} requests, {account.tokens_in:,} tokens in, {account.tokens_out:,} out"


def _print_estimate(run: Generation) -> None:
    account = run.estimate()
    typer.echo(f"estimate  {len(run.jobs)} listings: {_tokens(account)}, {_dollars(account.dollars)}")
    typer.echo("          (from the length of the texts, if every listing reaches both readers and nothing is cached)")
    for reason, number in run.seeds.left_out.most_common():
        typer.echo(f"no seeds  {number} of the source: {reason}")


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    cost, found = summary["cost"]["this_run"], summary
    typer.echo(
        f"accepted  {found['accepted']} of {found['asked_for']} ({found['violating']} violating, "
        f"{found['whole_twins']} whole twins) -> {out / 'generated.jsonl'}"
    )
    typer.echo(f"not agreed {found['controversial']}, rejected {found['rejected']}")
    for reason, number in found["rejected_by"].items():
        typer.echo(f"  {number:>6}  {reason}")
    if found["open"]:
        why = {"budget": "the budget is spent"}.get(found["stopped"], "not answered")
        typer.echo(f"open      {found['open']} ({why}); the same command goes on with them")
    exact = (
        "as the server counts" if not cost["answers_without_usage"] else "partly estimated: the server reports no usage"
    )
    typer.echo(
        f"paid      {cost['requests']} answers, {cost['tokens_in']:,} tokens in, {cost['tokens_out']:,} out ({exact}), "
        f"{_dollars(cost['dollars'])}; this folder in all {_dollars(summary['cost']['this_folder']['dollars'])}"
    )
