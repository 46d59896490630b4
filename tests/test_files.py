"""Writing files: something good is never replaced by something half-written."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from modsmith.errors import UserError
from modsmith.files import atomic_folder, atomic_write, read_text, write_json


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text("old")
    return path


def only_old_is_left(old: Path) -> bool:
    return old.read_text() == "old" and [entry.name for entry in old.parent.iterdir()] == [old.name]


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_new_text_replaces_old(old: Path) -> None:
    with atomic_write(old) as file:
        file.write("né\n")
        assert old.read_text() == "old"
    assert old.read_bytes() == "né\n".encode()
    assert [entry.name for entry in old.parent.iterdir()] == [old.name]


def test_folders_are_made_and_bytes_are_kept(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a" / "b" / "c.bin", "wb") as file:
        file.write(b"\r\n\x00")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\r\n\x00"


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt(), SystemExit(1)])
def test_the_old_file_stays_when_the_block_raises(old: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), atomic_write(old) as file:
        file.write("half")
        raise error
    assert only_old_is_left(old)


def test_the_old_file_stays_when_a_write_finds_the_disk_full(old: Path) -> None:
    with pytest.raises(UserError, match=r"report\.json: No space left.*free some space"), atomic_write(old) as file:
        file.write("half")
        full_disk()
    assert only_old_is_left(old)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_the_old_file_stays_when_the_disk_is_full_at_the_end(
    old: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, step, full_disk)
    with pytest.raises(UserError, match="No space left"):
        write_json(old, {"a": 1})
    assert only_old_is_left(old)


def test_a_value_that_is_no_json_leaves_the_old_file(old: Path) -> None:
    with pytest.raises(TypeError):
        write_json(old, {"a": 1, "b": object()})
    assert only_old_is_left(old)


def test_a_full_disk_before_the_first_byte(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", full_disk)
    with pytest.raises(UserError, match="choose a folder you may write to"), atomic_write(old):
        pytest.fail("the block must not run")
    assert only_old_is_left(old)


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this account may write everywhere")
    with pytest.raises(UserError, match=r"cannot write .*a\.json: Permission denied"):
        write_json(folder / "a.json", {})


def test_a_denied_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkstemp", denied)
    with pytest.raises(UserError, match=r"cannot write .*a\.json: Permission denied"):
        write_json(tmp_path / "a.json", {})


def test_a_file_in_the_folders_place_is_refused(old: Path) -> None:
    with pytest.raises(UserError, match="cannot write .*choose a folder"):
        write_json(old / "a.json", {})
    assert only_old_is_left(old)


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write_json(tmp_path / "a.json", {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_json_is_readable_by_people_and_machines(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "für"})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "name": "für"\n}\n'
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "für"}


def test_read_text_drops_a_bom_and_keeps_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(tmp_path / "a.txt", "notes") == "a\r\nb"


def test_read_text_names_what_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc\xff")
    with pytest.raises(UserError, match=r"policy .*a\.txt is not UTF-8 \(byte 3\)"):
        read_text(tmp_path / "a.txt", "policy")
    with pytest.raises(UserError, match=r"cannot read policy .*none\.txt: No such file"):
        read_text(tmp_path / "none.txt", "policy")
    with pytest.raises(UserError, match="cannot read policy"):
        read_text(tmp_path, "policy")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_folder(target) as building:
        (building / "a").write_text("1")
        assert not target.exists()
    with pytest.raises(RuntimeError), atomic_folder(target) as building:
        (building / "a").write_text("2")
        raise RuntimeError
    assert (target / "a").read_text() == "1"
    with atomic_folder(target) as building:
        (building / "b").write_text("3")
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "b"]
