"""`modsmith judge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def judge(
    source: Annotated[
        str | None,
        typer.Argument(metavar="IN", help="Listings: .jsonl, .csv, .tsv, .parquet, or - for standard input."),
    ] = None,
    out: Annotated[str, typer.Option("--out", help="Where verdicts go (JSONL); - for standard output.")] = "-",
    text: Annotated[
        str | None, typer.Option("--text", help="Judge this one text and print the verdict for people.")
    ] = None,
    model: Annotated[str, typer.Option(help="shipped, a run or model folder, or a Hugging Face id.")] = "shipped",
    policy: Annotated[str, typer.Option(help="A policy file; the built-in one by default.")] = "marketplace",
    mode: Annotated[str, typer.Option(help="direct: ratings at once; think: reasoning and quote first.")] = "direct",
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Listings judged together; by default what suits the device.")
    ] = None,
    map_: Annotated[
        str | None, typer.Option("--map", help="Columns of a table: title=name,description=body,...")
    ] = None,
) -> None:
    """Judge listings: ratings, scores and a decision for each."""
    from modsmith.errors import UserError
    from modsmith.policy import load_policy
    from modsmith.prompt import MODES

    if mode not in MODES:
        raise UserError(f"--mode {mode!r}: choose {' or '.join(MODES)}")
    if (source is None) == (text is None):
        raise UserError(
            'give either a file of listings or --text, for example: modsmith judge --text "40 stream overlays"'
        )
    if source not in (None, "-") and not Path(str(source)).is_file():
        raise UserError(f"there is no file {source}; give a .jsonl, .csv, .tsv or .parquet file of listings")
    rules = load_policy(policy)
    columns = parse_map(map_)

    from modsmith.cli.quiet import quiet_libraries

    quiet_libraries()
    from modsmith.cli.show import print_verdict
    from modsmith.judge import Judge
    from modsmith.judge.files import judge_file
    from modsmith.listing import Listing
    from modsmith.terminal import file_progress

    judge_ = Judge.load(model, rules, mode, batch_size)  # type: ignore[arg-type]
    if text is not None:
        title, _, description = text.strip().partition("\n")
        if not text.strip():
            raise UserError("--text is empty: give the title and, on further lines, the description")
        listing = Listing(id="text", title=title, description=description)
        print_verdict(listing, judge_.rate([listing])[0], rules)
        return
    with file_progress() as progress:
        result = judge_file(judge_, str(source), out, columns, progress)
    if out != "-":
        found = ", ".join(f"{count} {name}" for name, count in sorted(result.decisions.items()))
        typer.echo(f"{result.judged} listings judged ({found or 'none'}) -> {out}", err=True)
    if result.bad_lines:
        typer.echo(f'modsmith: {result.bad_lines} malformed line(s); see the records with an "error" key', err=True)
        raise typer.Exit(1)


def parse_map(text: str | None) -> dict[str, str]:
    """`title=name,description=body` as a mapping. Raises `UserError`."""
    from modsmith.errors import UserError

    columns: dict[str, str] = {}
    for pair in (text or "").split(","):
        if pair.strip():
            ours, equals, theirs = pair.partition("=")
            if not equals or not ours.strip() or not theirs.strip():
                raise UserError(f"--map {pair!r}: write field=column, for example --map title=name,description=body")
            columns[ours.strip()] = theirs.strip()
    return columns
