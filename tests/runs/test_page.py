from __future__ import annotations

import base64
import hashlib
import re
import shutil
from pathlib import Path

import pytest

from modsmith.runs import read_run, write_page
from modsmith.runs.page import levels_text, rating_counts


@pytest.fixture(scope="module")
def page(grpo_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = write_page(read_run(grpo_run), tmp_path_factory.mktemp("page") / "run.html")
    return path.read_text("utf-8")


def test_the_page_says_what_happened(page: str) -> None:
    assert "GRPO finished after 60 steps; its best held-out score is 0.75, at step 60." in page
    for title in ("Held-out scores", "Reward and its parts", "Which part decides", "Seconds a step", "Completions, to"):
        assert f">{title}" in page
    assert page.count('<article class="sample"') > 50


def test_nothing_is_loaded_and_no_text_runs(page: str) -> None:
    assert not re.search(r'(?:src|href)="(?!#)', page) and "url(" not in page and "@import" not in page
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "alert(&#34;x&#34;)" in page and "alert(1)&gt;" in page and "<img" not in page


def test_quotes_are_marked_and_invented_ones_named(page: str) -> None:
    assert "<mark>every match, works on Firestick</mark>" in page
    assert "Not in the listing: “<bdi>guaranteed refund within the hour</bdi>”" in page


def test_samples_carry_what_they_are_sorted_by(page: str) -> None:
    samples = re.findall(r'<article class="sample" ([^>]*)>', page)
    for name in ("reward", "advantage", "disagreement", "step"):
        assert all(f'data-{name}="' in one for one in samples)
    assert any('data-kind="unread"' in one and 'data-disagreement=""' in one for one in samples)


def test_a_run_of_another_station_has_curves_only(grpo_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(grpo_run, tmp_path / "run")
    shutil.rmtree(copy / "completions")
    (copy / "metrics.jsonl").write_text('{"step": 5, "train/loss": 0.5}\n{"step": 10, "train/loss": NaN}\n')
    page = write_page(read_run(copy), copy / "run.html").read_text("utf-8")
    assert ">Loss</h3>" in page and "Completions, to read" not in page and "Predicted against" not in page
    assert "gradient is not a number" in page.lower() and "Usual cure: go on from the last checkpoint" in page


def test_a_run_without_rows(grpo_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(grpo_run, tmp_path / "run")
    (copy / "metrics.jsonl").write_text("")
    assert "No step has been logged yet." in write_page(read_run(copy), copy / "run.html").read_text("utf-8")


def test_rating_counts_add_up_the_newest_rows() -> None:
    def table(count: int) -> list[list[int]]:
        return [[count] * 6 for _ in range(5)]

    rows = [{"step": step, "ratings/top": table(1 if step > 10 else 100)} for step in range(1, 61)]
    assert rating_counts(rows) == table(50) and rating_counts([{"step": 1}]) is None


def test_levels_as_text() -> None:
    assert levels_text({"adult_content": 3, "spam": 0}) == "adult content 3"
    assert levels_text({"spam": 0}) == "all 0" and levels_text(None) == "cannot be read"
