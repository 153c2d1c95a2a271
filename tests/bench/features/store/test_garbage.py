"""Garbage collection removes what no run can use, and nothing else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from bench.features.store.entry import Entry, entry_record, mark_used, write_entry
from bench.features.store.garbage import BUSY, DAY_S, Garbage, check_entries, collect_garbage, last_use, remove_networks
from bench.features.store.inventory import read_inventory
from bench.features.store.keys import entry_of
from bench.plugins.registry import extractor
from extractors.networks.inference import network_cache

NOW = time.time()

Scratch = Any
"""The fixture `scratch`."""


def put(store: Path, cells: str = "00", **changes: Any) -> Entry:
    """Write an entry of the installed software, except for some components."""
    resolved = entry_of(store, extractor("size"), [cells * 32], weights_dir=None, threads=1)
    entry = Entry(resolved.folder, {**resolved.components, **changes})
    write_entry(entry.folder, np.zeros((1, 1), np.float32), ["a"], components=entry.components, rows=[cells * 32])
    entry.lock_path.touch()
    return entry


def age(path: Path, days: float) -> None:
    """Set the time of a file, or of a folder and everything in it."""
    for at in (*path.rglob("*"), path):
        os.utime(at, (NOW - days * DAY_S,) * 2)


def reasons(garbage: list[Garbage]) -> dict[str, str]:
    return {one.path.name: one.reason for one in garbage}


def test_a_stale_entry_is_removed_with_its_lock(tmp_path: Path) -> None:
    good = put(tmp_path)
    stale = put(tmp_path, "01", code="0" * 64, libraries={})
    size = sum(file.stat().st_size for file in stale.folder.iterdir())
    before = sorted(tmp_path.rglob("*"))
    listed = collect_garbage(tmp_path, dry_run=True, now=NOW)
    assert sorted(tmp_path.rglob("*")) == before
    assert listed == [Garbage(stale.folder, "made by other code, libraries", size)]
    assert collect_garbage(tmp_path, now=NOW) == listed
    assert entry_record(good.folder)["cells"] == 1
    assert sorted(p.name for p in good.folder.parent.iterdir()) == [good.folder.name, good.lock_path.name]
    assert collect_garbage(tmp_path, now=NOW) == []


def test_entries_that_cannot_be_used_are_removed(tmp_path: Path) -> None:
    put(tmp_path, extractor="gone.Extractor")
    (put(tmp_path, "01").folder / "entry.json").write_text("{")
    values = reasons(collect_garbage(tmp_path, now=NOW))
    assert sorted(values.values()) == ["its extractor is not installed", "its record cannot be read"]


def test_remains_of_killed_processes_are_removed_after_a_day(tmp_path: Path) -> None:
    entry = put(tmp_path)
    entry.partial.mkdir()
    (entry.partial / "000000.chunk").write_bytes(b"1" * 100)
    temporary = entry.folder.with_name(".unfinished-abcd")
    temporary.mkdir()
    empty = tmp_path / "features" / f"size-{1:016x}"
    empty.mkdir()
    remains = {entry.partial: "incomplete and untouched for a day", empty: "empty folder",
               temporary: "temporary file of a process that ended"}  # fmt: skip
    for days, removed in ((0.9, {}), (1.1, {path.name: reason for path, reason in remains.items()})):
        for path in remains:
            age(path, days)
        assert reasons(collect_garbage(tmp_path, now=NOW)) == removed
    assert entry.stored
    assert not any(path.exists() for path in remains)


def test_an_unfinished_entry_with_a_new_chunk_stays(tmp_path: Path) -> None:
    """The folder keeps its time while files in it are replaced."""
    partial = tmp_path / "features" / f"size-{1:016x}" / f"{1:016x}.partial"
    partial.mkdir(parents=True)
    (partial / "000000.chunk").write_bytes(b"1")
    age(partial, 5)
    os.utime(partial / "000000.chunk", (NOW - 60,) * 2)
    assert collect_garbage(tmp_path, now=NOW) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_entry_of_another_process_stays(tmp_path: Path, dry_run: bool) -> None:
    stale = put(tmp_path, code="0" * 64)
    stale.partial.mkdir()
    age(stale.partial, 9)
    with FileLock(stale.lock_path):
        garbage = collect_garbage(tmp_path, dry_run=dry_run, now=NOW)
        assert {one.path: one.obstacle for one in garbage} == {stale.folder: BUSY, stale.partial: BUSY}
        assert stale.stored
        assert stale.partial.is_dir()
    assert [one.obstacle for one in collect_garbage(tmp_path, now=NOW)] == ["", ""]
    assert not stale.folder.exists()


def test_an_orphaned_lock_is_removed_unless_it_is_held(tmp_path: Path) -> None:
    entry = put(tmp_path)
    alone = entry.lock_path.with_name(f"{1:016x}.lock")
    with FileLock(alone):
        assert [one.obstacle for one in collect_garbage(tmp_path, now=NOW)] == [BUSY]
        assert alone.exists()
    assert reasons(collect_garbage(tmp_path, now=NOW)) == {alone.name: "orphaned lock file"}
    assert not alone.exists()
    assert entry.lock_path.exists()


def test_unused_entries_are_removed_on_request(tmp_path: Path) -> None:
    used, unused = put(tmp_path), put(tmp_path, "01")
    for entry in (used, unused):
        age(entry.folder, 40)
    mark_used(used.folder)
    os.utime(used.folder / "used", (NOW - 5 * DAY_S,) * 2)
    assert last_use(used.folder) == pytest.approx(NOW - 5 * DAY_S, abs=1)
    assert last_use(unused.folder) == pytest.approx(NOW - 40 * DAY_S, abs=1)
    assert collect_garbage(tmp_path, now=NOW) == collect_garbage(tmp_path, older_than=41, now=NOW) == []
    assert reasons(collect_garbage(tmp_path, older_than=30, now=NOW)) == {unused.folder.name: "not used for 40 days"}
    assert (used.stored, unused.stored) == (True, False)


def test_unknown_files_stay(tmp_path: Path) -> None:
    folder = put(tmp_path).folder.parent
    for path in (folder / "notes", folder / "folder.partial", tmp_path / "features" / "mine"):
        path.mkdir()
    (tmp_path / "fitted").write_text("a file")
    age(tmp_path, 30)
    assert collect_garbage(tmp_path, now=NOW) == []


def test_an_obstacle_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = put(tmp_path, code="0" * 64)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    (one,) = collect_garbage(tmp_path, now=NOW)
    assert one.obstacle == "it cannot be removed (Permission denied)"
    assert entry.stored


def test_all_chunks_are_checked_with_progress(scratch: Scratch) -> None:
    intact, damaged = (scratch.extract(numbers).folder for numbers in (range(150), range(120, 260)))
    data = bytearray((damaged / "values.npy").read_bytes())
    data[-1] ^= 1
    (damaged / "values.npy").write_bytes(data)
    recorder = scratch.recorder()
    damage = check_entries(read_inventory(scratch.store).entries, recorder)
    assert {item.path: text for item, text in damage.items()} == {
        intact: "",
        damaged: f"rows 128-139 are damaged ({damaged})",
    }
    assert recorder.steps == [(0, 6), *((n, 6) for n in range(7))]
    intact.rename(damaged.with_name(f"{1:016x}"))
    damage = check_entries(read_inventory(scratch.store).entries, recorder)
    assert "stored under the wrong key; no run will read it" in damage.values()


def test_networks_of_other_versions_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path))
    versions = network_cache._versions()
    makers = {"now": versions, "old": {"libraries": {"openvino": "1"}}, "unused": versions}
    for name, maker in makers.items():
        folder = tmp_path / "networks" / name
        folder.mkdir(parents=True)
        (folder / "network.json").write_text(json.dumps({"model": f"net_{name}", "versions": maker}))
        (folder / "network.bin").write_bytes(b"1" * 100)
    os.utime(tmp_path / "networks" / "unused" / "network.json", (NOW - 40 * DAY_S,) * 2)
    listed = remove_networks(dry_run=True, now=NOW)
    assert reasons(listed) == {"old": "net_old, converted by other libraries or other code"}
    assert listed[0].bytes == 100 + (tmp_path / "networks" / "old" / "network.json").stat().st_size
    assert (tmp_path / "networks" / "old").is_dir()
    assert remove_networks(now=NOW) == listed
    assert reasons(remove_networks(older_than=30, now=NOW)) == {"unused": "net_unused, not used for 40 days"}
    assert [p.name for p in (tmp_path / "networks").iterdir()] == ["now"]
