"""Writing files so that something good is never replaced by something half-written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from modsmith.errors import UserError


@contextmanager
def atomic_write(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary sibling of `path` and rename it over `path` only when the block ends without an error.

    On any error (a full disk, Ctrl-C, an exception of the caller) the temporary file is removed and whatever stood at
    `path` before is still there. Operating-system errors become `UserError`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; choose a folder you may write to") from error
    temporary = Path(name)
    try:
        with os.fdopen(
            handle, mode, encoding=None if "b" in mode else "utf-8", newline="" if "b" not in mode else None
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a temporary sibling of the folder `path`, which takes its place only when the block ends without an error;
    an older folder there goes after that. Operating-system errors are the caller's to word."""
    building = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        yield building
        building.chmod(0o755)
        old = path.with_name(f".{path.name}-old")
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            os.replace(path, old)
        os.replace(building, path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def file_hash(path: Path, *more: Path) -> str:
    """Sixteen hex digits of SHA-256 over the bytes of one file, or of several in the given order."""
    digest = hashlib.sha256()
    for one in (path, *more):
        with open(one, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def read_text(path: Path, what: str) -> str:
    """Read a UTF-8 text file; `what` names it in the error sentence ("policy", "listings", ...)."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{what} {path} is not UTF-8 (byte {error.start}); convert it, for example with iconv -t utf-8"
        ) from error
    except OSError as error:
        raise UserError(f"cannot read {what} {path}: {error.strerror or error}") from error
