"""Pipes, devices, folders and, where asked, links are refused without waiting for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractors.files.digests import file_digest
from extractors.files.regular import open_regular, read_regular


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_regular_files_and_links_to_them_are_read(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    for path in (file, tmp_path / "link"):
        assert read_regular(path, limit=7) == b"content"


@pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero", "/dev/null", "/dev/tty"])
def test_other_kinds_are_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for read in (open_regular, file_digest, lambda path: read_regular(path, limit=10)):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory|No such device"):
            read(tmp_path / name)


def test_a_link_that_is_not_followed_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    for name in ("link", "dangling"):
        with pytest.raises(OSError, match="symbolic links"):
            open_regular(tmp_path / name, follow_link=False)
    assert open_regular(file, follow_link=False).read() == b"content"


def test_a_size_limit_holds_for_declared_and_for_read_bytes(file: Path) -> None:
    with pytest.raises(ValueError, match=r"file: 7 bytes; at most 6 are read"):
        read_regular(file, limit=6)
    with file.open("ab") as stream:
        stream.truncate(2**40)  # a hole: no memory is taken for it
    with pytest.raises(ValueError, match=rf"file: {2**40} bytes; at most 1000 are read"):
        read_regular(file, limit=1000)
