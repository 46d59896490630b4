"""`Shell`: how a seller says it. A template in Jinja2 that knows nothing of what is sold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from modsmith.corpus.compose.marks import CLOSE, OPEN
from modsmith.corpus.compose.offers import read_yaml_list
from modsmith.errors import UserError

_KEYS = {"shell", "language", "voice", "layout", "title", "body"}


@dataclass(frozen=True, slots=True)
class Shell:
    """A voice with a layout. `title` and `body` are templates over name, opening, say, details and price."""

    id: str
    language: str
    voice: str
    layout: str
    hand: str
    title: str
    body: str

    def render(self, **parts: Any) -> tuple[str, str]:
        """Title and description with the parts filled in."""
        title, body = (_template(text).render(**parts) for text in (self.title, self.body))
        return " ".join(title.split()), body.strip()


def read_shells(folder: Path) -> list[Shell]:
    """Read every `NAME-HAND.yaml` of `folder`. Raises `UserError` with file, shell and reason at the first mistake."""
    shells: dict[str, Shell] = {}
    for file in sorted(folder.glob("*.yaml")):
        hand = "shells-" + file.stem.rpartition("-")[2]
        for number, record in enumerate(read_yaml_list(file, "shell file"), start=1):
            place = f"shell file {file}, shell {record.get('shell', number) if isinstance(record, dict) else number}"
            if not isinstance(record, dict) or set(record) != _KEYS:
                raise UserError(f"{place}: a shell has exactly the keys {', '.join(sorted(_KEYS))}")
            texts = {key: str(value) for key, value in record.items()}
            shell = Shell(id=texts.pop("shell"), hand=hand, **texts)
            try:
                told = shell.render(name="A", opening="B.", say="what is sold.", details=["D"] * 4, price="")
            except jinja2.TemplateError as error:
                raise UserError(f"{place}: {error}") from error
            if "what is sold" not in "\n".join(told).lower():
                raise UserError(f"{place}: neither title nor body uses {{{{ say }}}}, which says what is sold")
            if shells.setdefault(shell.id, shell) is not shell:
                raise UserError(f"{place}: the id is used twice")
    return list(shells.values())


def _decap(text: str) -> str:
    """The first letter small, past a mark; not that of an abbreviation ("PDF") or of "I"."""
    start = 1 if text[:1] == OPEN else 0
    first, second = text[start : start + 1], text[start + 1 : start + 2]
    if second.isupper() or (first == "I" and not second.isalpha()):
        return text
    return text[:start] + first.lower() + text[start + 1 :]


def _bare(text: str) -> str:
    """Without the final full stop, also where the evidence ends the sentence."""
    return text[:-2] + CLOSE if text.endswith("." + CLOSE) else text.removesuffix(".")


def _spaced(text: str) -> str:
    return " ".join(text)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)  # noqa: S701 - makes no HTML
    environment.filters.update(decap=_decap, bare=_bare, spaced=_spaced)
    return environment


@cache
def _template(text: str) -> jinja2.Template:
    return _environment().from_string(text)
