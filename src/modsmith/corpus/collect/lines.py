"""A file of JSON objects, one a line, that only grows and that outlives being killed at any moment."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from modsmith.errors import UserError


class LineFile:
    """Open for reading and appending; one process at a time. `what` names the file in error sentences.

    A line is written with one call and forced to the disk, or not at all. A last line that was cut short all the same
    (the power failed) is taken away when the file is read. Raises `UserError`.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(f"cannot write {what} {path}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise UserError(f"another crawl is writing {what} {path}; wait for it or choose another --out") from error

    def __enter__(self) -> LineFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def read(self) -> Iterator[dict[str, Any]]:
        """Every object, in order. A line that is none raises `UserError`: the file may be somebody else's."""
        end = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n") and line.startswith(b"{") and not _is_object(line):
                    os.ftruncate(self._handle, end)
                    return
                end += len(line)
                if not line.strip():
                    continue
                if not _is_object(line):
                    raise UserError(f"{self.what} {self.path}, line {number}: no JSON object; choose another --out")
                if not line.endswith(b"\n"):
                    self._write(b"\n")
                yield json.loads(line)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one object as one line."""
        self._write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    def _write(self, data: bytes) -> None:
        start = os.fstat(self._handle).st_size
        try:
            while data:
                data = data[os.write(self._handle, data) :]
            os.fsync(self._handle)
        except OSError as error:
            os.ftruncate(self._handle, start)
            raise UserError(f"cannot write {self.what} {self.path}: {error.strerror or error}") from error


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
