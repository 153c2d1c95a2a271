"""Opening of regular files: everything else is refused without waiting."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from extractors.files.digests import file_digest
from extractors.files.regular import open_regular, read_regular


def test_content_of_a_file_and_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "a", limit=4) == b"text"
    assert read_regular(tmp_path / "link", limit=4) == b"text"
    with pytest.raises(OSError, match="4 bytes; at most 3 are read"):
        read_regular(tmp_path / "a", limit=3)


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name, kind in (("pipe", "named pipe"), ("link", "named pipe"), ("device", "device"), (".", "folder")):
        with pytest.raises(OSError, match=f"a {kind}, not a regular file"):
            open_regular(tmp_path / name, limit=10)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most 108 characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(OSError, match="a socket, not a regular file"):
            open_regular(tmp_path / "socket", limit=10)


def test_a_file_of_proc_is_empty() -> None:
    assert read_regular("/proc/self/status", limit=10) == b""
    with open_regular("/proc/self/environ", limit=10) as file:
        assert file.read() == b""


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(tmp_path / "loop", limit=10)


def test_a_link_that_is_not_followed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("missing")
    for name in ("link", "dangling"):
        with pytest.raises(OSError, match="symbolic links"):
            open_regular(tmp_path / name, follow_link=False)
    assert read_regular(tmp_path / "file", limit=7, follow_link=False) == b"content"


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/dev/null", "."])
def test_no_digest_waits(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        file_digest(tmp_path / name)
