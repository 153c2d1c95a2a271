"""What nobody can use goes, what somebody may use stays, and nothing outside the store is touched."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from bench.errors import BenchError
from bench.features.store.entry import Entry, entry_record, mark_used, write_entry
from bench.features.store.garbage import BUSY, DAY_S, Garbage, collect, last_use, remove_networks
from bench.features.store.keys import entry_of
from bench.plugins.registry import extractor

NOW = time.time()


def put(store: Path, cells: list[str] | None = None, **changes: Any) -> Entry:
    """Write an entry that the installed software would make, but for some components."""
    cells = cells or ["00" * 32]
    found = entry_of(store, extractor("size"), cells, weights_dir=None, threads=1)
    entry = Entry(found.folder, {**found.components, **changes})
    write_entry(entry.folder, np.zeros((len(cells), 1), np.float32), ["a"], components=entry.components, rows=cells)
    entry.lock_path.touch()
    return entry


def age(path: Path, days: float) -> None:
    """Give a file or a folder and all in it another time."""
    for at in (*path.rglob("*"), path):
        os.utime(at, (NOW - days * DAY_S,) * 2, follow_symlinks=False)


def reasons(found: list[Garbage]) -> dict[str, str]:
    return {one.thing.path.name: one.why for one in found}


def test_a_whole_entry_stays_and_a_stale_one_goes_with_its_lock_and_its_folder(tmp_path: Path) -> None:
    good = put(tmp_path)
    stale = put(tmp_path, ["01" * 32], code="0" * 64, libraries={})
    size = sum(file.stat().st_size for file in stale.folder.iterdir())
    (gone,) = collect(tmp_path, now=NOW)
    assert (gone.thing.path, gone.why, gone.kept) == (stale.folder, "made by other code, libraries", "")
    assert gone.bytes == size > 0
    assert not stale.folder.exists()
    assert not stale.lock_path.exists()
    assert entry_record(good.folder)["cells"] == 1
    assert good.lock_path.exists()
    assert sorted(p.name for p in good.folder.parent.iterdir()) == [good.folder.name, good.lock_path.name]


def test_a_dry_run_tells_the_same_and_removes_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, ["01" * 32], extractor="gone.Extractor")
    before = sorted(tmp_path.rglob("*"))
    told = collect(tmp_path, dry_run=True, now=NOW)
    assert sorted(tmp_path.rglob("*")) == before
    assert list(reasons(told).values()) == ["its extractor is not installed"]
    assert collect(tmp_path, now=NOW) == told
    assert sorted(tmp_path.rglob("*")) != before


def test_left_overs_go_after_a_day(tmp_path: Path) -> None:
    entry = put(tmp_path)
    entry.partial.mkdir()
    (entry.partial / "values.npy").write_bytes(b"1" * 100)
    remnant = entry.folder.with_name(".unfinished-abcd")
    remnant.mkdir()
    for days, gone in ((0.9, set()), (1.1, {entry.partial.name, remnant.name})):
        age(entry.partial, days)
        age(remnant, days)
        assert {one.thing.path.name for one in collect(tmp_path, now=NOW)} == gone
    assert entry.stored
    assert not entry.partial.exists()
    assert not remnant.exists()


def test_what_was_written_into_lately_is_not_left_over(tmp_path: Path) -> None:
    """The folder itself keeps its time while files in it are written to."""
    partial = tmp_path / "features" / f"size-{1:016x}" / f"{1:016x}.partial"
    partial.mkdir(parents=True)
    (partial / "values.npy").write_bytes(b"1")
    age(partial, 5)
    os.utime(partial / "values.npy", (NOW - 60,) * 2)
    assert collect(tmp_path, now=NOW) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_another_process_works_on_stays(tmp_path: Path, dry_run: bool) -> None:
    stale = put(tmp_path, code="0" * 64)
    stale.partial.mkdir()
    age(stale.partial, 9)
    with FileLock(stale.lock_path):
        found = collect(tmp_path, dry_run=dry_run, now=NOW)
        assert {one.thing.path: one.kept for one in found} == {stale.folder: BUSY, stale.partial: BUSY}
        assert stale.stored
        assert stale.partial.is_dir()
    assert [one.kept for one in collect(tmp_path, now=NOW)] == ["", ""]
    assert not stale.folder.exists()


def test_a_lock_of_nothing_goes_unless_it_is_held(tmp_path: Path) -> None:
    entry = put(tmp_path)
    alone = entry.lock_path.with_name(f"{1:016x}.lock")
    with FileLock(alone):
        assert [one.kept for one in collect(tmp_path, now=NOW)] == [BUSY]
        assert alone.exists()
    assert reasons(collect(tmp_path, now=NOW)) == {alone.name: "a lock of nothing"}
    assert not alone.exists()
    assert entry.lock_path.exists()


def test_older_layouts_go_whole(tmp_path: Path) -> None:
    room = tmp_path / "features"
    for name in (f"size-{1:016x}", f"size-{2:016x}.shards"):
        (room / name).mkdir(parents=True)
        (room / name / "entry.json").write_text("{}")
    (room / f"size-{1:016x}.lock").touch()
    found = collect(tmp_path, now=NOW)
    assert set(reasons(found).values()) == {"laid out by an older version of the toolkit"}
    assert list(room.iterdir()) == []


def test_an_entry_that_cannot_be_read_goes(tmp_path: Path) -> None:
    entry = put(tmp_path)
    (entry.folder / "entry.json").write_text("{")
    assert list(reasons(collect(tmp_path, now=NOW)).values()) == ["what it says of itself cannot be read"]
    assert not entry.folder.exists()


def test_an_empty_folder_goes_after_a_day(tmp_path: Path) -> None:
    folder = tmp_path / "features" / f"size-{1:016x}"
    folder.mkdir(parents=True)
    assert collect(tmp_path, now=NOW) == []
    age(folder, 2)
    assert reasons(collect(tmp_path, now=NOW)) == {folder.name: "an empty folder"}
    assert list((tmp_path / "features").iterdir()) == []


def test_what_was_not_used_for_long_goes_when_it_is_asked_for(tmp_path: Path) -> None:
    used, unused = put(tmp_path), put(tmp_path, ["01" * 32])
    for entry in (used, unused):
        age(entry.folder, 40)
    mark_used(used.folder)
    os.utime(used.folder / "used", (NOW - 5 * DAY_S,) * 2)
    assert last_use(used.folder) == pytest.approx(NOW - 5 * DAY_S, abs=1)
    assert last_use(unused.folder) == pytest.approx(NOW - 40 * DAY_S, abs=1)
    assert collect(tmp_path, now=NOW) == []
    assert collect(tmp_path, older_than=41, now=NOW) == []
    (gone,) = collect(tmp_path, older_than=30, now=NOW)
    assert (gone.thing.path, gone.why) == (unused.folder, "not used for 40 days")
    assert (used.stored, unused.stored) == (True, False)


def test_no_link_is_followed_and_nothing_foreign_is_touched(tmp_path: Path) -> None:
    outside = put(tmp_path / "other", code="0" * 64)
    place = tmp_path / "store" / "features" / f"size-{1:016x}"
    place.mkdir(parents=True)
    (place / f"{1:016x}").symlink_to(outside.folder)
    (place / f"{2:016x}.partial").symlink_to(outside.folder)
    (place / f"{3:016x}.lock").symlink_to(outside.folder / "entry.json")
    (place / "notes").write_text("mine")
    (tmp_path / "store" / "fitted").symlink_to(tmp_path / "other" / "features")
    inside = put(tmp_path / "store", code="1" * 64)
    (inside.folder / "link").symlink_to(outside.folder)
    age(tmp_path / "store", 30)
    before = sorted((tmp_path / "other").rglob("*"))
    found = collect(tmp_path / "store", older_than=1, now=NOW)
    assert [one.thing.path for one in found] == [inside.folder]
    assert sorted((tmp_path / "other").rglob("*")) == before
    assert entry_record(outside.folder)["cells"] == 1
    assert len(list(place.iterdir())) == 4


def test_what_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = put(tmp_path, code="0" * 64)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    (kept,) = collect(tmp_path, now=NOW)
    assert kept.kept == "it cannot be removed (Permission denied)"
    assert entry.stored


def test_an_empty_or_missing_store_has_nothing_to_remove(tmp_path: Path) -> None:
    assert collect(tmp_path) == []
    assert collect(tmp_path / "nowhere") == []
    (tmp_path / "features").write_text("a file")
    assert collect(tmp_path) == []


def test_a_store_that_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "features").mkdir()

    def refuse(self: Path) -> None:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(BenchError, match="cannot be read"):
        collect(tmp_path)


def test_networks_that_other_versions_converted_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from extractors.networks.inference import network_cache  # noqa: PLC0415

    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path))
    versions = network_cache._versions()
    makers = {"now": versions, "old": {"libraries": {"openvino": "1"}}, "unused": versions}
    for name, maker in makers.items():
        folder = tmp_path / "networks" / name
        folder.mkdir(parents=True)
        (folder / "network.json").write_text(json.dumps({"model": f"net_{name}", "versions": maker}))
        (folder / "network.bin").write_bytes(b"1" * 100)
    os.utime(tmp_path / "networks" / "unused" / "network.json", (NOW - 40 * DAY_S,) * 2)
    told = remove_networks(dry_run=True, now=NOW)
    assert reasons(told) == {"old": "net_old, converted by other libraries or other code"}
    assert told[0].bytes == 100 + (tmp_path / "networks" / "old" / "network.json").stat().st_size
    assert (tmp_path / "networks" / "old").is_dir()
    assert remove_networks(now=NOW) == told
    assert reasons(remove_networks(older_than=30, now=NOW)) == {"unused": "net_unused, not used for 40 days"}
    assert [p.name for p in (tmp_path / "networks").iterdir()] == ["now"]
