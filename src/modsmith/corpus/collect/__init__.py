"""Collecting real listings from public pages, politely. Their label is weak: that a site shows a page proves little."""

from modsmith.corpus.collect.crawl import FOLLOW, Crawl, Tally, read_seeds
from modsmith.corpus.collect.fetch import Fetcher
from modsmith.corpus.collect.manners import Manners
from modsmith.corpus.collect.reasons import REASONS, Skipped
from modsmith.corpus.collect.response import Page

__all__ = ["FOLLOW", "REASONS", "Crawl", "Fetcher", "Manners", "Page", "Skipped", "Tally", "read_seeds"]
