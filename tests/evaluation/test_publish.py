"""The report inside a page that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from modsmith.errors import UserError
from modsmith.evaluation.publish import BEGIN, END, publish

REPORT = "# words meets the sheet\n\n| a | b |\n|---|---|\n\n## Suites\n\ntext # no heading\n"


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text(f"# Results\n\nBy hand.\n\n{BEGIN}\nold\n{END}\n\n## A study\n\nBy hand too.\n")
    publish(REPORT, page)
    first = page.read_text()
    assert first.startswith("# Results\n\nBy hand.\n\n" + BEGIN) and first.endswith(
        END + "\n\n## A study\n\nBy hand too.\n"
    )
    assert "old" not in first and "\n## words meets the sheet\n" in first and "\n### Suites\n" in first
    assert "\ntext # no heading\n" in first
    publish(REPORT, page)
    assert page.read_text() == first, "publishing again changes nothing"


def test_a_page_without_markers_gets_them_and_a_missing_one_is_made(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "results.md"
    publish(REPORT, page)
    assert page.read_text().startswith(f"# Results\n\n{BEGIN}\n")
    page.write_text("# Mine\n\nBy hand.\n")
    publish(REPORT, page)
    assert page.read_text().startswith(f"# Mine\n\nBy hand.\n\n{BEGIN}\n") and page.read_text().endswith(f"{END}\n")


@pytest.mark.parametrize("text", [BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_broken_markers_are_one_sentence_and_nothing_is_lost(text: str, tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text(text)
    with pytest.raises(UserError, match="mend the markers"):
        publish(REPORT, page)
    assert page.read_text() == text
