"""Atomic writes of files and folders, JSON files, and writable folders."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.storage.folders import writable_folder
from bench.storage.json_files import MAX_JSON, read_json, write_json
from extractors.files.atomic import atomic_file, atomic_folder, discard, remove_unfinished

KILLED_IN_MID_WRITE = """
import os, signal, sys
from pathlib import Path
from extractors.files.atomic import atomic_file, atomic_folder

where, kind = Path(sys.argv[1]), sys.argv[2]
writer = atomic_folder(where / "target") if kind == "folder" else atomic_file(where / "target")
with writer as temporary:
    (temporary / "half" if kind == "folder" else temporary).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_killed_process_leaves_nothing_at_the_target(tmp_path: Path, kind: str) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED_IN_MID_WRITE, str(tmp_path), kind], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not (tmp_path / "target").exists()
    left = list(tmp_path.iterdir())
    assert [p.name[0] for p in left] == ["."]
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == left, "another process may be writing it"
    (tmp_path / "newer").touch()
    day_ago = (tmp_path / "newer").stat().st_mtime - 25 * 3600
    os.utime(left[0], (day_ago, day_ago))
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


def test_a_folder_created_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with atomic_folder(target) as temporary:
        (temporary / "mine").touch()
        with atomic_folder(target) as quicker:
            (quicker / "theirs").touch()
    assert [p.name for p in target.iterdir()] == ["theirs"]
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


def test_a_file_at_the_target_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")

    def write() -> None:
        with atomic_folder(tmp_path / "target") as temporary:
            (temporary / "a").touch()

    with pytest.raises(OSError, match="Not a directory"):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    target = tmp_path / "target.txt"
    target.write_text("old")
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.suffix == ".txt"
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_round_trip_of_json(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, "é"], "a": {"c": True}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert list(read_json(tmp_path / "x.json")) == ["b", "a"]
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert read_json(tmp_path / "x.json") == value


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff", "[" * 200_000, '{"a":' * 200_000])
def test_a_file_without_a_json_object_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BenchError, match=r"x\.json: "):
        read_json(tmp_path / "x.json")
    with pytest.raises(BenchError, match=r"nowhere\.json: cannot be read"):
        read_json(tmp_path / "nowhere.json")


def test_a_json_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as stream:
        stream.truncate(MAX_JSON + 1)
    with pytest.raises(BenchError, match=r"x\.json: 256 MiB; at most 256 MiB"):
        read_json(tmp_path / "x.json")


def test_the_error_of_a_folder_names_the_option(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b", "--out").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"cannot be written .*--out"):
        writable_folder(tmp_path / "file" / "b", "--out")


def test_a_file_that_vanishes_during_clean_up_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process renames its temporary file."""
    (tmp_path / ".unfinished-old").write_text("left")
    os.utime(tmp_path / ".unfinished-old", (0, 0))
    (tmp_path / "newer").touch()
    there = [*tmp_path.iterdir(), tmp_path / ".unfinished-just-renamed"]
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(there))
    remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == ["newer"]  # noqa: PTH208 (`iterdir` is replaced above)


def test_discard_removes_files_and_folders_but_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").touch()
    place = tmp_path / "place"
    (place / "deep" / "deeper").mkdir(parents=True)
    (place / "file").touch()
    (place / "link").symlink_to(outside)
    (place / "deep" / "link").symlink_to(outside)
    for name in ("file", "link", "deep", "nothing"):
        discard(place / name)
    assert list(place.iterdir()) == []
    assert (outside / "mine").is_file()


def test_a_pipe_instead_of_a_json_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(BenchError, match=r"x\.json: not a regular file"):
        read_json(tmp_path / "x.json")
