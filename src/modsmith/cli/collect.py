"""`modsmith corpus collect gumroad`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modsmith.corpus.collect import Crawl

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Collect public listings, politely."""


@app.command("gumroad")
def gumroad(
    seeds: Annotated[list[str], typer.Argument(metavar="SEEDS", help="Addresses of pages, or text files of them.")],
    out: Annotated[Path, typer.Option("--out", metavar="F", help="Listings (JSONL); pages are kept in F.cache.")],
    follow: Annotated[
        str, typer.Option(help="none; seller: what a seller's page lists; discover: every card. Never another host.")
    ] = "seller",
    delay: Annotated[float, typer.Option(min=0.0, help="Seconds between requests to a host, at least.")] = 2.0,
    contact: Annotated[str, typer.Option(help="Your e-mail or web address, for the user agent.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Pages to look at, at most.")] = 1000,
    max_size: Annotated[float, typer.Option(min=0.01, help="The largest page, in MB.")] = 5.0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a page may take.")] = 30.0,
    keep_seller: Annotated[bool, typer.Option("--keep-seller", help="Keep sellers' names instead of a hash.")] = False,
) -> None:
    """Product, profile and discover pages of a Gumroad-shaped site as listings. Goes on where it was stopped."""
    from modsmith.corpus.collect import Crawl, Manners, read_seeds
    from modsmith.terminal import file_progress

    manners = Manners(delay=delay, contact=contact, timeout=timeout, max_bytes=int(max_size * 1_000_000))
    crawl = Crawl(out, manners, follow, limit, keep_seller)
    pages = read_seeds(seeds)
    if not contact:
        typer.echo("modsmith: no --contact given; a site's owner would like to know whom to write to", err=True)
    try:
        with file_progress("collecting") as progress:
            crawl.run(pages, progress)
    except KeyboardInterrupt:
        _report(crawl)
        typer.echo("modsmith: the same command goes on from here", err=True)
        raise
    _report(crawl)
    if not crawl.tally.listings + crawl.tally.already_there:
        raise typer.Exit(1)


def _report(crawl: Crawl) -> None:
    from modsmith.corpus.collect import REASONS

    tally = crawl.tally
    typer.echo(f"pages     {tally.pages} ({tally.cached} from the cache)")
    typer.echo(f"listings  {tally.listings} new, {tally.already_there} already there -> {crawl.out}")
    typer.echo(f"skipped   {sum(tally.skipped.values())}")
    for reason, count in tally.skipped.most_common():
        typer.echo(f"  {count:>6}  {reason}: {REASONS.get(reason, 'refused')}")
    if tally.left:
        typer.echo(f"left      {tally.left} pages beyond --limit {crawl.limit}")
