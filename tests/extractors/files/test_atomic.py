"""Atomic writes of files and folders, and cleanup after killed processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from extractors.files.atomic import atomic_file, atomic_folder, discard, remove_unfinished

KILLED_DURING_WRITE = """
import os, signal, sys
from pathlib import Path
from extractors.files.atomic import atomic_file, atomic_folder

folder, kind = Path(sys.argv[1]), sys.argv[2]
writer = atomic_folder(folder / "target") if kind == "folder" else atomic_file(folder / "target")
with writer as temporary:
    (temporary / "half" if kind == "folder" else temporary).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_killed_process_leaves_nothing_at_the_target(tmp_path: Path, kind: str) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED_DURING_WRITE, str(tmp_path), kind], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not (tmp_path / "target").exists()
    remaining = list(tmp_path.iterdir())
    assert [p.name[0] for p in remaining] == ["."]
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == remaining, "it may be in use"
    (tmp_path / "newer").touch()
    day_ago = (tmp_path / "newer").stat().st_mtime - 25 * 3600
    os.utime(remaining[0], (day_ago, day_ago))
    remove_unfinished(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["newer"]


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    with atomic_folder(target) as temporary:
        (temporary / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert [p.name for p in target.parent.iterdir()] == ["target"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_error_leaves_nothing(tmp_path: Path, kind: str) -> None:
    writer = atomic_folder(tmp_path / "x") if kind == "folder" else atomic_file(tmp_path / "x")

    def write() -> None:
        with writer as temporary:
            (temporary / "half" if kind == "folder" else temporary).write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_created_concurrently_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with atomic_folder(target) as temporary:
        (temporary / "mine").touch()
        with atomic_folder(target) as other:
            (other / "theirs").touch()
    assert [p.name for p in target.iterdir()] == ["theirs"]
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


def test_a_file_at_the_target_of_a_folder_raises(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")

    def write() -> None:
        with atomic_folder(tmp_path / "target") as temporary:
            (temporary / "a").touch()

    with pytest.raises(OSError, match="Not a directory"):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    target = tmp_path / "target.txt"
    target.write_text("old")
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.suffix == ".txt"
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_a_file_that_disappears_during_cleanup_is_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process renames its temporary file to the target."""
    (tmp_path / ".unfinished-old").write_text("x")
    os.utime(tmp_path / ".unfinished-old", (0, 0))
    (tmp_path / "newer").touch()
    paths = [*tmp_path.iterdir(), tmp_path / ".unfinished-just-renamed"]
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(paths))
    remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == ["newer"]  # noqa: PTH208 (`iterdir` is replaced above)


def test_discard_removes_the_path_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").touch()
    folder = tmp_path / "folder"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "file").touch()
    (folder / "link").symlink_to(outside)
    (folder / "deep" / "link").symlink_to(outside)
    for name in ("file", "link", "deep", "nothing"):
        discard(folder / name)
    assert list(folder.iterdir()) == []
    assert (outside / "mine").is_file()


def test_a_link_at_the_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    for name in ("file", "folder"):
        (tmp_path / name).symlink_to(tmp_path / "outside")
    with atomic_file(tmp_path / "file") as temporary:
        temporary.write_text("new")
    with atomic_folder(tmp_path / "folder", existing="replace") as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "outside").read_text() == "mine"
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "folder" / "new").is_file()


def test_a_link_that_another_user_puts_at_the_temporary_path_is_not_followed(tmp_path: Path) -> None:
    """The permissions of what it leads to do not change, and it does not become the target."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)

    def write() -> None:
        with atomic_file(tmp_path / "target") as temporary:
            temporary.unlink()
            temporary.symlink_to(secret)

    with pytest.raises(OSError, match="symbolic links"):
        write()
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_temporary_names_are_random_and_private(tmp_path: Path) -> None:
    """Nobody can guess the name, and nobody else can read or write the file before it is finished."""
    with (
        atomic_file(tmp_path / "x") as one,
        atomic_file(tmp_path / "x") as two,
        atomic_folder(tmp_path / "y") as folder,
    ):
        assert one != two
        assert [stat.S_IMODE(path.stat().st_mode) for path in (one, two, folder)] == [0o600, 0o600, 0o700]
