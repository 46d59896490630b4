"""A report inside a page that people write: the part between two markers is replaced, the rest is left alone."""

from __future__ import annotations

import re
from pathlib import Path

from modsmith.errors import UserError
from modsmith.files import atomic_write, read_text

BEGIN, END = "<!-- eval:begin -->", "<!-- eval:end -->"
NOTE = "<!-- Written by modsmith eval --publish; what stands between the markers is replaced by the next run. -->"


def publish(report: str, page: Path) -> None:
    """Put the Markdown `report` between the markers of `page`, its headings one level down. A page without markers gets
    them at its end; one that does not exist is made. Raises `UserError` when the markers are not one pair, in order."""
    text = read_text(page, "page") if page.exists() else "# Results\n"
    begins, ends = text.count(BEGIN), text.count(END)
    if (begins, ends) not in ((0, 0), (1, 1)) or text.find(BEGIN) > text.find(END):
        raise UserError(f"{page}: the report goes between one {BEGIN} and one {END} after it; mend the markers")
    if not begins:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    lowered = re.sub(r"^(#{1,5}) ", r"#\1 ", report.strip(), flags=re.MULTILINE)
    with atomic_write(page) as file:
        file.write(f"{before}{BEGIN}\n{NOTE}\n\n{lowered}\n\n{END}{after}")
