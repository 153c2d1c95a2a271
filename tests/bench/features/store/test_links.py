"""Links in a store lead nowhere: nothing outside the store is read, written or removed; pipes do not block."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.errors import BenchError
from bench.features.store.chunks import chunk_path, read_chunk
from bench.features.store.damage import describe_damage, usable
from bench.features.store.entry import RECORD, ROWS, USED, VALUES, Entry, entry_record, mark_used, open_features
from bench.features.store.garbage import check_entries, collect_garbage
from bench.features.store.inventory import Kind, read_inventory, statuses
from bench.observer import Observer

if TYPE_CHECKING:
    from tests.bench.features.store.conftest import ScratchStore

LINK = "is a link, and links in this folder are not followed; remove it"
NUMBERS = range(3)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that does not belong to the store, with a file that is old enough to be collected."""
    folder = tmp_path / "outside"
    (folder / ".unfinished-thesis").mkdir(parents=True)
    (folder / ".unfinished-thesis" / "thesis.txt").write_text("years of work")
    (folder / "000000.chunk").write_text("not a chunk")
    return folder


def listing(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything in a folder, with times and contents."""
    files = {path: path.lstat() for path in (folder, *sorted(folder.rglob("*")))}
    content = {path: path.read_bytes() if path.is_file() else b"" for path in files}
    return {str(p): (s.st_mtime_ns, s.st_size, content[p]) for p, s in files.items()}


def moved_out(path: Path, outside: Path) -> None:
    """What was in the store is now elsewhere, and a link in its place leads there."""
    shutil.move(path, outside / path.name)
    path.symlink_to(outside / path.name)


PLACES: dict[str, Callable[[Entry], Path]] = {
    "entry": lambda entry: entry.folder,
    "extractor": lambda entry: entry.folder.parent,
    "features": lambda entry: entry.folder.parent.parent,
    "partial": lambda entry: entry.partial,
    "lock": lambda entry: entry.lock_path,
}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_written_through_a_link(scratch: ScratchStore, outside: Path, place: str) -> None:
    path = PLACES[place](scratch.entry(NUMBERS))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside if place != "lock" else outside / "000000.chunk")
    before = listing(outside)
    with pytest.raises(BenchError, match=f"^{path}: {LINK}$"):
        scratch.extract(NUMBERS)
    assert listing(outside) == before
    assert scratch.calls() == []


@pytest.mark.parametrize("place", ["entry", "extractor", "features"])
def test_a_stored_entry_behind_a_link_is_not_read(scratch: ScratchStore, outside: Path, place: str) -> None:
    entry = scratch.extract(NUMBERS)
    scratch.check(NUMBERS)
    moved_out(PLACES[place](entry), outside)
    assert not usable(entry)
    with pytest.raises(BenchError, match=LINK):
        entry_record(entry.folder)
    with pytest.raises(BenchError, match=LINK):
        open_features(entry.folder)


@pytest.mark.parametrize("name", [RECORD, VALUES, ROWS])
def test_a_file_of_an_entry_that_is_a_link_is_damage(scratch: ScratchStore, outside: Path, name: str) -> None:
    entry = scratch.extract(NUMBERS)
    scratch.check(NUMBERS)
    moved_out(entry.folder / name, outside)
    before = listing(outside)
    assert str(entry.folder / name) in describe_damage(entry.folder)
    scratch.extract(NUMBERS)
    scratch.check(NUMBERS)
    assert not (entry.folder / name).is_symlink()
    assert listing(outside) == before


def test_rows_of_an_entry_behind_a_link_are_not_copied(scratch: ScratchStore, outside: Path) -> None:
    moved_out(scratch.extract(NUMBERS).folder, outside)
    scratch.calls()
    scratch.extract(range(4))
    assert scratch.calls() == [[0, 1, 2, 3]]
    scratch.check(range(4))


@pytest.mark.parametrize("dangling", [False, True])
def test_the_time_of_use_is_not_written_through_a_link(scratch: ScratchStore, outside: Path, dangling: bool) -> None:
    folder = scratch.extract(NUMBERS).folder
    (folder / USED).unlink(missing_ok=True)
    (folder / USED).symlink_to(outside / ("new" if dangling else "000000.chunk"))
    before = listing(outside)
    mark_used(folder)
    assert listing(outside) == before


def test_a_chunk_that_is_a_link_a_pipe_or_a_device_is_missing(scratch: ScratchStore, outside: Path) -> None:
    partial = scratch.entry(NUMBERS).partial
    partial.mkdir(parents=True)
    chunk_path(partial, 0).symlink_to(outside / "000000.chunk")
    chunk_path(partial, 1).symlink_to("/dev/zero")
    os.mkfifo(chunk_path(partial, 2))
    assert [read_chunk(chunk_path(partial, number)) for number in range(3)] == [None] * 3
    before = listing(outside)
    scratch.extract(NUMBERS)
    scratch.check(NUMBERS)
    assert listing(outside) == before


@pytest.mark.parametrize("name", [RECORD, VALUES, ROWS, USED])
def test_a_pipe_in_an_entry_does_not_block(scratch: ScratchStore, name: str) -> None:
    entry = scratch.extract(NUMBERS)
    (entry.folder / name).unlink(missing_ok=True)
    os.mkfifo(entry.folder / name)
    mark_used(entry.folder)
    if name != USED:
        assert "not a regular file" in describe_damage(entry.folder)
    scratch.extract(NUMBERS)
    scratch.check(NUMBERS)
    assert [item.reason for item in collect_garbage(scratch.store)] == ["its extractor is not installed"]


def test_a_lock_that_is_a_pipe_does_not_block(scratch: ScratchStore) -> None:
    entry = scratch.entry(NUMBERS)
    entry.folder.parent.mkdir(parents=True)
    os.mkfifo(entry.lock_path)
    with pytest.raises(BenchError, match=r"the feature store cannot be written \(not a regular file: .*--store"):
        scratch.extract(NUMBERS)


@pytest.mark.parametrize("place", PLACES)
def test_garbage_collection_does_not_delete_through_a_link(scratch: ScratchStore, outside: Path, place: str) -> None:
    """Neither what the link leads to, nor what is in it; the link itself is not known and stays."""
    entry = scratch.extract(NUMBERS)
    path = PLACES[place](entry)
    if path.is_dir():
        moved_out(path, outside)
    else:
        path.unlink(missing_ok=True)
        path.symlink_to(outside)
    before, later = listing(outside), time.time() + 100 * 24 * 3600
    garbage = collect_garbage(scratch.store, older_than=1, now=later)
    assert listing(outside) == before
    assert path.is_symlink()
    assert path not in [item.path for item in garbage]
    inventory = read_inventory(scratch.store)
    assert path in inventory.unknown
    assert check_entries(inventory.items, Observer()).keys() <= set(inventory.entries)


@pytest.mark.parametrize("level", ["features", "extractor"])
def test_a_temporary_name_that_is_a_link_loses_the_link_only(scratch: ScratchStore, outside: Path, level: str) -> None:
    folder = PLACES[level](scratch.extract(NUMBERS))
    (folder / ".unfinished-x").symlink_to(outside)
    before = listing(outside)
    removed = {item.path: item.bytes for item in collect_garbage(scratch.store, now=time.time() + 100 * 24 * 3600)}
    assert removed[folder / ".unfinished-x"] == 0
    assert not os.path.lexists(folder / ".unfinished-x")
    assert listing(outside) == before


def test_the_size_of_a_link_is_its_own(tmp_path: Path) -> None:
    """A link to `/` is not walked."""
    (tmp_path / "link").symlink_to("/")
    assert len(list(statuses(tmp_path / "link"))) == 1


def test_a_store_that_is_a_link_itself_is_used(scratch: ScratchStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    scratch.store.symlink_to(tmp_path / "elsewhere")
    entry = scratch.extract(NUMBERS)
    scratch.check(NUMBERS)
    assert usable(entry)
    assert [item.kind for item in read_inventory(scratch.store).entries] == [Kind.entry]
