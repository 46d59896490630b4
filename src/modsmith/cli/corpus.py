"""`modsmith corpus`: look at listings, build, audit, collect and import them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modsmith.cli import collect
from modsmith.cli.generate import generate

if TYPE_CHECKING:
    from modsmith.corpus import Example

app = typer.Typer(no_args_is_help=True)
app.add_typer(collect.app, name="collect", help="Collect listings from a site.")
app.command("generate")(generate)

Source = Annotated[str, typer.Argument(help="standard or written (built in), a folder, or a .jsonl or .parquet file.")]
PolicyOption = Annotated[str, typer.Option("--policy", help="A policy file; the built-in one by default.")]


@app.command("show")
def show(
    source: Source = "standard",
    policy: PolicyOption = "marketplace",
    category: Annotated[str | None, typer.Option(help="Only examples written for this category.")] = None,
    kind: Annotated[str | None, typer.Option(help="twin, near_miss, borderline, multi or ordinary.")] = None,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "all",
    count: Annotated[int, typer.Option("-n", min=1, help="How many groups.")] = 3,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
) -> None:
    """Print some groups of examples."""
    import random

    from rich.console import Console
    from rich.text import Text

    from modsmith.corpus import load_corpus, of_split
    from modsmith.errors import UserError
    from modsmith.policy import load_policy

    examples = [
        example
        for example in of_split(load_corpus(source, load_policy(policy)), split)
        if category in (None, example.category) and kind in (None, example.kind)
    ]
    if not examples:
        raise UserError("no examples are of that category, kind and split; see modsmith corpus stats")
    groups = sorted({example.group for example in examples})
    random.Random(seed).shuffle(groups)
    console = Console()
    for group in groups[:count]:
        for example in (one for one in examples if one.group == group):
            rated = ", ".join(f"{name} {level}" for name, level in example.ratings.items() if level) or "all 0"
            colour = "red" if example.violates else "yellow" if example.ratings.top == 2 else "green"
            console.rule(Text(f"{example.id}  {example.kind}  {example.split}  {rated}", style=colour), align="left")
            console.print(Text(example.listing.title, style="bold"), Text(f"  {example.listing.price}"))
            console.print(Text(example.listing.description))
            if example.listing.tags or example.listing.files:
                console.print(Text(" ".join([*example.listing.tags, *example.listing.files]), style="dim"))
            console.print(Text(f"-> {example.rationale}", style="italic"))
            if example.evidence:
                console.print(Text(f'   "{example.evidence}"', style="italic"))
        console.print()


@app.command("stats")
def stats(source: Source = "standard", policy: PolicyOption = "marketplace") -> None:
    """Count examples by split, kind, category, rating, language and writer."""
    from rich.console import Console
    from rich.table import Table

    from modsmith.corpus import corpus_hash, count, load_corpus
    from modsmith.policy import load_policy

    examples = load_corpus(source, load_policy(policy))
    counts = count(examples)
    console = Console()
    totals = f"{counts['examples']} examples in {counts['groups']} groups, {counts['violating']} violating"
    console.print(f"{totals}, hash {corpus_hash(examples)}")
    for name in ("by_split", "by_kind", "by_category", "by_language", "by_generator"):
        pairs = sorted(counts[name].items(), key=lambda pair: -pair[1])
        console.print(f"{name.removeprefix('by_'):>10}  " + "  ".join(f"{key} {value}" for key, value in pairs))
    table = Table("category", *(f"rated {level}" for level in range(5)), box=None, header_style="dim")
    for name, found in counts["ratings"].items():
        table.add_row(name, *(str(found[str(level)]) for level in range(5)))
    console.print(table)


@app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="Folder for train, validation and test.")],
    source: Source = "standard",
    policy: PolicyOption = "marketplace",
) -> None:
    """Write the splits as Parquet and JSONL; `datasets.load_dataset(FOLDER)` reads them."""
    from modsmith.corpus import export_corpus, load_corpus
    from modsmith.policy import load_policy

    rules = load_policy(policy)
    for path in export_corpus(load_corpus(source, rules), out, rules.version_label):
        typer.echo(str(path))


@app.command("build")
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder for the splits and the data card.")] = Path("data"),
    size: Annotated[int, typer.Option(help="Listings.")] = 8000,
    seed: Annotated[int, typer.Option(help="Another seed tells other offers through other shells.")] = 7,
    violating: Annotated[float, typer.Option(help="Share of violating listings, 0.1 to 0.45.")] = 0.4,
    written: Annotated[float, typer.Option(help="At most this share is written whole, 0 to 1.")] = 0.75,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Imported, generated or own rated listings on top; may be given repeatedly."),
    ] = None,
    policy: PolicyOption = "marketplace",
) -> None:
    """Write the training corpus from the listings, offers and shells that ship with modsmith, and files of yours."""
    from modsmith.corpus import build_corpus, export_corpus
    from modsmith.corpus.card import write_card
    from modsmith.corpus.join import join_files
    from modsmith.corpus.load import check_examples
    from modsmith.policy import load_policy

    rules = load_policy(policy)
    examples, added = join_files(build_corpus(rules, size, seed, violating, written), add or [], rules)
    check_examples(examples, "built")
    for file in added:
        typer.echo(f"{file.name}: {file.joined} listings added, {file.repeated} dropped as near duplicates", err=True)
    command = f"modsmith corpus build --size {size} --seed {seed} --violating {violating} --written {written}"
    command += "".join(f" --add {file.name}" for file in added)
    for path in [*export_corpus(examples, out, rules.version_label), write_card(examples, out, rules, command, added)]:
        typer.echo(str(path))


@app.command("audit")
def audit(
    source: Source = "standard",
    policy: PolicyOption = "marketplace",
    out: Annotated[Path, typer.Option("--out", help="Folder for audit.html and audit.json.")] = Path("runs/audit"),
    real: Annotated[Path | None, typer.Option(help="Real listings (.csv, .jsonl, .parquet) to compare with.")] = None,
    columns: Annotated[str, typer.Option("--map", help="Column names of that file: title=name,...")] = "",
) -> None:
    """Look for what could be learnt from a corpus instead of the policy; exit with 1 when a limit is passed."""
    from rich.console import Console

    from modsmith.cli.judge import parse_map
    from modsmith.corpus import corpus_hash, count, load_corpus
    from modsmith.corpus.audit import audit_corpus, print_audit, write_audit
    from modsmith.listing import Listing, read_listings
    from modsmith.policy import load_policy
    from modsmith.terminal import file_progress

    rules = load_policy(policy)
    examples = load_corpus(source, rules, reasons=False)
    field = [one for one in read_listings(real, parse_map(columns)) if isinstance(one, Listing)] if real else []
    with file_progress("auditing") as tick:
        found = audit_corpus(examples, rules, count(examples), field, progress=tick)
    console = Console()
    print_audit(found, console)
    page = write_audit(found, out, f"corpus {source}, hash {corpus_hash(examples)}")
    console.print(f"\nreport: {page}", highlight=False)
    if not found.ok:
        raise typer.Exit(1)


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(metavar="FILE", help="CSV, TSV, JSONL, Parquet, or hf:NAME[:SPLIT].")],
    out: Annotated[Path, typer.Option("--out", help="Examples (JSONL), rated 0 everywhere: weakly allowed.")],
    columns: Annotated[str, typer.Option("--map", help="title=name,description=body,...")] = "",
    screen: Annotated[str, typer.Option(help="Model that sets suspicious ones apart; none leaves it out.")] = "shipped",
    min_words: Annotated[int, typer.Option(min=1, help="Shorter listings are dropped.")] = 2,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many listings.")] = None,
    policy: PolicyOption = "marketplace",
) -> None:
    """Take listings that were on sale as weakly allowed examples, the suspicious ones set apart for a person."""
    from modsmith.cli.judge import parse_map
    from modsmith.cli.quiet import quiet_libraries
    from modsmith.corpus.importing import import_listings
    from modsmith.policy import load_policy
    from modsmith.terminal import file_progress

    rules = load_policy(policy)
    found = import_listings(source, parse_map(columns), rules.category_ids, min_words, limit)
    for example in found.examples[:3]:
        typer.echo(f"  {example.listing.title[:100]}  {example.listing.price}  {example.listing.description[:60]!r}")
    dropped = ", ".join(f"{count} {reason}" for reason, count in found.dropped.most_common()) or "none"
    first = f" (first: {found.first_error})" if found.first_error else ""
    typer.echo(f"{len(found.examples)} listings read; dropped: {dropped}{first}")
    quiet_libraries()
    from modsmith.forge import set_apart, write_examples

    kept = found.examples
    suspicious: list[Example] = []
    if screen != "none":
        with file_progress("screening") as progress:
            kept, suspicious = set_apart(found.examples, screen, rules, progress)
    write_examples(kept, out)
    typer.echo(f"{len(kept)} weakly allowed -> {out}")
    if suspicious:
        apart = out.with_suffix(".suspicious.jsonl")
        write_examples(suspicious, apart)
        typer.echo(f"{len(suspicious)} suspicious, for a person to rate -> {apart}")
