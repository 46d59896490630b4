"""Judging a file of listings into a file of verdicts, so that an interruption loses nothing.

Verdicts are appended to a partial file beside the output as they are made; the output appears, whole, at the end. The
partial file starts with a fingerprint of the work, so that the same command goes on where it stopped and another one
starts afresh.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from modsmith.errors import UserError
from modsmith.files import atomic_write
from modsmith.judge.judge import ASK_AHEAD, Judge
from modsmith.listing import BadLine, Listing, read_listings


@dataclass(frozen=True, slots=True)
class FileResult:
    """How a file was judged."""

    judged: int
    bad_lines: int
    resumed: int
    """How many records an earlier, interrupted run had already written."""
    decisions: dict[str, int]


def judge_file(
    judge: Judge,
    source: str,
    out: str,
    columns: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FileResult:
    """Judge every listing of `source` (`-`: JSONL on standard input) into `out` (`-`: standard output), in order.

    A malformed line becomes `{"id", "line", "error"}` in its place. `progress` is called with (done, total).
    Raises `UserError` when the input cannot be read or the output cannot be written.
    """
    entries = list(read_listings(source, columns))
    if out == "-":
        return _judge_into(judge, entries, sys.stdout, 0, progress, {})
    target = Path(out)
    partial = target.with_name(f".{target.name}.partial")
    header = {"work": _fingerprint(judge, entries)}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(21, "is a folder")
        done = _records_done(partial, header)
        decisions: dict[str, int] = {}
        if done:
            for record in done:
                decisions[str(record.get("decision"))] = decisions.get(str(record.get("decision")), 0) + 1
        else:
            partial.write_text(json.dumps(header) + "\n", encoding="utf-8")
        with partial.open("a", encoding="utf-8") as file:
            result = _judge_into(judge, entries, file, len(done), progress, decisions)
        _publish(partial, target)
    except OSError as error:
        raise UserError(
            f"cannot write {out}: {error.strerror or error}; verdicts so far are kept for the next try"
        ) from error
    return result


def _judge_into(
    judge: Judge,
    entries: list[Listing | BadLine],
    file: IO[str],
    skip: int,
    progress: Callable[[int, int], None] | None,
    decisions: dict[str, int],
) -> FileResult:
    done = skip

    def tick(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, len(entries))

    tick(0)
    rest = iter(entries[skip:])
    while chunk := list(islice(rest, ASK_AHEAD)):
        verdicts = iter(judge.rate([entry for entry in chunk if isinstance(entry, Listing)], tick))
        for entry in chunk:
            record = _error_record(entry) if isinstance(entry, BadLine) else next(verdicts).to_record()
            if isinstance(entry, BadLine):
                tick(1)
            else:
                decisions[record["decision"]] = decisions.get(record["decision"], 0) + 1
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        file.flush()
        if file is not sys.stdout:
            os.fsync(file.fileno())
    decisions.pop("None", None)
    bad = sum(isinstance(entry, BadLine) for entry in entries)
    return FileResult(len(entries) - bad, bad, skip, decisions)


def _error_record(bad: BadLine) -> dict[str, Any]:
    return {"id": bad.id, "line": bad.line, "error": bad.error}


def _fingerprint(judge: Judge, entries: list[Listing | BadLine]) -> str:
    digest = hashlib.sha256(f"{judge.name}|{judge.policy.version_label}|{judge.mode}|{judge.calibration}".encode())
    for entry in entries:
        digest.update(repr(entry).encode())
    return digest.hexdigest()[:16]


def _records_done(partial: Path, header: Mapping[str, str]) -> list[dict[str, Any]]:
    """The whole records an interrupted run of the same work left; a torn last line is cut off. Empty for other work."""
    if not partial.exists():
        return []
    lines = partial.read_bytes().split(b"\n")
    records: list[dict[str, Any]] = []
    for line in lines[:-1]:  # what follows the last newline is torn, or empty
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    if not records or records[0] != header:
        return []
    whole = sum(len(line) + 1 for line in lines[: len(records)])
    os.truncate(partial, whole)
    return records[1:]


def _publish(partial: Path, target: Path) -> None:
    """Copy the records without the header into place, atomically."""
    with partial.open(encoding="utf-8") as source, atomic_write(target) as file:
        next(source)
        file.writelines(source)
    partial.unlink()
