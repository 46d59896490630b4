"""The log of answers: what was paid for is on disk before anything is done with it, and is never asked for again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from modsmith.corpus.generate.cost import Message
from modsmith.errors import UserError


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    estimated: bool = False
    """The server reported no usage: the token counts are estimates."""
    withheld: str = ""
    """Why the text is not kept; `text` is then empty."""


def request_key(name: str, model: str, messages: Sequence[Message]) -> str:
    """Hash of a request. `name` tells apart requests that have the same words but are asked twice on purpose."""
    body = json.dumps([name, model, list(messages)], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:32]


def plain_answer(text: str) -> str:
    """The answer without a reasoning model's thoughts and without the code fence around it."""
    text = re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.DOTALL).strip()
    fenced = re.fullmatch(r"```\w*\s*\n(.*?)\n?\s*```", text, flags=re.DOTALL)
    return fenced[1].strip() if fenced else text


def spoken(text: str) -> str:
    """What an answer says, one text a line: the values of its JSON, or what stands between quotes where it is none."""
    try:
        return "\n".join(_texts(json.loads(text)))
    except (ValueError, RecursionError):
        return re.sub(r'\\n|"', "\n", text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


class ResponseLog:
    """`responses.jsonl`: one line an answer, appended and synced to disk at once.

    This is the one file that is not replaced whole: a process killed in the middle of a line leaves that line broken,
    and the next one cuts it off. Only one process may hold the log. Use as a context manager; raises `UserError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._answers: dict[str, Answer] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> ResponseLog:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b")  # noqa: SIM115 - closed by __exit__
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.seek(0)
            self._load(self._file.read())
        except BlockingIOError as error:
            raise UserError(f"another run is writing into {self.path.parent}; wait for it or stop it") from error
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _load(self, data: bytes) -> None:
        whole = data.rfind(b"\n") + 1
        assert self._file is not None
        if whole < len(data):
            self._file.truncate(whole)
        names = {field.name for field in fields(Answer)}
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            try:
                record: dict[str, Any] = json.loads(line)
                key = record["key"]
                self._answers[key] = Answer(**{name: value for name, value in record.items() if name in names})
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UserError(f"{self.path}, line {number} is no answer; remove that line to go on") from error

    def __iter__(self) -> Iterator[Answer]:
        return iter(self._answers.values())

    def get(self, key: str) -> Answer | None:
        """The answer to this request, if it was ever given."""
        return self._answers.get(key)

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer. Returns when it is on the disk; raises `UserError` when it cannot be."""
        assert self._file is not None
        line = json.dumps({"key": key, **asdict(answer)}, ensure_ascii=False)
        try:
            self._file.write(line.encode("utf-8", "replace") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}; free some space") from error
        self._answers[key] = answer
